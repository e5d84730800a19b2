/// Reads contents as values, each format by a parser of its own.
///
/// ``core`` knows JSON and plain text. Others are added:
///
/// ```swift
/// let reader = ConfigReader.core.adding(.toml, parseTOML)
/// let limits = try reader.decode(Limits.self, from: entry.content)
/// ```
///
/// A media type that ends in `+json` or `+yaml` is read as JSON or YAML (RFC 6839, RFC 9512).
public struct ConfigReader: Sendable {
    /// Makes a value of a content, or says where it cannot.
    public typealias Parser = @Sendable (_ content: ConfigContent) throws(ConfigFormatError) -> ConfigValue

    /// How deep lists and objects may stand in each other, in every format.
    public static let maximumDepth = 128

    /// Reads JSON as RFC 8259 has it, and plain text in UTF-8 as one ``ConfigValue/string(_:)``.
    ///
    /// In JSON, an object has a key once only. A number without fraction and exponent must fit 64 bits, and any other
    /// must have a value that is neither infinite nor so small that nothing is left of it.
    public static let core = ConfigReader(parsers: [
        .json: { (content) throws(ConfigFormatError) in try JSONValueParser.parse(content) },
        .plain: { (content) throws(ConfigFormatError) in .string(try content.checkedText()) },
    ])

    private var parsers: [ConfigContent.Format: Parser]

    /// Creates a reader that knows exactly these formats.
    ///
    /// - Parameter parsers: A parser for each format.
    public init(parsers: [ConfigContent.Format: Parser]) {
        self.parsers = parsers
    }

    /// The same reader with one more format, or another parser for one.
    ///
    /// - Parameters:
    ///   - format: The format.
    ///   - parser: What reads it.
    /// - Returns: The new reader.
    public func adding(_ format: ConfigContent.Format, _ parser: @escaping Parser) -> ConfigReader {
        var copy = self
        copy.parsers[format] = parser
        return copy
    }

    /// Whether there is a parser for a format.
    ///
    /// - Parameter format: The format.
    /// - Returns: Whether ``parse(_:)`` may succeed.
    public func canRead(_ format: ConfigContent.Format) -> Bool {
        self.parser(for: format) != nil
    }

    /// Reads a content as a value.
    ///
    /// - Parameter content: What to read.
    /// - Returns: The whole of it.
    /// - Throws: A ``ConfigFormatError`` that says where the text breaks the rules of its format, or that there is no
    ///   parser for it, as for ``ConfigContent/Format/binary``.
    public func parse(_ content: ConfigContent) throws(ConfigFormatError) -> ConfigValue {
        guard let parser = self.parser(for: content.format) else { throw self.unknown(content.format) }
        return try parser(content)
    }

    /// Reads a content as a value of a Swift type.
    ///
    /// What ``ConfigValue/decode(_:)`` says about types holds here.
    ///
    /// - Parameters:
    ///   - type: The type.
    ///   - content: What to read.
    /// - Returns: The value.
    /// - Throws: A ``ConfigFormatError`` as of ``parse(_:)``, or with the path of a value that the type does not take.
    public func decode<T: Decodable>(_ type: T.Type, from content: ConfigContent) throws(ConfigFormatError) -> T {
        let value = try self.parse(content)
        do throws(ValidationError) {
            return try value.decode(type)
        } catch {
            throw ConfigFormatError(format: content.format, path: error.field, message: error.message)
        }
    }

    /// Checks that a content is what its format calls for; one of a format without parser may be anything.
    ///
    /// - Parameter content: What to check.
    /// - Throws: A ``ConfigFormatError`` that says where the text breaks the rules of its format.
    public func check(_ content: ConfigContent) throws(ConfigFormatError) {
        guard let parser = self.parser(for: content.format) else { return }
        _ = try parser(content)
    }

    private func parser(for format: ConfigContent.Format) -> Parser? {
        self.parsers[format] ?? format.base.flatMap { self.parsers[$0] }
    }

    private func unknown(_ format: ConfigContent.Format) -> ConfigFormatError {
        let known = self.parsers.keys.map(\.mediaType).sorted().joined(separator: ", ")
        let message =
            format == .binary
            ? "bytes of any kind cannot be read as a value; store them with the media type that they have"
            : "no parser for it is at hand here; there is one for \(known.isEmpty ? "nothing" : known)"
        return ConfigFormatError(format: format, message: message)
    }
}

extension ConfigContent.Format {
    /// The format whose grammar this one's texts have, where it is a format of its own all the same.
    fileprivate var base: Self? {
        // The other names of YAML are those that RFC 9512 section 2.1 keeps for what was written before it.
        let aliases = ["text/yaml", "text/x-yaml", "application/x-yaml"]
        if self.mediaType.hasSuffix("+json") { return .json }
        if self.mediaType.hasSuffix("+yaml") || aliases.contains(self.mediaType) { return .yaml }
        return nil
    }
}

extension ConfigContent {
    /// The bytes as a text, or an error for the first byte that is not UTF-8.
    package func checkedText() throws(ConfigFormatError) -> String {
        if let text = self.text { return text }
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = self.bytes.makeIterator()
        var offset = 0
        while case .valid(let scalar) = parser.parseScalar(from: &iterator) { offset += scalar.count }
        throw ConfigFormatError(format: self.format, at: offset, in: self.bytes, message: "the text is not UTF-8 here")
    }
}

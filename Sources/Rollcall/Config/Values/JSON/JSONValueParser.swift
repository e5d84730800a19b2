/// Makes a value of JSON (RFC 8259), strictly.
///
/// ``JSONReader`` reads what programs write to each other; this reads what people write, so its errors have a line and
/// a column, and its limits are those of all formats.
struct JSONValueParser {
    /// The longest text of a number; a double has less than 800 digits that mean anything.
    static let maximumNumberBytes = 1024

    let content: ConfigContent
    var position = 0
    private var depth = 0

    private init(_ content: ConfigContent) {
        self.content = content
    }

    /// Reads a content as one value with nothing but space around it.
    static func parse(_ content: ConfigContent) throws(ConfigFormatError) -> ConfigValue {
        // From here on every piece between ASCII characters is known to be UTF-8.
        _ = try content.checkedText()
        var parser = JSONValueParser(content)
        guard !content.bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw parser.fault("JSON begins with a value, not with a byte order mark")
        }
        let value = try parser.value()
        parser.skipSpace()
        guard parser.peek == nil else { throw parser.fault("nothing may follow the value") }
        return value
    }

    var bytes: [UInt8] { self.content.bytes }

    var peek: UInt8? {
        self.position < self.content.bytes.count ? self.content.bytes[self.position] : nil
    }

    /// An error for the place where the parser is, or for an earlier one.
    func fault(_ message: String, at offset: Int? = nil) -> ConfigFormatError {
        ConfigFormatError(
            format: self.content.format,
            at: offset ?? self.position,
            in: self.content.bytes,
            message: message
        )
    }

    mutating func skipSpace() {
        while let byte = self.peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            self.position += 1
        }
    }

    private mutating func value() throws(ConfigFormatError) -> ConfigValue {
        self.skipSpace()
        guard let byte = self.peek else { throw self.fault("a value is expected here, and the text ends") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try self.object())
        case UInt8(ascii: "["): return .list(try self.list())
        case UInt8(ascii: "\""): return .string(try self.string())
        case UInt8(ascii: "t"): return try self.literal("true", .bool(true))
        case UInt8(ascii: "f"): return try self.literal("false", .bool(false))
        case UInt8(ascii: "n"): return try self.literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try self.number()
        default:
            throw self.fault("a value is expected: an object, a list, a text in quotes, a number, true, false or null")
        }
    }

    private mutating func literal(_ text: String, _ value: ConfigValue) throws(ConfigFormatError) -> ConfigValue {
        let end = self.position + text.utf8.count
        guard self.bytes[self.position...].starts(with: text.utf8),
            end == self.bytes.count || !(self.bytes[end].isASCIILetter || self.bytes[end].isDigit)
        else { throw self.fault("\(text) is the only word that begins like this") }
        self.position = end
        return value
    }

    private mutating func object() throws(ConfigFormatError) -> [String: ConfigValue] {
        try self.open()
        var members: [String: ConfigValue] = [:]
        while try self.continues(until: UInt8(ascii: "}"), isFirst: members.isEmpty, "a key in quotes") {
            let start = self.position
            guard self.peek == UInt8(ascii: "\"") else { throw self.fault("a key in quotes is expected") }
            let key = try self.string()
            guard members[key] == nil else { throw self.fault("the object has this key already", at: start) }
            self.skipSpace()
            guard self.peek == UInt8(ascii: ":") else { throw self.fault("':' is expected behind a key") }
            self.position += 1
            members[key] = try self.value()
        }
        return members
    }

    private mutating func list() throws(ConfigFormatError) -> [ConfigValue] {
        try self.open()
        var elements: [ConfigValue] = []
        while try self.continues(until: UInt8(ascii: "]"), isFirst: elements.isEmpty, "a value") {
            elements.append(try self.value())
        }
        return elements
    }

    private mutating func open() throws(ConfigFormatError) {
        guard self.depth < ConfigReader.maximumDepth else {
            throw self.fault(
                "lists and objects may stand in each other \(ConfigReader.maximumDepth) deep, and no deeper"
            )
        }
        self.position += 1
        self.depth += 1
    }

    /// Steps over what stands between two members, or over the end; says whether there is another.
    private mutating func continues(
        until close: UInt8,
        isFirst: Bool,
        _ member: String
    ) throws(ConfigFormatError) -> Bool {
        self.skipSpace()
        if self.peek == close {
            self.position += 1
            self.depth -= 1
            return false
        }
        guard !isFirst else { return true }
        guard self.peek == UInt8(ascii: ",") else {
            throw self.fault("',' or '\(Character(UnicodeScalar(close)))' is expected")
        }
        self.position += 1
        self.skipSpace()
        guard self.peek != close else { throw self.fault("\(member) is expected behind ','") }
        return true
    }
}

package import Rollcall

/// Makes a value of TOML 1.0, strictly: what the specification calls invalid is an error with its place.
package struct TOMLParser {
    let content: ConfigContent
    var position = 0
    private let root = TOMLTable(.header, depth: 1)

    private init(_ content: ConfigContent) {
        self.content = content
    }

    /// Reads a content as one document, whose value is an object.
    package static func parse(_ content: ConfigContent) throws(ConfigFormatError) -> ConfigValue {
        // From here on every piece between ASCII characters is known to be UTF-8.
        _ = try content.checkedText()
        var parser = TOMLParser(content)
        // Some editors put a mark before the text.
        parser.take([0xEF, 0xBB, 0xBF])
        return try parser.document()
    }

    var bytes: [UInt8] { self.content.bytes }

    var peek: UInt8? {
        self.position < self.content.bytes.count ? self.content.bytes[self.position] : nil
    }

    /// The byte that stands so many after the place where the parser is.
    func peek(after count: Int) -> UInt8? {
        let index = self.position + count
        return index < self.content.bytes.count ? self.content.bytes[index] : nil
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

    /// Steps over bytes if exactly these follow.
    @discardableResult
    mutating func take(_ expected: some Collection<UInt8>) -> Bool {
        guard self.content.bytes[self.position...].starts(with: expected) else { return false }
        self.position += expected.count
        return true
    }

    /// Steps over bytes if exactly this text follows.
    @discardableResult
    mutating func take(_ expected: String) -> Bool { self.take(expected.utf8) }

    /// Steps over space within a line.
    mutating func skipSpace() {
        while let byte = self.peek, byte == 0x20 || byte == 0x09 { self.position += 1 }
    }

    /// Steps over space, line ends and comments.
    mutating func skipLines() throws(ConfigFormatError) {
        repeat {
            self.skipSpace()
            try self.skipComment()
        } while self.takeLineEnd()
    }

    mutating func takeLineEnd() -> Bool { self.take("\n") || self.take([0x0D, 0x0A]) }

    private mutating func skipComment() throws(ConfigFormatError) {
        guard self.take("#") else { return }
        while let byte = self.peek, byte != 0x0A {
            if byte == 0x0D, self.peek(after: 1) == 0x0A { return }
            guard !byte.isTOMLControl else { throw self.fault("a comment has no control characters but tabs") }
            self.position += 1
        }
    }

    private mutating func document() throws(ConfigFormatError) -> ConfigValue {
        var table = self.root
        while true {
            try self.skipLines()
            guard let byte = self.peek else { return self.root.value }
            if byte == UInt8(ascii: "[") {
                table = try self.header()
            } else {
                try self.pair(into: table)
            }
            self.skipSpace()
            try self.skipComment()
            guard self.peek == nil || self.takeLineEnd() else { throw self.fault("the end of the line is expected") }
        }
    }

    /// Reads `key = value` into a table.
    mutating func pair(into table: TOMLTable) throws(ConfigFormatError) {
        let start = self.position
        let keys = try self.keys()
        guard self.take("=") else { throw self.fault("'.' or '=' is expected behind a key") }
        self.skipSpace()
        guard let last = keys.last else { return }
        var table = table
        for key in keys.dropLast() {
            table = try self.checked(at: start) { () throws(TOMLConflict) in try table.dotted(key) }
        }
        guard table.members[last] == nil else { throw self.fault(TOMLConflict.duplicate.message, at: start) }
        table.members[last] = .value(try self.value(depth: table.depth))
    }

    /// Reads `[a.b]` or `[[a.b]]` and returns the table that it begins.
    private mutating func header() throws(ConfigFormatError) -> TOMLTable {
        let start = self.position
        let isElement = self.take("[[")
        if !isElement { self.take("[") }
        self.skipSpace()
        let keys = try self.keys()
        guard self.take(isElement ? "]]" : "]") else {
            throw self.fault("'.' or '\(isElement ? "]]" : "]")' is expected behind a key")
        }
        guard let last = keys.last else { return self.root }
        var table = self.root
        for key in keys.dropLast() {
            table = try self.checked(at: start) { () throws(TOMLConflict) in try table.walked(key) }
        }
        return try self.checked(at: start) { () throws(TOMLConflict) in
            isElement ? try table.appended(last) : try table.opened(last)
        }
    }

    private func checked(
        at offset: Int,
        _ body: () throws(TOMLConflict) -> TOMLTable
    ) throws(ConfigFormatError) -> TOMLTable {
        let table: TOMLTable
        do throws(TOMLConflict) {
            table = try body()
        } catch {
            throw self.fault(error.message, at: offset)
        }
        guard table.depth <= ConfigReader.maximumDepth else { throw self.tooDeep(at: offset) }
        return table
    }

    func tooDeep(at offset: Int) -> ConfigFormatError {
        self.fault(
            "tables and arrays may stand in each other \(ConfigReader.maximumDepth) deep, and no deeper",
            at: offset
        )
    }

    /// Reads keys with dots between them, and the space behind them.
    private mutating func keys() throws(ConfigFormatError) -> [String] {
        var keys: [String] = []
        repeat {
            self.skipSpace()
            keys.append(try self.key())
            self.skipSpace()
        } while self.take(".")
        return keys
    }

    private mutating func key() throws(ConfigFormatError) -> String {
        guard let first = self.peek else { throw self.fault("a key is expected, and the text ends") }
        if first == UInt8(ascii: "\"") { return try self.basicString() }
        if first == UInt8(ascii: "'") { return try self.literalString() }
        let rest = self.bytes[self.position...]
        let key = rest.prefix { $0.isASCIILetter || $0.isDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
        guard !key.isEmpty else {
            throw self.fault("a key is expected: letters A to Z, digits, '_', '-', or a text in quotes")
        }
        self.position = key.endIndex
        return String(decoding: key, as: UTF8.self)
    }
}

extension UInt8 {
    /// What stands in no text and no comment but as an escape.
    var isTOMLControl: Bool { self < 0x20 && self != 0x09 || self == 0x7F }
}

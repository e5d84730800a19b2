import Rollcall

extension TOMLParser {
    /// Reads a text in quotes of any of the four kinds.
    mutating func text() throws(ConfigFormatError) -> String {
        if self.bytes[self.position...].starts(with: #"""""#.utf8) { return try self.lines(quote: UInt8(ascii: "\"")) }
        if self.bytes[self.position...].starts(with: "'''".utf8) { return try self.lines(quote: UInt8(ascii: "'")) }
        return self.peek == UInt8(ascii: "\"") ? try self.basicString() : try self.literalString()
    }

    /// Reads `"…"`.
    mutating func basicString() throws(ConfigFormatError) -> String {
        let start = self.position
        self.position += 1
        var text: [UInt8] = []
        while let byte = self.peek {
            switch byte {
            case UInt8(ascii: "\""):
                self.position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try self.escape(into: &text)
            default:
                try self.checkCharacter(byte)
                text.append(byte)
                self.position += 1
            }
        }
        throw self.unterminated(start)
    }

    /// Reads `'…'`.
    mutating func literalString() throws(ConfigFormatError) -> String {
        let start = self.position
        self.position += 1
        while let byte = self.peek {
            if byte == UInt8(ascii: "'") {
                self.position += 1
                return String(decoding: self.bytes[(start + 1)..<(self.position - 1)], as: UTF8.self)
            }
            try self.checkCharacter(byte)
            self.position += 1
        }
        throw self.unterminated(start)
    }

    /// Reads a text of several lines between three quotes.
    private mutating func lines(quote: UInt8) throws(ConfigFormatError) -> String {
        let start = self.position
        self.position += 3
        // The line of the opening quotes is not part of the text if nothing follows in it.
        _ = self.takeLineEnd()
        var text: [UInt8] = []
        while let byte = self.peek {
            if byte == quote {
                if self.takeQuotes(quote, into: &text) { return String(decoding: text, as: UTF8.self) }
            } else if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                if try !self.skipEscapedLineEnd() { try self.escape(into: &text) }
            } else if self.takeLineEnd() {
                text.append(0x0A)
            } else {
                try self.checkCharacter(byte)
                text.append(byte)
                self.position += 1
            }
        }
        throw self.unterminated(start)
    }

    /// Takes all quotes that follow; up to two may stand before the three that end the text.
    private mutating func takeQuotes(_ quote: UInt8, into text: inout [UInt8]) -> Bool {
        let count = min(5, self.bytes[self.position...].prefix { $0 == quote }.count)
        self.position += count
        let isEnd = count >= 3
        text.append(contentsOf: [UInt8](repeating: quote, count: isEnd ? count - 3 : count))
        return isEnd
    }

    /// Steps over `\` at the end of a line and all space and empty lines that follow it.
    private mutating func skipEscapedLineEnd() throws(ConfigFormatError) -> Bool {
        let start = self.position
        self.position += 1
        self.skipSpace()
        guard self.takeLineEnd() else {
            self.position = start
            return false
        }
        repeat { self.skipSpace() } while self.takeLineEnd()
        return true
    }

    private mutating func escape(into text: inout [UInt8]) throws(ConfigFormatError) {
        let start = self.position
        self.position += 1
        guard let byte = self.peek else { throw self.fault("a character is expected behind '\\'") }
        self.position += 1
        switch byte {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(byte)
        case UInt8(ascii: "u"): text.append(contentsOf: try self.codePoint(digits: 4, start))
        case UInt8(ascii: "U"): text.append(contentsOf: try self.codePoint(digits: 8, start))
        default: throw self.fault("one of btnfr\"\\uU is expected behind '\\'", at: start)
        }
    }

    private mutating func codePoint(digits: Int, _ start: Int) throws(ConfigFormatError) -> String.UTF8View {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let digit = self.peek?.hexadecimalValue else {
                throw self.fault("\(digits) hexadecimal digits are expected in this escape")
            }
            value = value << 4 | UInt32(digit)
            self.position += 1
        }
        guard let scalar = UnicodeScalar(value) else {
            throw self.fault("there is no Unicode character of this number", at: start)
        }
        return String(scalar).utf8
    }

    private func checkCharacter(_ byte: UInt8) throws(ConfigFormatError) {
        guard byte.isTOMLControl else { return }
        let isLineEnd = byte == 0x0A || byte == 0x0D && self.peek(after: 1) == 0x0A
        throw self.fault(
            isLineEnd
                ? "a text between single quotes or double quotes ends in its line; one of several lines has three of them"
                : "a text has no control characters but tabs, and others as escapes"
        )
    }

    private func unterminated(_ start: Int) -> ConfigFormatError {
        self.fault("the text that begins here has no quote at its end", at: start)
    }
}

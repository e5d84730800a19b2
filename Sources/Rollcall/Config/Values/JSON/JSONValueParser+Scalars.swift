extension JSONValueParser {
    /// Reads a number by the grammar of RFC 8259 section 6.
    mutating func number() throws(ConfigFormatError) -> ConfigValue {
        let start = self.position
        if self.peek == UInt8(ascii: "-") { self.position += 1 }
        if self.peek == UInt8(ascii: "0") {
            self.position += 1
            guard self.peek?.isDigit != true else { throw self.fault("a number has no zeros at its front") }
        } else {
            try self.digits()
        }
        var isWhole = true
        if self.peek == UInt8(ascii: ".") {
            isWhole = false
            self.position += 1
            try self.digits()
        }
        if let byte = self.peek, byte | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            self.position += 1
            if self.peek == UInt8(ascii: "+") || self.peek == UInt8(ascii: "-") { self.position += 1 }
            try self.digits()
        }
        guard self.position - start <= Self.maximumNumberBytes else {
            throw self.fault("a number may have \(Self.maximumNumberBytes) characters", at: start)
        }
        let text = self.bytes[start..<self.position]
        return isWhole ? try self.whole(text) : try self.fraction(text)
    }

    private func whole(_ text: ArraySlice<UInt8>) throws(ConfigFormatError) -> ConfigValue {
        guard let number = Int64(String(decoding: text, as: UTF8.self)) else {
            throw self.fault("a whole number must lie between \(Int64.min) and \(Int64.max)", at: text.startIndex)
        }
        return .integer(number)
    }

    private func fraction(_ text: ArraySlice<UInt8>) throws(ConfigFormatError) -> ConfigValue {
        let digits = text.prefix { $0 | 0x20 != UInt8(ascii: "e") }
        let isZero = !digits.contains { $0 > UInt8(ascii: "0") }
        guard let number = Double(String(decoding: text, as: UTF8.self)), number.isFinite, isZero || number != 0 else {
            throw self.fault("the number is out of the range of 64-bit floating point", at: text.startIndex)
        }
        return .number(number)
    }

    private mutating func digits() throws(ConfigFormatError) {
        guard self.peek?.isDigit == true else { throw self.fault("a digit is expected") }
        while self.peek?.isDigit == true { self.position += 1 }
    }

    /// Reads a text, at whose opening quote the parser is.
    mutating func string() throws(ConfigFormatError) -> String {
        let start = self.position
        self.position += 1
        var text: [UInt8] = []
        while let byte = self.peek {
            switch byte {
            case UInt8(ascii: "\""):
                self.position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text.append(contentsOf: String(try self.escape()).utf8)
            case 0..<0x20:
                throw self.fault(
                    "a text has no line breaks and control characters but as \\n, \\t, \\u0000 and the like"
                )
            default:
                text.append(byte)
                self.position += 1
            }
        }
        throw self.fault("the text that begins here has no quote at its end", at: start)
    }

    private mutating func escape() throws(ConfigFormatError) -> UnicodeScalar {
        let start = self.position
        self.position += 1
        guard let byte = self.peek else { throw self.fault("a character is expected behind '\\'") }
        guard byte != UInt8(ascii: "u") else { return try self.escapedCodePoint(from: start) }
        let scalar: UnicodeScalar
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = UnicodeScalar(byte)
        case UInt8(ascii: "b"): scalar = "\u{08}"
        case UInt8(ascii: "f"): scalar = "\u{0C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        default: throw self.fault("one of \"\\/bfnrtu is expected behind '\\'")
        }
        self.position += 1
        return scalar
    }

    private mutating func escapedCodePoint(from start: Int) throws(ConfigFormatError) -> UnicodeScalar {
        let first = try self.codeUnit()
        if let scalar = UnicodeScalar(first) { return scalar }
        let isPair = self.bytes[self.position...].starts(with: "\\u".utf8)
        guard UTF16.isLeadSurrogate(first), isPair else { throw self.fault("half of a surrogate pair", at: start) }
        self.position += 1
        let second = try self.codeUnit()
        let value = 0x10000 + (UInt32(first) & 0x3FF) << 10 + (UInt32(second) & 0x3FF)
        guard UTF16.isTrailSurrogate(second), let scalar = UnicodeScalar(value) else {
            throw self.fault("half of a surrogate pair", at: start)
        }
        return scalar
    }

    /// Reads `u` and four hexadecimal digits.
    private mutating func codeUnit() throws(ConfigFormatError) -> UInt16 {
        self.position += 1
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = self.peek?.hexadecimalValue else {
                throw self.fault("four hexadecimal digits are expected behind \\u")
            }
            value = value << 4 | UInt16(digit)
            self.position += 1
        }
        return value
    }
}

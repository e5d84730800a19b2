extension JSONReader {
    var peek: UInt8? {
        self.position < self.bytes.count ? self.bytes[self.position] : nil
    }

    mutating func skipSpace() {
        while let byte = self.peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            self.position += 1
        }
    }

    mutating func expect(_ byte: UInt8) throws(ValidationError) {
        self.skipSpace()
        guard self.peek == byte else { throw self.fault("'\(Character(UnicodeScalar(byte)))'") }
        self.position += 1
    }

    mutating func literal(_ text: String) throws(ValidationError) {
        for byte in text.utf8 {
            guard self.peek == byte else { throw self.fault("'\(text)'") }
            self.position += 1
        }
    }

    func fault(_ expected: String) -> ValidationError {
        let found =
            self.peek == nil
            ? "the end" : String(decoding: self.bytes[self.position...].prefix(16), as: UTF8.self).quotedForDisplay
        return ValidationError(
            field: "",
            message: "at byte \(self.position) of the JSON, \(expected) is expected, not \(found)"
        )
    }

    /// Reads a number by the grammar of RFC 8259 section 6 and returns its text.
    package mutating func number() throws(ValidationError) -> String {
        self.skipSpace()
        let start = self.position
        if self.peek == UInt8(ascii: "-") { self.position += 1 }
        if self.peek == UInt8(ascii: "0") {
            self.position += 1
        } else {
            try self.digits()
        }
        if self.peek == UInt8(ascii: ".") {
            self.position += 1
            try self.digits()
        }
        if let byte = self.peek, byte | 0x20 == UInt8(ascii: "e") {
            self.position += 1
            if self.peek == UInt8(ascii: "+") || self.peek == UInt8(ascii: "-") { self.position += 1 }
            try self.digits()
        }
        return String(decoding: self.bytes[start..<self.position], as: UTF8.self)
    }

    private mutating func digits() throws(ValidationError) {
        guard self.peek?.isDigit == true else { throw self.fault("a value") }
        while self.peek?.isDigit == true { self.position += 1 }
    }

    /// Reads a text.
    package mutating func string() throws(ValidationError) -> String {
        self.skipSpace()
        guard self.peek == UInt8(ascii: "\"") else { throw self.fault("a text in quotes") }
        self.position += 1
        let start = self.position
        while let byte = self.peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            self.position += 1
        }
        if self.peek == UInt8(ascii: "\"") {
            self.position += 1
            return try self.text(self.bytes[start..<self.position - 1])
        }
        return try self.escapedString(from: start)
    }

    private mutating func escapedString(from start: Int) throws(ValidationError) -> String {
        var unescaped = Array(self.bytes[start..<self.position])
        while let byte = self.peek {
            switch byte {
            case UInt8(ascii: "\""):
                self.position += 1
                return try self.text(unescaped)
            case UInt8(ascii: "\\"):
                self.position += 1
                unescaped.append(contentsOf: String(try self.escape()).utf8)
            case 0..<0x20:
                throw self.fault("no control character within a text")
            default:
                unescaped.append(byte)
                self.position += 1
            }
        }
        throw self.fault("the quote that ends a text")
    }

    private func text(_ utf8: some Collection<UInt8>) throws(ValidationError) -> String {
        guard let text = String(validating: utf8, as: UTF8.self) else {
            throw ValidationError(field: "", message: "a text before byte \(self.position) of the JSON is not UTF-8")
        }
        return text
    }

    private mutating func escape() throws(ValidationError) -> UnicodeScalar {
        guard let byte = self.peek else { throw self.fault("an escaped character") }
        let simple: [UInt8: UnicodeScalar] = [
            UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{08}",
            UInt8(ascii: "f"): "\u{0C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
        ]
        guard byte == UInt8(ascii: "u") else {
            guard let scalar = simple[byte] else { throw self.fault("one of \"\\/bfnrtu behind '\\'") }
            self.position += 1
            return scalar
        }
        let first = try self.codeUnit()
        if let scalar = UnicodeScalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), self.peek == UInt8(ascii: "\\") else {
            throw self.fault("the other half of a surrogate pair")
        }
        self.position += 1
        let second = try self.codeUnit()
        guard UTF16.isTrailSurrogate(second) else { throw self.fault("the other half of a surrogate pair") }
        let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        guard let scalar = UnicodeScalar(value) else { throw self.fault("a Unicode character") }
        return scalar
    }

    private mutating func codeUnit() throws(ValidationError) -> UInt16 {
        guard self.peek == UInt8(ascii: "u") else { throw self.fault("the other half of a surrogate pair") }
        self.position += 1
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = self.peek?.hexadecimalValue else { throw self.fault("four hexadecimal digits") }
            value = value << 4 | UInt16(digit)
            self.position += 1
        }
        return value
    }
}

import Rollcall

extension TOMLParser {
    /// The longest text of a number; a double has less than 800 digits that mean anything.
    private static let maximumNumberBytes = 1024

    /// Reads a value that stands in so many tables and arrays.
    mutating func value(depth: Int) throws(ConfigFormatError) -> ConfigValue {
        guard let byte = self.peek else { throw self.fault("a value is expected, and the text ends") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try self.text())
        case UInt8(ascii: "["): return .list(try self.array(depth: depth + 1))
        case UInt8(ascii: "{"): return try self.inlineTable(depth: depth + 1)
        default: return try self.word()
        }
    }

    private mutating func array(depth: Int) throws(ConfigFormatError) -> [ConfigValue] {
        guard depth <= ConfigReader.maximumDepth else { throw self.tooDeep(at: self.position) }
        self.position += 1
        var elements: [ConfigValue] = []
        while true {
            try self.skipLines()
            if self.take("]") { return elements }
            elements.append(try self.value(depth: depth))
            try self.skipLines()
            guard self.take(",") || self.peek == UInt8(ascii: "]") else { throw self.fault("',' or ']' is expected") }
        }
    }

    private mutating func inlineTable(depth: Int) throws(ConfigFormatError) -> ConfigValue {
        guard depth <= ConfigReader.maximumDepth else { throw self.tooDeep(at: self.position) }
        self.position += 1
        let table = TOMLTable(.header, depth: depth)
        self.skipSpace()
        if self.take("}") { return table.value }
        while true {
            self.skipSpace()
            try self.pair(into: table)
            self.skipSpace()
            if self.take("}") { return table.value }
            guard self.take(",") else { throw self.fault("',' or '}' is expected, in the same line") }
        }
    }

    /// Reads what is neither in quotes nor in brackets.
    private mutating func word() throws(ConfigFormatError) -> ConfigValue {
        let start = self.position
        let rest = self.bytes[start...]
        var word = rest.prefix(while: \.isTOMLWord)
        guard !word.isEmpty else { throw self.fault("a value is expected") }
        // A date may have a space before its time, and then a digit follows.
        let isDate = DateTimeText(word)?.kind == .localDate
        if isDate, rest.dropFirst(word.count).first == 0x20, rest.dropFirst(word.count + 1).first?.isDigit == true {
            word = rest.prefix(word.count + 1 + rest.dropFirst(word.count + 1).prefix(while: \.isTOMLWord).count)
        }
        guard word.count <= Self.maximumNumberBytes else {
            throw self.fault("a number may have \(Self.maximumNumberBytes) characters")
        }
        self.position = word.endIndex
        switch String(decoding: word, as: UTF8.self) {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "inf", "+inf": return .number(.infinity)
        case "-inf": return .number(-.infinity)
        case "nan", "+nan": return .number(.nan)
        case "-nan": return .number(-.nan)
        default: return try self.number(word)
        }
    }

    private func number(_ word: ArraySlice<UInt8>) throws(ConfigFormatError) -> ConfigValue {
        if DateTimeText(word) != nil {
            let text = String(decoding: word, as: UTF8.self).uppercased()
            return .string(text.replacing(" ", with: "T"))
        }
        if word.first == UInt8(ascii: "0"), let radix = word.dropFirst().first.flatMap(TOMLNumber.radix) {
            return .integer(try self.integer(word.dropFirst(2), radix: radix, word))
        }
        let digits = word.first == UInt8(ascii: "+") || word.first == UInt8(ascii: "-") ? word.dropFirst() : word
        if digits.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: "_") }) {
            guard TOMLNumber.isWhole(digits) else { throw self.badWord(word) }
            return .integer(try self.integer(word, radix: 10, word))
        }
        guard TOMLNumber.isFraction(digits) else { throw self.badWord(word) }
        let text = String(decoding: word.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        let isZero = !digits.prefix { $0 | 0x20 != UInt8(ascii: "e") }.contains { $0 > 0x30 && $0.isDigit }
        guard let number = Double(text), number.isFinite, isZero || number != 0 else {
            throw self.fault("the number is out of the range of 64-bit floating point", at: word.startIndex)
        }
        return .number(number)
    }

    private func integer(
        _ digits: ArraySlice<UInt8>,
        radix: Int,
        _ word: ArraySlice<UInt8>
    ) throws(ConfigFormatError) -> Int64 {
        guard radix == 10 || TOMLNumber.isDigits(digits, radix: radix) else { throw self.badWord(word) }
        let text = String(decoding: digits.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
        guard let number = Int64(text, radix: radix) else {
            throw self.fault("a whole number must lie between \(Int64.min) and \(Int64.max)", at: word.startIndex)
        }
        return number
    }

    private func badWord(_ word: ArraySlice<UInt8>) -> ConfigFormatError {
        self.fault(
            "a value is expected: a text in quotes, a number, true, false, a date or a time, an array or a table",
            at: word.startIndex
        )
    }
}

/// The grammar of numbers, sign apart.
enum TOMLNumber {
    /// The base of `0x…`, `0o…` and `0b…`.
    static func radix(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "x"): 16
        case UInt8(ascii: "o"): 8
        case UInt8(ascii: "b"): 2
        default: nil
        }
    }

    /// Whether these are digits, with single `_` between them.
    static func isDigits(_ text: ArraySlice<UInt8>, radix: Int = 10) -> Bool {
        text.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part.allSatisfy { $0.hexadecimalValue.map { $0 < radix } ?? false }
        }
    }

    /// Whether these are digits without a zero at their front.
    static func isWhole(_ text: ArraySlice<UInt8>) -> Bool {
        self.isDigits(text) && (text.count == 1 || text.first != UInt8(ascii: "0"))
    }

    /// Whether it is a whole number with a fraction, an exponent or both.
    static func isFraction(_ text: ArraySlice<UInt8>) -> Bool {
        let mantissa = text.prefix { $0 | 0x20 != UInt8(ascii: "e") }
        if mantissa.endIndex < text.endIndex {
            let exponent = text[(mantissa.endIndex + 1)...]
            let isSigned = exponent.first == UInt8(ascii: "+") || exponent.first == UInt8(ascii: "-")
            guard self.isDigits(isSigned ? exponent.dropFirst() : exponent) else { return false }
        }
        let whole = mantissa.prefix { $0 != UInt8(ascii: ".") }
        guard self.isWhole(whole) else { return false }
        return whole.endIndex == mantissa.endIndex
            ? mantissa.endIndex < text.endIndex : self.isDigits(mantissa[(whole.endIndex + 1)...])
    }
}

extension UInt8 {
    /// What a number, a date or a word has.
    fileprivate var isTOMLWord: Bool {
        self.isASCIILetter || self.isDigit || "+-_.:".utf8.contains(self)
    }
}

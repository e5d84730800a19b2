import Rollcall

/// A text of a document, which may stand for something else.
struct YAMLScalar {
    /// The longest text of a number; a double has less than 800 digits that mean anything.
    static let maximumNumberBytes = 1024

    let text: String
    /// Whether it stands there without quotes, in its line.
    let isPlain: Bool

    /// What it stands for by the core schema (YAML 1.2.2 section 10.3.2).
    ///
    /// - Parameter tag: The tag before it.
    /// - Returns: The value.
    /// - Throws: A ``YAMLFault`` for a tag that the text does not fit, and for numbers out of range.
    func value(tag: String?) throws(YAMLFault) -> ConfigValue {
        switch tag {
        case nil:
            return self.isPlain ? try self.resolved() : .string(self.text)
        case "!", "tag:yaml.org,2002:str":
            return .string(self.text)
        case "tag:yaml.org,2002:null":
            guard self.isNull else { throw YAMLFault("!!null stands before something else") }
            return .null
        case "tag:yaml.org,2002:bool":
            guard let flag = self.flag else { throw YAMLFault("!!bool stands before what is neither true nor false") }
            return .bool(flag)
        case "tag:yaml.org,2002:int":
            guard let number = try self.integer() else { throw YAMLFault("!!int stands before no whole number") }
            return .integer(number)
        case "tag:yaml.org,2002:float":
            if let number = try self.number() { return .number(number) }
            guard let number = try self.integer() else { throw YAMLFault("!!float stands before no number") }
            return .number(Double(number))
        default:
            throw YAMLFault("of tags for a text there are !, !!null, !!bool, !!int, !!float and !!str")
        }
    }

    private func resolved() throws(YAMLFault) -> ConfigValue {
        if self.isNull { return .null }
        if let flag = self.flag { return .bool(flag) }
        guard let first = self.text.utf8.first, first.isDigit || "+-.".utf8.contains(first) else {
            return .string(self.text)
        }
        if let number = try self.integer() { return .integer(number) }
        return try self.number().map { .number($0) } ?? .string(self.text)
    }

    private var isNull: Bool { ["", "~", "null", "Null", "NULL"].contains(self.text) }

    private var flag: Bool? {
        switch self.text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// `-12`, `0o14` or `0xC`; `nil` for what is none.
    private func integer() throws(YAMLFault) -> Int64? {
        let bytes = Array(self.text.utf8)[...]
        let radix = bytes.starts(with: "0o".utf8) ? 8 : bytes.starts(with: "0x".utf8) ? 16 : 10
        let digits = radix == 10 ? bytes.droppingSign : bytes.dropFirst(2)
        guard !digits.isEmpty, digits.allSatisfy({ $0.hexadecimalValue.map { $0 < radix } ?? false }) else {
            return nil
        }
        try self.checkLength()
        let text = radix == 10 ? self.text[...] : self.text.dropFirst(2)
        guard let number = Int64(text, radix: radix) else {
            throw YAMLFault("a whole number must lie between \(Int64.min) and \(Int64.max); a text stands in quotes")
        }
        return number
    }

    /// `1.5`, `.5`, `5.`, `1e3`, `.inf` or `.nan`; `nil` for what is none.
    private func number() throws(YAMLFault) -> Double? {
        let bytes = Array(self.text.utf8)[...]
        let unsigned = bytes.droppingSign
        switch String(decoding: unsigned, as: UTF8.self) {
        case ".inf", ".Inf", ".INF": return bytes.first == UInt8(ascii: "-") ? -.infinity : .infinity
        case ".nan", ".NaN", ".NAN": return unsigned.count == bytes.count ? .nan : nil
        default: break
        }
        let mantissa = unsigned.prefix { $0 | 0x20 != UInt8(ascii: "e") }
        let exponent = unsigned[mantissa.endIndex...].dropFirst()
        let parts = mantissa.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let whole = parts.first ?? []
        let fraction = parts.count > 1 ? parts[1] : []
        let isComplete = !whole.isEmpty || !fraction.isEmpty
        guard isComplete, whole.allSatisfy(\.isDigit), fraction.allSatisfy(\.isDigit) else { return nil }
        let power = exponent.droppingSign
        guard power.allSatisfy(\.isDigit), power.isEmpty == (mantissa.endIndex == unsigned.endIndex) else { return nil }
        try self.checkLength()
        // Swift wants digits on both sides of the point.
        let sign = bytes.first == UInt8(ascii: "-") ? "-" : ""
        let digits =
            "0" + String(decoding: whole, as: UTF8.self) + "." + String(decoding: fraction, as: UTF8.self) + "0"
        let text = sign + digits + "e" + (power.isEmpty ? "0" : String(decoding: exponent, as: UTF8.self))
        let isZero = !mantissa.contains { $0 > UInt8(ascii: "0") }
        guard let number = Double(text), number.isFinite, isZero || number != 0 else {
            throw YAMLFault("the number is out of the range of 64-bit floating point; a text stands in quotes")
        }
        return number
    }

    private func checkLength() throws(YAMLFault) {
        guard self.text.utf8.count <= Self.maximumNumberBytes else {
            throw YAMLFault("a number may have \(Self.maximumNumberBytes) characters; a text stands in quotes")
        }
    }
}

/// What is wrong with a value, in words that have nothing of it.
struct YAMLFault: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

extension ArraySlice<UInt8> {
    fileprivate var droppingSign: ArraySlice<UInt8> {
        self.first == UInt8(ascii: "+") || self.first == UInt8(ascii: "-") ? self.dropFirst() : self
    }
}

extension ConfigContent {
    /// Whether there is nothing in it: no bytes, only white space, or JSON's `null`, `""`, `[]` and `{}`.
    ///
    /// `0` and `false` are something: a limit of zero and a switch that is off are what somebody means. What is empty
    /// does not depend on how it is written or would be decoded.
    var isBlank: Bool {
        guard self.format != .binary else { return self.bytes.isEmpty }
        let dense = Array(self.bytes.lazy.filter { !Self.isSpace($0) }.prefix(5))
        guard !dense.isEmpty else { return true }
        switch self.format {
        case .json: return ["null", "\"\"", "[]", "{}"].contains { dense.elementsEqual($0.utf8) } && !self.isSpacedText
        case .yaml:
            let isNothing = ["null", "~", "\"\"", "''", "[]", "{}"].contains { dense.elementsEqual($0.utf8) }
            return (isNothing && !self.isSpacedText) || self.isOnlyRemarks
        case .toml: return self.isOnlyRemarks
        default: return false
        }
    }

    /// Whether it is a quoted text of white space alone, which is something.
    private var isSpacedText: Bool {
        let trimmed = self.bytes.drop(while: Self.isSpace).reversed().drop(while: Self.isSpace)
        return trimmed.count > 2 && (trimmed.first == UInt8(ascii: "\"") || trimmed.first == UInt8(ascii: "'"))
    }

    /// Whether each line is empty or a remark.
    private var isOnlyRemarks: Bool {
        self.bytes.split(separator: 0x0A).allSatisfy { line in
            let first = line.first { !Self.isSpace($0) }
            return first == nil || first == UInt8(ascii: "#")
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

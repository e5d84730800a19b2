extension UInt8 {
    /// `0` to `9`.
    package var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    /// `a` to `z` or `A` to `Z`.
    package var isASCIILetter: Bool {
        let lowered = self | 0x20
        return lowered >= UInt8(ascii: "a") && lowered <= UInt8(ascii: "z")
    }

    /// The value of a hexadecimal digit, or `nil`.
    package var hexadecimalValue: UInt8? {
        if self.isDigit { return self - UInt8(ascii: "0") }
        let lowered = self | 0x20
        guard lowered >= UInt8(ascii: "a"), lowered <= UInt8(ascii: "f") else { return nil }
        return lowered - UInt8(ascii: "a") + 10
    }
}

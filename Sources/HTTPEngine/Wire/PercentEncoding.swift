package import Rollcall

/// Percent-encoding of paths and queries (RFC 3986 section 2.1).
package enum PercentEncoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Encodes a text as one segment of a path, or one name or value of a query.
    package static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes.append(UInt8(ascii: "%"))
                bytes.append(self.digits[Int(byte >> 4)])
                bytes.append(self.digits[Int(byte & 15)])
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Decodes a segment, name or value.
    ///
    /// - Parameters:
    ///   - text: What to decode.
    ///   - field: What to name in errors.
    ///   - plusIsSpace: Whether `+` stands for a space, as in queries of forms.
    /// - Returns: The text.
    /// - Throws: A ``ValidationError`` for an escape that is no hexadecimal number, or bytes that are not UTF-8.
    package static func decode(
        _ text: Substring,
        field: String,
        plusIsSpace: Bool = false
    ) throws(ValidationError) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = iterator.next()?.hexadecimalDigit, let low = iterator.next()?.hexadecimalDigit else {
                    throw ValidationError(
                        field: field,
                        message: "\(text.quotedForDisplay) has a '%' without two hexadecimal digits behind it"
                    )
                }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(0x20)
            default: bytes.append(byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw ValidationError(field: field, message: "\(text.quotedForDisplay) does not decode to UTF-8")
        }
        return decoded
    }
}

extension UInt8 {
    /// The value of a hexadecimal digit, or `nil`.
    fileprivate var hexadecimalDigit: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

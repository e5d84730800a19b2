/// What a lease's holder shows that it is the holder: a secret, or a hash of one.
///
/// A hash of 256 bits takes 32 bytes here, a third of what its digits would.
package enum LeaseProof: Hashable, Sendable {
    /// A hash, in words from the first to the last.
    case hash(UInt64, UInt64, UInt64, UInt64)
    /// Any other text.
    case text(String)

    /// Takes the text form: a hash if it is 64 hexadecimal digits in lower case.
    package init(_ text: String) {
        guard let words = Self.words(text) else {
            self = .text(text)
            return
        }
        self = .hash(words[0], words[1], words[2], words[3])
    }

    /// The text form.
    package var text: String {
        switch self {
        case .text(let text): return text
        case .hash(let first, let second, let third, let fourth):
            return String(unsafeUninitializedCapacity: 64) { buffer in
                for (index, word) in [first, second, third, fourth].enumerated() {
                    for digit in 0..<16 {
                        let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - digit * 4)) & 15
                        buffer[index * 16 + digit] = value < 10 ? 48 + value : 87 + value
                    }
                }
                return 64
            }
        }
    }

    private static func words(_ text: String) -> [UInt64]? {
        guard text.utf8.count == 64 else { return nil }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in text.utf8.enumerated() {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            words[index / 16] = words[index / 16] << 4 | UInt64(value)
        }
        return words
    }
}

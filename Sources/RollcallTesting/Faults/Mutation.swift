package import Rollcall

/// Texts that are nearly right.
package enum Mutation {
    private static let interesting =
        Array("{}[]\",:\\ut0123456789eE+-. \n\r\t#'=_/*&!|>ntf".utf8) + [0, 0x7F, 0x80, 0xC3, 0xFF]

    /// The bytes with one to three changes, always the same ones for a state of the generator.
    package static func of(_ bytes: [UInt8], using generator: inout SplitMix64) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let index = Int.random(in: bytes.indices, using: &generator)
            let byte = Self.interesting[Int.random(in: Self.interesting.indices, using: &generator)]
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[index] = byte
            case 1: bytes.insert(byte, at: index)
            case 2: bytes.remove(at: index)
            case 3: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
            case 4: bytes.removeSubrange(index..<min(bytes.count, index + 8))
            default: bytes.swapAt(index, Int.random(in: bytes.indices, using: &generator))
            }
        }
        return bytes
    }
}

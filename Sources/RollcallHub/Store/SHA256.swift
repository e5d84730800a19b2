import Rollcall

/// SHA-256 (FIPS 180-4), for one purpose: what the journal keeps of a lease's secret.
///
/// The secret has 128 random bits, so that neither salt nor stretching is called for. swift-crypto takes its place
/// where that is at hand; see `docs/decisions/0002-own-sha256.md`.
enum SHA256 {
    private typealias Words = UnsafeMutableBufferPointer<UInt32>

    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]

    private static let initial: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]

    /// The hash of a text's bytes.
    static func hash(_ text: String) -> LeaseProof {
        var text = text
        return text.withUTF8 { bytes in
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 72) { memory in
                // The hash, then the words of a block.
                let hash = Words(rebasing: memory[..<8])
                let words = Words(rebasing: memory[8...])
                for (index, word) in Self.initial.enumerated() { hash[index] = word }
                // Behind the message come a bit and its length.
                for start in stride(from: 0, through: bytes.count + 8, by: 64) {
                    Self.fill(words, bytes, from: start)
                    Self.compress(words, into: hash)
                }
                func pair(_ index: Int) -> UInt64 { UInt64(hash[index]) << 32 | UInt64(hash[index + 1]) }
                return .hash(pair(0), pair(2), pair(4), pair(6))
            }
        }
    }

    /// The hash of a text's bytes, as 64 hexadecimal digits.
    static func hexadecimal(_ text: String) -> String { self.hash(text).text }

    /// Takes the block that begins at `start`.
    private static func fill(_ words: Words, _ message: UnsafeBufferPointer<UInt8>, from start: Int) {
        let count = message.count
        let raw = UnsafeRawBufferPointer(message)
        for index in 0..<16 {
            let place = start + index * 4
            if place + 4 <= count {
                words[index] = UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: place, as: UInt32.self))
            } else if place > count {
                words[index] = 0
            } else {
                let rest = message[place...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                words[index] = (rest << 8 | 0x80) << UInt32(8 * (3 - (count - place)))
            }
        }
        guard start + 64 >= count + 9 else { return }
        words[14] = UInt32(truncatingIfNeeded: UInt64(count) >> 29)
        words[15] = UInt32(truncatingIfNeeded: UInt64(count) << 3)
    }

    private static func compress(_ words: Words, into hash: Words) {
        for index in 16..<64 {
            let first = words[index - 15]
            let second = words[index - 2]
            let mixedFirst = first.rotated(7) ^ first.rotated(18) ^ first >> 3
            let mixedSecond = second.rotated(17) ^ second.rotated(19) ^ second >> 10
            words[index] = words[index - 16] &+ mixedFirst &+ words[index - 7] &+ mixedSecond
        }
        var (a, b, c, d) = (hash[0], hash[1], hash[2], hash[3])
        var (e, f, g, h) = (hash[4], hash[5], hash[6], hash[7])
        Self.constants.withUnsafeBufferPointer { constants in
            for index in 0..<64 {
                let choice = e & f ^ ~e & g
                let majority = a & b ^ a & c ^ b & c
                let mixed = e.rotated(6) ^ e.rotated(11) ^ e.rotated(25)
                let first = h &+ mixed &+ choice &+ constants[index] &+ words[index]
                let second = (a.rotated(2) ^ a.rotated(13) ^ a.rotated(22)) &+ majority
                (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
            }
        }
        let sums = (a, b, c, d, e, f, g, h)
        withUnsafeBytes(of: sums) { bytes in
            for (index, word) in bytes.bindMemory(to: UInt32.self).enumerated() { hash[index] &+= word }
        }
    }
}

extension UInt32 {
    fileprivate func rotated(_ count: UInt32) -> UInt32 { self &>> count | self &<< (32 - count) }
}

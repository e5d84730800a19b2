/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), which finds what was torn or damaged in a file.
package enum CRC32C {
    /// Eight tables behind each other: what a byte does to the checksum from each of eight places.
    private static let tables: [UInt32] = {
        var tables: [UInt32] = []
        for index in 0..<UInt32(256) {
            var value = index
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            tables.append(value)
        }
        for index in 256..<2048 {
            let former = tables[index - 256]
            tables.append(tables[Int(former & 0xFF)] ^ former >> 8)
        }
        return tables
    }()

    /// The checksum of bytes.
    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.withContiguousStorageIfAvailable { self.checksum(of: UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { self.checksum(of: $0) }
    }

    /// Takes eight bytes at a time, because the journal has every change of the hub pass through here.
    private static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt32 {
        self.tables.withUnsafeBufferPointer { tables in
            var sum = ~UInt32(0)
            var index = 0
            while index + 8 <= bytes.count {
                let next = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                var word = UInt64(littleEndian: next) ^ UInt64(sum)
                sum = 0
                for table in stride(from: 7, through: 0, by: -1) {
                    sum ^= tables[table << 8 | Int(UInt8(truncatingIfNeeded: word))]
                    word >>= 8
                }
                index += 8
            }
            while index < bytes.count {
                sum = tables[Int(UInt8(truncatingIfNeeded: sum) ^ bytes[index])] ^ sum >> 8
                index += 1
            }
            return ~sum
        }
    }

    /// The checksum as eight lower-case hexadecimal digits.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        let digits = String(Self.checksum(bytes), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

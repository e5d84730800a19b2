/// The stream cipher of RFC 8439 sections 2.1 to 2.4, and its core as a hash of a key (draft-irtf-cfrg-xchacha 2.2).
///
/// Nothing here branches on a secret or looks anything up by one, so that its time tells nothing about either.
struct ChaCha20 {
    typealias Row = SIMD4<UInt32>
    /// Sixteen words in four rows, lowest byte first in memory.
    typealias Block = (Row, Row, Row, Row)

    // Rows, so that four quarter rounds happen at once.
    private var a = Row(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574)
    private var b: Row
    private var c: Row
    private var d: Row

    /// Takes 32 bytes of key and 16 of whatever stands behind it.
    private init(key: ArraySlice<UInt8>, tail: ArraySlice<UInt8>) {
        self.b = Self.row(key.prefix(16))
        self.c = Self.row(key.dropFirst(16))
        self.d = Self.row(tail)
    }

    /// Takes 32 bytes of key, the number of the first block, and a nonce of 12 bytes.
    init(key: ArraySlice<UInt8>, counter: UInt32, nonce: ArraySlice<UInt8>) {
        self.init(key: key, tail: [0, 0, 0, 0] + nonce)
        self.d[0] = counter
    }

    /// A key of 32 bytes made of another and of 16 bytes of nonce: HChaCha20.
    static func subkey(key: ArraySlice<UInt8>, nonce: ArraySlice<UInt8>) -> [UInt8] {
        var state = Self(key: key, tail: nonce)
        state.mix()
        return withUnsafeBytes(of: (Self.ordered(state.a), Self.ordered(state.d))) { Array($0) }
    }

    /// The next 64 bytes of the stream; there are 256 GiB of them.
    mutating func next() -> Block {
        var mixed = self
        mixed.mix()
        let block = (
            Self.ordered(mixed.a &+ self.a), Self.ordered(mixed.b &+ self.b), Self.ordered(mixed.c &+ self.c),
            Self.ordered(mixed.d &+ self.d)
        )
        self.d[0] &+= 1
        return block
    }

    /// The bytes combined with the stream, which makes them unreadable, and readable again.
    consuming func combine(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result = Array(bytes)
        for start in stride(from: 0, to: result.count, by: 64) {
            withUnsafeBytes(of: self.next()) { block in
                for index in start..<min(start + 64, result.count) { result[index] ^= block[index - start] }
            }
        }
        return result
    }

    /// Twenty rounds: ten times over the columns and then over the diagonals.
    private mutating func mix() {
        for _ in 0..<10 {
            self.quarterRounds()
            self.b = Row(self.b[1], self.b[2], self.b[3], self.b[0])
            self.c = Row(self.c[2], self.c[3], self.c[0], self.c[1])
            self.d = Row(self.d[3], self.d[0], self.d[1], self.d[2])
            self.quarterRounds()
            self.b = Row(self.b[3], self.b[0], self.b[1], self.b[2])
            self.c = Row(self.c[2], self.c[3], self.c[0], self.c[1])
            self.d = Row(self.d[1], self.d[2], self.d[3], self.d[0])
        }
    }

    private mutating func quarterRounds() {
        self.a &+= self.b
        self.d = Self.rotated(self.d ^ self.a, 16)
        self.c &+= self.d
        self.b = Self.rotated(self.b ^ self.c, 12)
        self.a &+= self.b
        self.d = Self.rotated(self.d ^ self.a, 8)
        self.c &+= self.d
        self.b = Self.rotated(self.b ^ self.c, 7)
    }

    private static func rotated(_ row: Row, _ count: UInt32) -> Row {
        row &<< Row(repeating: count) | row &>> Row(repeating: 32 - count)
    }

    private static func row(_ bytes: ArraySlice<UInt8>) -> Row {
        var row = Row()
        for (index, byte) in bytes.enumerated() { row[index / 4] |= UInt32(byte) << UInt32(index % 4 * 8) }
        return row
    }

    private static func ordered(_ row: Row) -> Row {
        Row(row[0].littleEndian, row[1].littleEndian, row[2].littleEndian, row[3].littleEndian)
    }
}

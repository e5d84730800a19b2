/// The code by which texts in header fields are compressed (RFC 7541 appendix B).
///
/// Codes of one length follow each other in the order of their symbols, and shorter ones come first, so that the
/// lengths tell all.
struct HPACKHuffman: Sendable {
    /// The code, which is made once.
    static let standard = HPACKHuffman(lengths: Self.lengths)

    /// The length in bits of the code of each byte, and of the end.
    static let lengths: [UInt8] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
        28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
        5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
        6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
        24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
        19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
        26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ]

    private static let longest = 30

    /// Of each length the first code, how many there are, and where their symbols stand.
    private var first = [UInt32](repeating: 0, count: HPACKHuffman.longest + 1)
    private var count = [UInt32](repeating: 0, count: HPACKHuffman.longest + 1)
    private var offset = [Int](repeating: 0, count: HPACKHuffman.longest + 1)
    /// The symbols in the order of their codes.
    private var symbols: [UInt16] = []

    private init(lengths: [UInt8]) {
        var code: UInt32 = 0
        for length in 1...Self.longest {
            code <<= 1
            self.first[length] = code
            self.offset[length] = self.symbols.count
            for (symbol, other) in lengths.enumerated() where other == length { self.symbols.append(UInt16(symbol)) }
            self.count[length] = UInt32(self.symbols.count - self.offset[length])
            code += self.count[length]
        }
    }

    /// Reads a text.
    ///
    /// - Parameter bytes: What was compressed.
    /// - Returns: The text's bytes; `nil` for what no code gives: the end within a text, or padding of eight bits and more
    ///   or of zeros (RFC 7541 section 5.2).
    func decode(_ bytes: some Collection<UInt8>) -> [UInt8]? {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 8 / 5)
        var (code, length): (UInt32, Int) = (0, 0)
        for byte in bytes {
            for bit in stride(from: 7, through: 0, by: -1) {
                code = code << 1 | UInt32(byte >> UInt8(bit) & 1)
                length += 1
                guard length <= Self.longest else { return nil }
                guard code >= self.first[length], code - self.first[length] < self.count[length] else { continue }
                let symbol = self.symbols[self.offset[length] + Int(code - self.first[length])]
                guard let byte = UInt8(exactly: symbol) else { return nil }
                text.append(byte)
                (code, length) = (0, 0)
            }
        }
        return length < 8 && code == (1 << UInt32(length)) - 1 ? text : nil
    }
}

/// Writes bodies.
enum BodyWriter {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Writes a piece, as a chunk of its own where the body goes in chunks.
    static func write(_ bytes: UnsafeRawBufferPointer, isChunked: Bool, to output: inout [UInt8]) {
        guard isChunked else { return output.append(contentsOf: bytes) }
        guard !bytes.isEmpty else { return }
        self.writeHexadecimal(bytes.count, to: &output)
        output.append(0x0D)
        output.append(0x0A)
        output.append(contentsOf: bytes)
        output.append(0x0D)
        output.append(0x0A)
    }

    /// Ends a body that goes in chunks.
    static func end(_ output: inout [UInt8]) {
        output.append(contentsOf: "0\r\n\r\n".utf8)
    }

    /// Writes a number that is not negative.
    static func writeDecimal(_ number: Int, to output: inout [UInt8]) {
        let start = output.count
        var rest = number
        repeat {
            output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        output[start...].reverse()
    }

    private static func writeHexadecimal(_ number: Int, to output: inout [UInt8]) {
        var shift = max(0, (Int.bitWidth - number.leadingZeroBitCount - 1) / 4 * 4)
        while shift >= 0 {
            output.append(self.digits[number >> shift & 15])
            shift -= 4
        }
    }
}

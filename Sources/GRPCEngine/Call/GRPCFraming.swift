/// Messages as calls carry them: a byte that says whether it is compressed, four for the length, and the message.
enum GRPCFraming {
    /// What stands before a message.
    static let headSize = 5

    /// A message as it is sent.
    static func frame(_ message: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.headSize + message.count)
        bytes.append(0)
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: UInt32(message.count) >> shift))
        }
        bytes.append(contentsOf: message)
        return bytes
    }

    /// Takes the first message of what came.
    ///
    /// - Parameters:
    ///   - buffer: What came; the message is taken out.
    ///   - limit: The most bytes of a message.
    /// - Returns: The message; `nil` while it is not whole.
    /// - Throws: A ``GRPCError`` for a message that is compressed, which nobody asked for, or too long.
    static func takeMessage(from buffer: inout ArraySlice<UInt8>, limit: Int) throws(GRPCError) -> ArraySlice<UInt8>? {
        guard buffer.count >= self.headSize else { return nil }
        guard buffer.first == 0 else {
            throw GRPCError(.internal, "a message came compressed, which was not asked for", isLocal: true)
        }
        let length = buffer.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard length <= limit else {
            throw GRPCError(
                .resourceExhausted,
                "a message of \(length) bytes came, and \(limit) are allowed",
                isLocal: true
            )
        }
        guard buffer.count >= self.headSize + length else { return nil }
        let message = buffer.dropFirst(self.headSize).prefix(length)
        buffer = buffer.dropFirst(self.headSize + length)
        return message
    }
}

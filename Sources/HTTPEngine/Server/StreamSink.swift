/// A part of a stream as it goes over the wire, made once for all who are sent it.
package struct StreamPiece: Sendable {
    fileprivate let plain: [UInt8]
    fileprivate let chunk: [UInt8]

    /// Frames `bytes`, which are not empty: an empty chunk would end the stream.
    package init(_ bytes: [UInt8]) {
        var chunk: [UInt8] = []
        chunk.reserveCapacity(bytes.count + 16)
        HTTPExchange.writeChunk(bytes, to: &chunk)
        self.plain = bytes
        self.chunk = chunk
    }
}

/// The stream of an exchange, for whoever sends to many at once without waking the task of each.
///
/// While it is used the exchange's own task sends nothing, and does not end.
package struct StreamSink: Sendable {
    /// What became of a piece.
    package enum Outcome: Hashable, Sendable {
        /// The system took all of it.
        case sent
        /// The system took none of it.
        case blocked
        /// The system took a part; this is the other, which must be sent before anything else.
        case partial([UInt8])
    }

    fileprivate let socket: Socket
    fileprivate let isChunked: Bool

    /// Sends of a piece what the connection takes without waiting.
    ///
    /// - Throws: `closed`, `broken`.
    package func sendNow(_ piece: StreamPiece) throws(ConnectionError) -> Outcome {
        let bytes = self.isChunked ? piece.chunk : piece.plain
        let result: Result<Int, ConnectionError> = bytes.withUnsafeBytes { bytes in
            do throws(ConnectionError) {
                return .success(try self.socket.writeNow(bytes))
            } catch {
                return .failure(error)
            }
        }
        let count = try result.get()
        if count == bytes.count { return .sent }
        return count == 0 ? .blocked : .partial(Array(bytes[count...]))
    }
}

extension HTTPExchange {
    /// The stream that ``beginStream(_:_:headers:)`` began, for others to send to; `nil` where nothing is to be sent.
    package var sink: StreamSink? {
        guard case .streaming(let isChunked) = self.progress, self.head.method != "HEAD" else { return nil }
        return StreamSink(socket: self.connection.socket, isChunked: isChunked)
    }

    /// Sends what a ``StreamSink`` did not.
    ///
    /// - Throws: A ``ConnectionError``; `timeout` when the client takes nothing for a while.
    package func send(rest: [UInt8]) async throws(ConnectionError) {
        self.connection.output.append(contentsOf: rest)
        try await self.flush()
    }

    /// Gives the memory back in which messages are read and written, until it is needed again.
    package func shrink() {
        self.connection.input.shrink()
        if self.connection.output.isEmpty { self.connection.output = [] }
    }

    static func writeChunk(_ bytes: [UInt8], to output: inout [UInt8]) {
        output.append(contentsOf: String(bytes.count, radix: 16).utf8)
        output.append(contentsOf: "\r\n".utf8)
        output.append(contentsOf: bytes)
        output.append(contentsOf: "\r\n".utf8)
    }
}

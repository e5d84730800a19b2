package import Rollcall

/// A connection that carries HTTP/1.1 messages, either way: what was received, and what waits to be sent.
///
/// It belongs to one task.
package final class HTTPConnection {
    /// The connection of the system.
    package let socket: Socket
    /// What waits for ``flush(until:)``.
    package var output: [UInt8] = []
    /// Whether what was to be sent so far was sent, so that more may follow.
    private(set) var isWritable = true
    var input = InputBuffer()
    /// The address of the other side in its text form, without the port; empty when it cannot be told.
    package lazy var peerHost = Array((self.socket.peer?.host ?? "").utf8)

    /// Takes a socket over that nobody else reads or writes.
    package init(_ socket: Socket) {
        self.socket = socket
    }

    /// Whether nothing was received that is not taken.
    package var isInputEmpty: Bool { self.input.isEmpty }

    /// How many bytes were received that are not taken.
    package var receivedCount: Int { self.input.count }

    /// Moves all that was received to what waits on another connection, as it came.
    package func moveReceived(to other: HTTPConnection) {
        _ = self.input.take(upTo: .max) { other.output.append(contentsOf: $0) }
    }

    /// Takes all that was received, as it came.
    package func takeReceived() -> [UInt8] {
        var bytes: [UInt8] = []
        _ = self.input.take(upTo: .max) { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Receives more.
    ///
    /// - Returns: False at the end.
    /// - Throws: `timeout`, `closed`, `broken`.
    package func receive(until deadline: TimeSource.Instant?) async throws(ConnectionError) -> Bool {
        try await self.socket.read(until: deadline) { read in self.input.fill(read) } > 0
    }

    /// Sends what waits.
    ///
    /// - Parameter deadline: Until when all of it must be taken.
    /// - Throws: `timeout`, `closed`, `broken`.
    package func flush(until deadline: TimeSource.Instant?) async throws(ConnectionError) {
        guard !self.output.isEmpty else { return }
        do throws(ConnectionError) {
            try await self.socket.write(self.output, until: deadline)
        } catch {
            throw self.noteFailure(error)
        }
        self.output.removeAll(keepingCapacity: self.output.capacity <= InputBuffer.readSize * 4)
    }

    /// Sends what waits, however long that takes.
    ///
    /// - Parameter patience: How long the other side may take nothing.
    /// - Throws: `timeout`, `closed`, `broken`.
    package func flush(patience: Duration) async throws(ConnectionError) {
        guard !self.output.isEmpty else { return }
        do throws(ConnectionError) {
            try await self.socket.write(self.output, patience: patience)
        } catch {
            throw self.noteFailure(error)
        }
        self.output.removeAll(keepingCapacity: self.output.capacity <= InputBuffer.readSize * 4)
    }

    /// Nobody knows how much of a message was sent: neither the rest of it nor another one may follow.
    private func noteFailure(_ error: ConnectionError) -> ConnectionError {
        self.output = []
        self.isWritable = false
        return error
    }

    /// Waits for the other side to begin something, holding no memory while it does not.
    ///
    /// - Returns: False when it does not until the deadline, or closed the connection.
    package func rest(until deadline: TimeSource.Instant) async -> Bool {
        guard self.input.isEmpty else { return true }
        let soon = min(deadline, self.socket.loop.clock.now.advanced(by: .seconds(1)))
        do throws(ConnectionError) {
            return try await self.receive(until: soon)
        } catch {
            guard error.kind == .timeout, soon < deadline else { return false }
        }
        self.input.shrink()
        self.output = []
        do throws(ConnectionError) {
            // It takes memory only when there is something to read.
            return try await self.receive(until: deadline)
        } catch {
            return false
        }
    }

    /// Receives what is there without waiting.
    ///
    /// - Returns: False at the end; `nil` when nothing is there.
    /// - Throws: `closed`, `broken`.
    package func receiveNow() throws(ConnectionError) -> Bool? {
        try self.socket.readNow { read in self.input.fill(read) }.map { $0 > 0 }
    }

    /// Sends of what waits as much as the connection takes.
    ///
    /// - Returns: How much that was.
    /// - Throws: `closed`, `broken`.
    package func sendNow() throws(ConnectionError) -> Int {
        guard !self.output.isEmpty else { return 0 }
        let result: Result<Int, ConnectionError> = self.output.withUnsafeBytes { bytes in
            do throws(ConnectionError) {
                return .success(try self.socket.writeNow(bytes))
            } catch {
                return .failure(error)
            }
        }
        let count = try result.get()
        if count == self.output.count {
            self.output.removeAll(keepingCapacity: count <= InputBuffer.readSize * 4)
        } else {
            self.output.removeFirst(count)
        }
        return count
    }

    /// Receives the head of a message.
    ///
    /// - Returns: Its bytes, or `nil` when the connection ended before it began.
    /// - Throws: A ``ConnectionError``, or a ``MessageError`` for a head that breaks the rules.
    func receiveHead(until deadline: TimeSource.Instant?) async throws -> [UInt8]? {
        while true {
            if let head = try self.input.takeHead() { return head }
            guard try await self.receive(until: deadline) else {
                if self.input.isEmpty { return nil }
                throw ConnectionError(.broken, "the connection ended within a message's head")
            }
        }
    }

    /// Receives the next piece of a body.
    ///
    /// - Parameters:
    ///   - decoder: Where the body stands.
    ///   - limit: The most bytes to take.
    ///   - deadline: When to give up.
    ///   - body: Called with the bytes, which are gone afterwards; perhaps more than once.
    /// - Returns: False once the body has ended.
    /// - Throws: A ``ConnectionError``, or a ``MessageError``.
    func receivePiece(
        _ decoder: inout BodyDecoder,
        upTo limit: Int = 65536,
        until deadline: TimeSource.Instant?,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) async throws -> Bool {
        while true {
            if try self.takePiece(&decoder, upTo: limit, body) > 0 { return true }
            if decoder.hasEnded { return false }
            if try await !self.receive(until: deadline) {
                try decoder.finish()
                return false
            }
        }
    }

    /// Takes of a body what was received.
    ///
    /// - Parameters:
    ///   - decoder: Where the body stands.
    ///   - limit: The most bytes to take.
    ///   - body: Called with the bytes, which are gone afterwards; perhaps more than once.
    /// - Returns: How many bytes were taken; with none, the body has ended or more must be received.
    /// - Throws: A ``MessageError``.
    package func takePiece(
        _ decoder: inout BodyDecoder,
        upTo limit: Int = 65536,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(MessageError) -> Int {
        var taken = 0
        while taken < limit, !self.input.isEmpty, !decoder.hasEnded {
            let isProgress = try decoder.take(from: &self.input, upTo: limit - taken) { bytes in
                taken += bytes.count
                body(bytes)
            }
            if !isProgress { break }
        }
        return taken
    }

    /// Takes the head of a response, if it was received whole.
    ///
    /// - Throws: A ``MessageError`` for one that breaks the rules.
    package func takeResponseHead() throws(MessageError) -> ResponseHead? {
        guard let bytes = try self.input.takeHead() else { return nil }
        return try HeadParser.response(bytes)
    }
}

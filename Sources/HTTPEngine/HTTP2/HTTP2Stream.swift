import Synchronization

/// One request and its response on a connection of HTTP/2.
///
/// One task at a time waits for what comes; any may send.
package final class HTTP2Stream: Sendable {
    /// What came since the last look.
    package struct Piece: Sendable {
        /// The fields of the head, if they came now.
        package var head: [HTTP2Field]?
        /// A piece of the body; perhaps empty.
        package var bytes: [UInt8]
        /// The fields behind the body.
        package var trailers: [HTTP2Field]?
        /// Whether nothing more comes.
        package var isEnd: Bool
    }

    private let number: UInt32
    private let connection: HTTP2Connection

    init(_ number: UInt32, of connection: HTTP2Connection) {
        self.number = number
        self.connection = connection
    }

    /// Sends a piece of the request's body.
    ///
    /// - Parameters:
    ///   - bytes: The piece.
    ///   - isEnd: Whether that is all.
    package func send(_ bytes: [UInt8], isEnd: Bool = false) {
        self.connection.state.withLock { $0.machine.send(bytes, on: self.number, isEnd: isEnd) }
        self.connection.flush()
    }

    /// How many bytes of the request's body wait for the server.
    package var waitingBytes: Int {
        self.connection.state.withLock { $0.machine.waitingBytes(on: self.number) }
    }

    /// Waits for the next piece of the response.
    ///
    /// - Parameter isWhole: Whether to wait for all of it.
    /// - Returns: What came.
    /// - Throws: `timeout` after the deadline, `closed` in a cancelled task or after the end, `refused` for a request that the
    ///   server did not look at, `broken`, `malformed`.
    package func receive(whole isWhole: Bool = false) async throws(ConnectionError) -> Piece {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isReady = self.connection.state.withLock { state in
                    // Where the stream was closed there is nothing to wait for.
                    guard var inbox = state.inboxes[self.number] else { return true }
                    inbox.wantsEnd = isWhole
                    if Task.isCancelled { inbox.failure = inbox.failure ?? Self.cancelled }
                    if !inbox.isReady { inbox.waiter = continuation }
                    state.inboxes[self.number] = inbox
                    return inbox.isReady
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            self.fail(Self.cancelled)
        }
        return try self.take().get()
    }

    /// Forgets the stream, and tells the server if it is not over.
    package func close() {
        let isLast = self.connection.state.withLock { state in
            state.inboxes[self.number] = nil
            state.machine.reset(self.number)
            return state.machine.isGoingAway && state.inboxes.isEmpty
        }
        self.connection.flush()
        // Nothing more is to come on it, and nothing would show that its peer is gone.
        if isLast { self.connection.abort() }
    }

    private func take() -> Result<Piece, ConnectionError> {
        self.connection.state.withLock { state in
            guard let inbox = state.inboxes[self.number] else { return .failure(Self.cancelled) }
            // What came before a failure is of use only to who takes it piece by piece.
            if let failure = inbox.failure, inbox.wantsEnd || (inbox.head == nil && inbox.bytes.isEmpty) {
                return .failure(failure)
            }
            state.inboxes[self.number]?.head = nil
            state.inboxes[self.number]?.bytes = []
            state.inboxes[self.number]?.hasGivenHead = true
            return .success(
                Piece(head: inbox.head, bytes: inbox.bytes, trailers: inbox.trailers, isEnd: inbox.isEnded)
            )
        }
    }

    /// Has whoever waits for what comes get an error, behind what came before.
    package func fail(_ error: ConnectionError) {
        let waiter = self.connection.state.withLock { state in
            guard state.inboxes[self.number]?.failure == nil else { return UnsafeContinuation<Void, Never>?.none }
            state.inboxes[self.number]?.failure = error
            return state.inboxes[self.number]?.takeWaiter()
        }
        waiter?.resume()
    }

    private static let cancelled = ConnectionError(.closed, "the stream was closed here")
}

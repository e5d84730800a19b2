import HTTPEngine
import Synchronization

/// A call that sends and receives any number of messages.
///
/// One task at a time receives; any may send.
package final class GRPCStream: Sendable {
    private struct State {
        var buffer: ArraySlice<UInt8> = []
        var isEnded = false
        var trailers: [HTTP2Field] = []
    }

    /// The number of the connection that it is on.
    package let connectionNumber: UInt64
    private let stream: HTTP2Stream
    private let limit: Int
    private let state = Mutex(State())

    init(_ stream: HTTP2Stream, on connectionNumber: UInt64, limit: Int) {
        self.stream = stream
        self.connectionNumber = connectionNumber
        self.limit = limit
    }

    /// Sends a message.
    package func send(_ message: [UInt8]) {
        self.stream.send(GRPCFraming.frame(message))
    }

    /// Says that no further message is sent.
    package func finish() {
        self.stream.send([], isEnd: true)
    }

    /// Ends the call from this side: who receives gets `deadlineExceeded`.
    ///
    /// - Parameter message: Why.
    package func giveUp(_ message: String) { self.stream.fail(ConnectionError(.timeout, message)) }

    /// How many bytes wait for the server to take them.
    package var waitingBytes: Int { self.stream.waitingBytes }

    /// Receives the next message.
    ///
    /// - Returns: The message; `nil` at an end without error.
    /// - Throws: A ``GRPCError``.
    package func next() async throws(GRPCError) -> ArraySlice<UInt8>? {
        while true {
            if let message = try self.takeMessage() { return message }
            if let trailers = self.state.withLock({ $0.isEnded ? $0.trailers : nil }) {
                try GRPCResponse.check(trailers: trailers)
                return nil
            }
            let piece: HTTP2Stream.Piece
            do throws(ConnectionError) {
                piece = try await self.stream.receive()
            } catch {
                throw GRPCError(error)
            }
            if let head = piece.head { try GRPCResponse.check(head: head) }
            self.state.withLock { state in
                state.buffer.append(contentsOf: piece.bytes)
                state.isEnded = piece.isEnd
                // A response without messages has one block of fields for both.
                state.trailers = piece.trailers ?? piece.head ?? []
            }
        }
    }

    private func takeMessage() throws(GRPCError) -> ArraySlice<UInt8>? {
        let result = self.state.withLock { state -> Result<ArraySlice<UInt8>?, GRPCError> in
            do throws(GRPCError) {
                let message = try GRPCFraming.takeMessage(from: &state.buffer, limit: self.limit)
                if state.buffer.isEmpty { state.buffer = [] }
                return .success(message)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

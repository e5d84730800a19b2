package import Rollcall
import Synchronization

/// A connection of HTTP/2 to a server, which any number of requests share.
///
/// ``run()`` reads what comes, on the loop that watches the connection. Whoever sends writes himself, as long as nobody
/// else does: then that one writes for both.
package final class HTTP2Connection: Sendable {
    /// When a server is asked for a sign of life.
    package struct KeepAlive: Hashable, Sendable {
        /// How long a server with which something is under way may be silent before it is asked: servers of gRPC take more
        /// than one question in 5 s for an attack.
        package var silence = Duration.seconds(6)
        /// How long the sign of life may take.
        package var patience = Duration.seconds(5)

        /// Creates the usual: after 6 s, within 5 s.
        package init() {}
    }

    /// What came for a stream and was not taken.
    struct Inbox {
        var head: [HTTP2Field]?
        /// Whether the head was taken, so that what comes now stands behind the body.
        var hasGivenHead = false
        var trailers: [HTTP2Field]?
        var bytes: [UInt8] = []
        var isEnded = false
        var failure: ConnectionError?
        var deadline: TimeSource.Instant?
        /// The most bytes that are kept until somebody takes them.
        var limit = Int.max
        var waiter: UnsafeContinuation<Void, Never>?
        /// Whether the waiter wants the whole response, and nothing before.
        var wantsEnd = false

        /// Whether who waits has something to do.
        var isReady: Bool {
            self.isEnded || self.failure != nil || (!self.wantsEnd && (self.head != nil || !self.bytes.isEmpty))
        }

        mutating func takeWaiter() -> UnsafeContinuation<Void, Never>? {
            self.isReady ? self.waiter.take() : nil
        }
    }

    struct State {
        var machine = HTTP2Machine()
        var inboxes: [UInt32: Inbox] = [:]
        var isWriting = false
        /// What the system did not take at once.
        var unsent: [UInt8] = []
        var failure: ConnectionError?
        /// When something came last.
        var lastSign: TimeSource.Instant
        /// When a sign of life was asked for that did not come yet.
        var asked: TimeSource.Instant?
        /// When the time of a stream is over next; perhaps of one that is over already.
        var nextDeadline: TimeSource.Instant?
    }

    let socket: Socket
    let clock: TimeSource
    let keepAlive: KeepAlive
    let state: Mutex<State>
    /// Raised when the server has said how it speaks, or the connection is at its end.
    package let greeted = Signal()
    /// Raised when no further streams may be begun.
    package let closing = Signal()
    private let writer = KeyedMailbox<Bool, Void>()

    /// Takes over a connection.
    init(_ socket: Socket, _ keepAlive: KeepAlive = KeepAlive()) {
        self.socket = socket
        self.keepAlive = keepAlive
        self.clock = socket.loop.clock
        self.state = Mutex(State(lastSign: self.clock.now))
    }

    /// Connects to a server.
    ///
    /// - Parameters:
    ///   - origin: Where it is, and whether by TLS.
    ///   - loop: What watches the connection.
    ///   - keepAlive: When it is asked for a sign of life.
    ///   - deadline: When to give up.
    /// - Returns: The connection, which ``run()`` closes.
    /// - Throws: `refused`, `timeout`, `closed` in a cancelled task; by TLS also `untrusted`, `malformed`, `broken`.
    package static func connect(
        to origin: Origin,
        on loop: EventLoop,
        _ keepAlive: KeepAlive = KeepAlive(),
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) -> HTTP2Connection {
        let socket = try await Connector.connect(to: origin, protocols: ["h2"], on: loop, until: deadline)
        guard origin.tls == nil || socket.applicationProtocol == "h2" else {
            socket.close()
            throw ConnectionError(.malformed, "\(origin) does not speak HTTP/2 by TLS")
        }
        return HTTP2Connection(socket, keepAlive)
    }

    /// The other end's address, while there is one.
    package var peer: SocketAddress? { self.socket.peer }

    /// The loop that watches it, on which ``run()`` does best.
    package var loop: EventLoop { self.socket.loop }

    /// Why it ended; `nil` as long as it has not.
    package var failure: ConnectionError? { self.state.withLock { $0.failure } }

    /// Whether further streams may be begun.
    package var isOpen: Bool { self.state.withLock { $0.failure == nil && !$0.machine.isGoingAway } }

    /// How many streams are not over.
    package var streamCount: Int { self.state.withLock { $0.inboxes.count } }

    /// Reads what comes, until the connection ends or the task is cancelled; then closes it.
    ///
    /// - Returns: Why it ended.
    package func run() async -> ConnectionError {
        self.flush()
        let reason = await withTaskCancellationHandler {
            await withTaskGroup(of: ConnectionError.self) { group in
                group.addTask(executorPreference: self.loop) { await self.read() }
                group.addTask(executorPreference: self.loop) { await self.writeRest() }
                let first = await group.next() ?? ConnectionError(.closed, "the connection was closed here")
                self.socket.abort()
                group.cancelAll()
                return first
            }
        } onCancel: {
            self.socket.abort()
        }
        self.end(reason)
        return reason
    }

    /// Ends the connection from anywhere: what is under way fails.
    package func abort() { self.socket.abort() }

    /// Begins a stream.
    ///
    /// - Parameters:
    ///   - block: Its fields, as ``HPACKEncoder`` writes them.
    ///   - body: What it carries.
    ///   - isEnd: Whether that is all.
    ///   - deadline: When it must be over; `nil` for no limit.
    ///   - limit: The most bytes of the response's body that are kept until somebody takes them; with more it fails.
    /// - Returns: The stream, which whoever begins it must close.
    /// - Throws: `refused` when the connection is at its end or the server takes no more: nothing was sent.
    package func open(
        _ block: [UInt8],
        _ body: [UInt8],
        isEnd: Bool,
        until deadline: TimeSource.Instant?,
        limit: Int
    ) throws(ConnectionError) -> HTTP2Stream {
        let now = self.clock.now
        let (outcome, isLast) = self.state.withLock { state -> (Result<UInt32, ConnectionError>, Bool) in
            if let failure = state.failure { return (.failure(ConnectionError(.refused, failure.message)), false) }
            do throws(ConnectionError) {
                let stream = try state.machine.open(block, body, isEnd: isEnd)
                if state.inboxes.isEmpty { state.lastSign = now }
                state.inboxes[stream] = Inbox(deadline: deadline, limit: limit)
                if let deadline { state.nextDeadline = min(deadline, state.nextDeadline ?? deadline) }
                return (.success(stream), state.machine.isGoingAway)
            } catch {
                return (.failure(error), false)
            }
        }
        if isLast { self.closing.raise() }
        let stream = HTTP2Stream(try outcome.get(), of: self)
        self.socket.wakeReader(
            by: min(deadline ?? now.advanced(by: self.keepAlive.silence), now.advanced(by: self.keepAlive.silence))
        )
        self.flush()
        return stream
    }

    /// Writes what is to be sent, unless somebody does already.
    func flush() {
        while true {
            let output = self.state.withLock { state -> [UInt8] in
                guard state.failure == nil, !state.isWriting, state.machine.hasOutput else { return [] }
                state.isWriting = true
                return state.machine.takeOutput()
            }
            guard !output.isEmpty else { return }
            let sent: Int
            do throws(ConnectionError) {
                sent = try self.socket.transmitNow(output)
            } catch {
                self.finishWriting()
                return self.socket.abort()
            }
            guard sent == output.count else {
                // The socket is full: the task that may wait for it goes on, unless it has ended.
                let isOver = self.state.withLock { state in
                    state.unsent = Array(output[sent...])
                    return state.failure != nil
                }
                return isOver ? self.finishWriting() : self.writer.offer((), for: true)
            }
            self.finishWriting()
        }
    }

    private func finishWriting() {
        let mustClose = self.state.withLock { state in
            state.isWriting = false
            state.unsent = []
            return state.failure != nil
        }
        if mustClose { self.socket.close() }
    }

    private func writeRest() async -> ConnectionError {
        while (try? await self.writer.next()) != nil {
            let rest = self.state.withLock { $0.unsent }
            do throws(ConnectionError) {
                try await self.socket.write(rest, patience: self.keepAlive.silence + self.keepAlive.patience)
            } catch {
                self.finishWriting()
                return error
            }
            self.finishWriting()
            self.flush()
        }
        return ConnectionError(.closed, "the connection was closed here")
    }

    private func end(_ reason: ConnectionError) {
        let (waiters, mustClose) = self.state.withLock { state in
            state.failure = reason
            var waiters: [UnsafeContinuation<Void, Never>] = []
            for stream in state.inboxes.keys {
                guard state.inboxes[stream]?.isEnded == false else { continue }
                let former = state.inboxes[stream]?.failure
                state.inboxes[stream]?.failure = former ?? reason
                if let waiter = state.inboxes[stream]?.takeWaiter() { waiters.append(waiter) }
            }
            // Who still writes closes it: the descriptor must not name another connection meanwhile. What waits for room
            // in the socket waits for nobody any more.
            return (waiters, !state.isWriting || !state.unsent.isEmpty)
        }
        if mustClose { self.socket.close() }
        self.closing.raise()
        self.greeted.raise()
        for waiter in waiters { waiter.resume() }
    }
}

package import Rollcall
import Synchronization

/// A connection of HTTP/2 to a server, which any number of requests share.
///
/// ``run()`` reads what comes, on the loop that watches the connection. Whoever sends writes himself, as long as nobody
/// else does: then that one writes for both.
package final class HTTP2Connection: Sendable {
    /// How long a server with which something is under way may be silent before it is asked for a sign of life: servers of
    /// gRPC take more than one question in 5 s for an attack.
    private static let silence = Duration.seconds(6)
    /// How long the sign of life may take.
    private static let patience = Duration.seconds(5)

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
    }

    let socket: Socket
    let clock: TimeSource
    let state: Mutex<State>
    /// Raised when the server has said how it speaks, or the connection is at its end.
    package let greeted = Signal()
    /// Raised when no further streams may be begun.
    package let closing = Signal()
    private let writer = KeyedMailbox<Bool, Void>()

    /// Takes over a connection.
    init(_ socket: Socket) {
        self.socket = socket
        self.clock = socket.loop.clock
        self.state = Mutex(State(lastSign: self.clock.now))
    }

    /// Connects to a server.
    ///
    /// - Parameters:
    ///   - origin: Where it is, and whether by TLS.
    ///   - loop: What watches the connection.
    ///   - deadline: When to give up.
    /// - Returns: The connection, which ``run()`` closes.
    /// - Throws: `refused`, `timeout`, `closed` in a cancelled task; by TLS also `untrusted`, `malformed`, `broken`.
    package static func connect(
        to origin: Origin,
        on loop: EventLoop,
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) -> HTTP2Connection {
        let socket = try await Connector.connect(to: origin, protocols: ["h2"], on: loop, until: deadline)
        guard origin.tls == nil || socket.applicationProtocol == "h2" else {
            socket.close()
            throw ConnectionError(.malformed, "\(origin) does not speak HTTP/2 by TLS")
        }
        return HTTP2Connection(socket)
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
    /// - Returns: The stream, which whoever begins it must close.
    /// - Throws: `refused` when the connection is at its end or the server takes no more: nothing was sent.
    package func open(
        _ block: [UInt8],
        _ body: [UInt8],
        isEnd: Bool,
        until deadline: TimeSource.Instant?
    ) throws(ConnectionError) -> HTTP2Stream {
        let now = self.clock.now
        let outcome = self.state.withLock { state -> Result<UInt32, ConnectionError> in
            if let failure = state.failure { return .failure(ConnectionError(.refused, failure.message)) }
            do throws(ConnectionError) {
                let stream = try state.machine.open(block, body, isEnd: isEnd)
                if state.inboxes.isEmpty { state.lastSign = now }
                state.inboxes[stream] = Inbox(deadline: deadline)
                return .success(stream)
            } catch {
                return .failure(error)
            }
        }
        let stream = HTTP2Stream(try outcome.get(), of: self)
        self.socket.wakeReader(by: min(deadline ?? now.advanced(by: Self.silence), now.advanced(by: Self.silence)))
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
                self.finishWriting([])
                return self.socket.abort()
            }
            guard sent == output.count else {
                // The socket is full: the task that may wait for it goes on.
                self.state.withLock { $0.unsent = Array(output[sent...]) }
                return self.writer.offer((), for: true)
            }
            self.finishWriting([])
        }
    }

    private func finishWriting(_ unsent: [UInt8]) {
        let mustClose = self.state.withLock { state in
            state.isWriting = false
            state.unsent = unsent
            return state.failure != nil
        }
        if mustClose { self.socket.close() }
    }

    private func writeRest() async -> ConnectionError {
        while (try? await self.writer.next()) != nil {
            let rest = self.state.withLock { $0.unsent }
            do throws(ConnectionError) {
                try await self.socket.write(rest, patience: Self.silence + Self.patience)
            } catch {
                self.finishWriting([])
                return error
            }
            self.finishWriting([])
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
            // Who still writes closes it: the descriptor must not name another connection meanwhile.
            return (waiters, !state.isWriting)
        }
        if mustClose { self.socket.close() }
        self.closing.raise()
        self.greeted.raise()
        for waiter in waiters { waiter.resume() }
    }
}

extension HTTP2Connection {
    private func read() async -> ConnectionError {
        while true {
            do throws(ConnectionError) {
                try await self.receive()
            } catch {
                return error
            }
        }
    }

    private func receive() async throws(ConnectionError) {
        var waiters: [UnsafeContinuation<Void, Never>] = []
        var failure: ConnectionError?
        do throws(ConnectionError) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: InputBuffer.readSize * 4, alignment: 1)
            defer { buffer.deallocate() }
            let count = try await self.socket.read(until: self.nextCheck()) { $0(buffer) }
            guard count > 0 else { throw ConnectionError(.broken, "the server closed the connection") }
            let (isGreeted, isGoingAway): (Bool, Bool)
            (failure, isGreeted, isGoingAway) = self.state.withLock { state in
                state.lastSign = self.clock.now
                state.asked = nil
                let failure = state.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]), &waiters)
                return (failure, state.machine.hasSettings, state.machine.isGoingAway)
            }
            if isGreeted, !self.greeted.isRaised { self.greeted.raise() }
            if isGoingAway { self.closing.raise() }
        } catch {
            guard error.kind == .timeout else { throw error }
            failure = self.check(&waiters)
        }
        for waiter in waiters { waiter.resume() }
        self.flush()
        if let failure { throw failure }
    }

    /// When something is to be looked at although nothing came.
    private func nextCheck() -> TimeSource.Instant? {
        self.state.withLock { state in
            guard !state.inboxes.isEmpty else { return nil }
            let sign = state.asked?.advanced(by: Self.patience) ?? state.lastSign.advanced(by: Self.silence)
            return state.inboxes.values.reduce(into: sign) { next, inbox in
                if let deadline = inbox.deadline, inbox.failure == nil { next = min(next, deadline) }
            }
        }
    }

    /// Ends streams whose time is over, and asks for a sign of life.
    private func check(_ waiters: inout [UnsafeContinuation<Void, Never>]) -> ConnectionError? {
        let now = self.clock.now
        return self.state.withLock { state in
            for (stream, inbox) in state.inboxes {
                guard let deadline = inbox.deadline, deadline <= now, inbox.failure == nil, !inbox.isEnded else {
                    continue
                }
                state.inboxes[stream]?.failure = ConnectionError(.timeout, "no answer came in time")
                state.machine.reset(stream)
                if let waiter = state.inboxes[stream]?.takeWaiter() { waiters.append(waiter) }
            }
            guard !state.inboxes.isEmpty else { return nil }
            if let asked = state.asked {
                guard asked.advanced(by: Self.patience) <= now else { return nil }
                return ConnectionError(.timeout, "the server gave no sign of life for \(Self.silence + Self.patience)")
            }
            if state.lastSign.advanced(by: Self.silence) <= now {
                state.asked = now
                state.machine.ping()
            }
            return nil
        }
    }
}

extension HTTP2Connection.State {
    /// Takes what came.
    ///
    /// - Returns: Why the connection is at its end.
    fileprivate mutating func receive(
        _ bytes: UnsafeRawBufferPointer,
        _ waiters: inout [UnsafeContinuation<Void, Never>]
    ) -> ConnectionError? {
        var events: [HTTP2Machine.Event] = []
        var failure: ConnectionError?
        do throws(ConnectionError) {
            try self.machine.receive(bytes) { events.append($0) }
        } catch {
            failure = error
        }
        for event in events {
            guard let stream = self.take(event) else { continue }
            if let waiter = self.inboxes[stream]?.takeWaiter() { waiters.append(waiter) }
        }
        if self.machine.isGoingAway, self.machine.streamCount == 0, failure == nil {
            failure = ConnectionError(.broken, "the server closes the connection")
        }
        return failure
    }

    private mutating func take(_ event: HTTP2Machine.Event) -> UInt32? {
        switch event {
        case .fields(let stream, let fields, let isEnd):
            if self.inboxes[stream]?.head == nil, self.inboxes[stream]?.hasGivenHead == false {
                self.inboxes[stream]?.head = fields
            } else {
                self.inboxes[stream]?.trailers = fields
            }
            if isEnd { self.inboxes[stream]?.isEnded = true }
            return stream
        case .data(let stream, let bytes, let isEnd):
            self.inboxes[stream]?.bytes.append(contentsOf: bytes)
            if isEnd { self.inboxes[stream]?.isEnded = true }
            return stream
        case .reset(let stream, let code):
            self.inboxes[stream]?.failure =
                code == HTTP2Code.refusedStream
                ? ConnectionError(.refused, "the server did not look at the request")
                : ConnectionError(.broken, "the server ended the stream: \(HTTP2Code.text(code))")
            return stream
        case .goingAway:
            return nil
        }
    }
}

package import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A connection or listener of the system that suspends tasks instead of blocking threads.
///
/// One task reads and one writes at a time. ``close()`` belongs to the owner, after its tasks have ended;
/// ``abort()`` may be called from anywhere, and makes what waits throw.
package final class Socket: Sendable {
    /// How a wait ended.
    enum Wake {
        case ready
        case timeout
        case aborted
    }

    /// Who waits for a side.
    enum Waiter {
        case task(UnsafeContinuation<Wake, Never>)
        /// One that waits for another side, too, and may have been woken by that.
        case either(EitherWait)

        func resume(returning wake: Wake) {
            switch self {
            case .task(let continuation): continuation.resume(returning: wake)
            case .either(let wait): wait.resume(returning: wake)
            }
        }
    }

    struct Side {
        /// Whether something happened since the last try: only then is the system asked again.
        var isReady: Bool
        var waiter: Waiter?
        var deadline: TimeSource.Instant?

        mutating func take() -> Waiter? {
            self.deadline = nil
            return self.waiter.take()
        }

        mutating func becomeReady() -> Waiter? {
            // A task takes the readiness along; whoever waits for two sides looks at both again.
            if case .task = self.waiter {} else { self.isReady = true }
            return self.take()
        }
    }

    private typealias Woken = (reader: Waiter?, writer: Waiter?, hangup: (@Sendable () -> Void)?)

    /// One of the two ways of a connection.
    package enum Direction: Sendable {
        /// What the peer sends.
        case reading
        /// What it is sent.
        case writing
    }

    struct State {
        // Bytes may be there before the loop tells of them; a connection that is being made is told of.
        var reading = Side(isReady: true)
        var writing = Side(isReady: false)
        var isClosed = false
        var isAborted = false
        var isHungUp = false
        /// Whether the peer must not take what it got for all.
        var isCut = false
        var onHangup: (@Sendable () -> Void)?
        /// When the loop looks at the deadlines next.
        var check: TimeSource.Instant?
        /// By when who reads next must be woken, asked for while nobody read.
        var wakeUp: TimeSource.Instant?

        subscript(direction: Direction) -> Side {
            get { direction == .reading ? self.reading : self.writing }
            set { if direction == .reading { self.reading = newValue } else { self.writing = newValue } }
        }

        /// Notes who waits.
        ///
        /// - Returns: When the loop must look at the deadlines, if it would not by itself.
        mutating func wait(
            _ waiter: Waiter,
            for direction: Direction,
            until deadline: TimeSource.Instant?
        ) -> TimeSource.Instant? {
            self[direction].waiter = waiter
            let earliest = direction == .reading ? [deadline, self.wakeUp.take()].compactMap(\.self).min() : deadline
            self[direction].deadline = earliest
            guard let deadline = earliest, self.check.map({ deadline < $0 }) ?? true else { return nil }
            self.check = deadline
            return deadline
        }
    }

    /// The loop that watches it.
    package let loop: EventLoop
    let token: UInt64
    let descriptor: Int32
    /// What it speaks TLS with, if it does.
    let tls: TLSSession?
    let state = Mutex(State())

    init(descriptor: Int32, token: UInt64, loop: EventLoop, tls: TLSSession?) {
        self.descriptor = descriptor
        self.token = token
        self.loop = loop
        self.tls = tls
    }

    /// Whether the peer closed its side or the connection broke.
    package var isHungUp: Bool { self.state.withLock { $0.isHungUp || $0.isAborted } }

    /// The other end's address; `nil` once the connection broke.
    package var peer: SocketAddress? {
        self.state.withLock { $0.isClosed ? nil : SocketAddress(connectedTo: self.descriptor) }
    }

    /// Calls `action` once when the peer closes its side, the connection breaks or is aborted; at once if it has.
    ///
    /// - Parameter action: What to do; `nil` takes the former back.
    package func onHangup(_ action: (@Sendable () -> Void)?) {
        let isOver = self.state.withLock { state in
            let isOver = state.isHungUp || state.isAborted
            state.onHangup = isOver ? nil : action
            return isOver
        }
        if isOver { action?() }
    }

    /// Waits until there may be something to read: bytes, the end, or a connection to accept.
    func waitReadable(until deadline: TimeSource.Instant? = nil) async throws(ConnectionError) {
        try await self.wait(.reading, until: deadline)
    }

    /// Waits until it may be written to, which a connection that is being made tells its end by.
    func waitWritable(until deadline: TimeSource.Instant? = nil) async throws(ConnectionError) {
        try await self.wait(.writing, until: deadline)
    }

    /// Waits until something happened on a side since it was last tried.
    ///
    /// - Throws: `timeout`, or `closed` after ``abort()``.
    func wait(
        _ direction: Direction,
        until deadline: TimeSource.Instant?
    ) async throws(ConnectionError) {
        // Unsafe, as a checked one allocates, and every request waits; `Side` resumes each exactly once.
        let wake = await withUnsafeContinuation { (continuation: UnsafeContinuation<Wake, Never>) in
            let (outcome, check) = self.state.withLock { state -> (Wake?, TimeSource.Instant?) in
                guard !state.isAborted, !state.isClosed else { return (.aborted, nil) }
                if state[direction].isReady {
                    state[direction].isReady = false
                    return (.ready, nil)
                }
                return (nil, state.wait(.task(continuation), for: direction, until: deadline))
            }
            if let outcome { continuation.resume(returning: outcome) }
            if let check { self.loop.schedule(self.token, at: check) }
        }
        try Self.check(wake)
    }

    /// Wakes who reads by a moment at the latest, by `timeout`; who reads next, when nobody does now.
    func wakeReader(by moment: TimeSource.Instant) {
        let mustCheck = self.state.withLock { state in
            guard state.reading.waiter != nil else {
                state.wakeUp = min(moment, state.wakeUp ?? moment)
                return false
            }
            guard state.reading.deadline.map({ moment < $0 }) ?? true else { return false }
            state.reading.deadline = moment
            guard state.check.map({ moment < $0 }) ?? true else { return false }
            state.check = moment
            return true
        }
        if mustCheck { self.loop.schedule(self.token, at: moment) }
    }

    static func check(_ wake: Wake) throws(ConnectionError) {
        switch wake {
        case .ready: return
        case .timeout: throw ConnectionError(.timeout, "nothing happened in time")
        case .aborted: throw ConnectionError(.closed, "the connection was closed here")
        }
    }

    /// Tells the peer that nothing more comes; it may still send.
    package func finishWriting() {
        self.state.withLock { state in
            guard !state.isClosed else { return }
            if !state.isAborted { self.tls?.close(on: self.descriptor) }
            _ = shutdown(self.descriptor, Int32(SHUT_WR))
        }
    }

    /// Ends the connection for all who use it, from anywhere; the owner still closes it.
    package func abort() {
        let woken = self.state.withLock { state -> Woken in
            state.isAborted = true
            // Not `close`: the number could name another connection before its user notices.
            if !state.isClosed { _ = shutdown(self.descriptor, Int32(SHUT_RDWR)) }
            return (state.reading.take(), state.writing.take(), state.onHangup.take())
        }
        woken.reader?.resume(returning: .aborted)
        woken.writer?.resume(returning: .aborted)
        woken.hangup?()
    }

    /// Closes it; calling again changes nothing.
    package func close() {
        let mustClose = self.state.withLock { state in
            defer { state.isClosed = true }
            state.onHangup = nil
            if let tls, !state.isClosed, !state.isAborted, !state.isCut { tls.close(on: self.descriptor) }
            return !state.isClosed
        }
        guard mustClose else { return }
        self.loop.forget(self.token)
        #if canImport(Glibc)
        _ = Glibc.close(self.descriptor)
        #elseif canImport(Musl)
        _ = Musl.close(self.descriptor)
        #else
        _ = Darwin.close(self.descriptor)
        #endif
    }

    func becomeReady(_ readiness: Readiness) {
        let (reader, writer, hangup) = self.state.withLock { state -> Woken in
            let reader = readiness.contains(.readable) ? state.reading.becomeReady() : nil
            let writer = readiness.contains(.writable) ? state.writing.becomeReady() : nil
            guard readiness.contains(.hangup) else { return (reader, writer, nil) }
            state.isHungUp = true
            return (reader, writer, state.onHangup.take())
        }
        reader?.resume(returning: .ready)
        writer?.resume(returning: .ready)
        hangup?()
    }

    func checkDeadlines(at now: TimeSource.Instant) {
        let (waiters, next) = self.state.withLock { state -> ([Waiter?], TimeSource.Instant?) in
            // An entry of the wheel that an earlier one overtook.
            if let check = state.check, check > now { return ([], nil) }
            var waiters: [Waiter?] = []
            if let deadline = state.reading.deadline, deadline <= now { waiters.append(state.reading.take()) }
            if let deadline = state.writing.deadline, deadline <= now { waiters.append(state.writing.take()) }
            state.check = [state.reading.deadline, state.writing.deadline].compactMap(\.self).min()
            return (waiters, state.check)
        }
        for waiter in waiters { waiter?.resume(returning: .timeout) }
        if let next { self.loop.schedule(self.token, at: next) }
    }
}

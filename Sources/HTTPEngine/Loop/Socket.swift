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
    private enum Wake {
        case ready
        case timeout
        case aborted
    }

    private struct Side {
        var isReady = false
        var waiter: Waiter?
        var deadline: TimeSource.Instant?

        mutating func take() -> Waiter? {
            self.deadline = nil
            return self.waiter.take()
        }

        mutating func becomeReady() -> Waiter? {
            if self.waiter == nil { self.isReady = true }
            return self.take()
        }
    }

    private typealias Waiter = UnsafeContinuation<Wake, Never>
    private typealias Woken = (reader: Waiter?, writer: Waiter?, hangup: (@Sendable () -> Void)?)

    private enum Direction {
        case reading
        case writing
    }

    private struct State {
        var reading = Side()
        var writing = Side()
        var isClosed = false
        var isAborted = false
        var isHungUp = false
        var onHangup: (@Sendable () -> Void)?
        /// When the loop looks at the deadlines next.
        var check: TimeSource.Instant?

        subscript(direction: Direction) -> Side {
            get { direction == .reading ? self.reading : self.writing }
            set { if direction == .reading { self.reading = newValue } else { self.writing = newValue } }
        }
    }

    /// The loop that watches it.
    package let loop: EventLoop
    let token: UInt64
    let descriptor: Int32
    private let state = Mutex(State())

    init(descriptor: Int32, token: UInt64, loop: EventLoop) {
        self.descriptor = descriptor
        self.token = token
        self.loop = loop
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

    /// Reads what is there, waiting for at least one byte.
    ///
    /// - Parameters:
    ///   - deadline: When to give up.
    ///   - body: Reads into memory of its own by calling what it is given, and returns what that returned.
    /// - Returns: The number of bytes; 0 at the end.
    /// - Throws: `timeout`, `closed` after ``abort()``, `broken`.
    func read(
        until deadline: TimeSource.Instant?,
        into body: ((UnsafeMutableRawBufferPointer) -> Int) -> Int
    ) async throws(ConnectionError) -> Int {
        while true {
            let count = body { recv(self.descriptor, $0.baseAddress, $0.count, 0) }
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: try await self.wait(.reading, until: deadline)
            case let number: throw ConnectionError(.broken, SystemError("recv", number: number).description)
            }
        }
    }

    /// Writes all of `bytes`.
    ///
    /// - Throws: `timeout` when the peer takes nothing until the deadline; `closed`, `broken`.
    package func write(_ bytes: [UInt8], until deadline: TimeSource.Instant?) async throws(ConnectionError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                return send(self.descriptor, rest.baseAddress, rest.count, SystemCalls.sendFlags)
            }
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: try await self.wait(.writing, until: deadline)
            case let number: throw ConnectionError(.broken, SystemError("send", number: number).description)
            }
        }
    }

    /// Waits until there may be something to read: bytes, the end, or a connection to accept.
    func waitReadable(until deadline: TimeSource.Instant? = nil) async throws(ConnectionError) {
        try await self.wait(.reading, until: deadline)
    }

    /// Waits until it may be written to, which a connection that is being made tells its end by.
    func waitWritable(until deadline: TimeSource.Instant? = nil) async throws(ConnectionError) {
        try await self.wait(.writing, until: deadline)
    }

    private func wait(
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
                state[direction].waiter = continuation
                state[direction].deadline = deadline
                guard let deadline, state.check.map({ deadline < $0 }) ?? true else { return (nil, nil) }
                state.check = deadline
                return (nil, deadline)
            }
            if let outcome { continuation.resume(returning: outcome) }
            if let check { self.loop.schedule(self.token, at: check) }
        }
        switch wake {
        case .ready: return
        case .timeout: throw ConnectionError(.timeout, "nothing happened in time")
        case .aborted: throw ConnectionError(.closed, "the connection was closed here")
        }
    }

    /// Tells the peer that nothing more comes; it may still send.
    package func finishWriting() {
        self.state.withLock { state in
            if !state.isClosed { _ = shutdown(self.descriptor, Int32(SHUT_WR)) }
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

/// Why a connection can be used no further.
package struct ConnectionError: Error, Hashable, CustomStringConvertible {
    /// What kind of end it is.
    package enum Kind: Hashable, Sendable {
        /// The peer cannot be reached, or refused.
        case refused
        /// Nothing happened until the deadline.
        case timeout
        /// This side closed it.
        case closed
        /// The peer or the network broke it.
        case broken
        /// The peer does not keep to the protocol.
        case malformed
    }

    /// What kind of end it is.
    package let kind: Kind
    /// What happened.
    package let message: String

    /// Creates an error.
    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// The text form.
    package var description: String { self.message }
}

package import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A task that waits for the first of two sides, and is woken once.
final class EitherWait: Sendable {
    private let continuation = Mutex<UnsafeContinuation<Socket.Wake, Never>?>(nil)

    func begin(_ continuation: UnsafeContinuation<Socket.Wake, Never>) {
        self.continuation.withLock { $0 = continuation }
    }

    func resume(returning wake: Socket.Wake) {
        self.continuation.withLock { $0.take() }?.resume(returning: wake)
    }
}

/// For one task that moves bytes both ways between two connections.
extension Socket {
    /// Waits until one of two sides may go on.
    ///
    /// - Parameters:
    ///   - first: One side.
    ///   - second: The other; `nil` waits for the first alone.
    ///   - deadline: When to give up.
    /// - Throws: `timeout`, or `closed` when one of them was closed here.
    package static func waitForEither(
        _ first: (socket: Socket, direction: Direction),
        _ second: (socket: Socket, direction: Direction)?,
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) {
        guard let second else { return try await first.socket.waitAgain(first.direction, until: deadline) }
        let wait = EitherWait()
        let wake = await withUnsafeContinuation { continuation in
            wait.begin(continuation)
            first.socket.enlist(wait, for: first.direction, until: deadline)
            second.socket.enlist(wait, for: second.direction, until: deadline)
        }
        first.socket.withdraw(wait, from: first.direction)
        second.socket.withdraw(wait, from: second.direction)
        try Self.check(wake)
    }

    /// Reads what is there without waiting.
    ///
    /// - Returns: The number of bytes; 0 at the end; `nil` when nothing is there.
    /// - Throws: `closed` after ``abort()``, `broken`.
    func readNow(into body: ((UnsafeMutableRawBufferPointer) -> Int) -> Int) throws(ConnectionError) -> Int? {
        guard try self.takeReadiness(.reading) else { return nil }
        return try self.receive(into: body)
    }

    /// Writes what the connection takes without waiting.
    ///
    /// - Returns: The number of bytes; ``waitForEither(_:_:until:)`` tells when it takes more.
    /// - Throws: `closed` after ``abort()``, `broken`.
    func writeNow(_ bytes: UnsafeRawBufferPointer) throws(ConnectionError) -> Int {
        // What is told from here on is news.
        _ = try self.takeReadiness(.writing)
        return try self.transmit(bytes)
    }

    /// Makes ``close()`` cut the connection instead of ending it, so that the peer cannot take what it got for all.
    package func cutWhenClosed() {
        self.state.withLock { state in
            guard !state.isClosed else { return }
            state.isCut = true
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(self.descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }

    private func takeReadiness(_ direction: Direction) throws(ConnectionError) -> Bool {
        let wasReady = self.state.withLock { state -> Bool? in
            guard !state.isAborted, !state.isClosed else { return nil }
            defer { state[direction].isReady = false }
            return state[direction].isReady
        }
        guard let wasReady else { throw ConnectionError(.closed, "the connection was closed here") }
        return wasReady
    }

    /// Waits for one side, and leaves the readiness to whoever tries next.
    private func waitAgain(_ direction: Direction, until deadline: TimeSource.Instant) async throws(ConnectionError) {
        let wait = EitherWait()
        let wake = await withUnsafeContinuation { continuation in
            wait.begin(continuation)
            self.enlist(wait, for: direction, until: deadline)
        }
        try Self.check(wake)
    }

    private func enlist(_ wait: EitherWait, for direction: Direction, until deadline: TimeSource.Instant) {
        let (outcome, check) = self.state.withLock { state -> (Wake?, TimeSource.Instant?) in
            guard !state.isAborted, !state.isClosed else { return (.aborted, nil) }
            guard !state[direction].isReady else { return (.ready, nil) }
            return (nil, state.wait(.either(wait), for: direction, until: deadline))
        }
        if let outcome { wait.resume(returning: outcome) }
        if let check { self.loop.schedule(self.token, at: check) }
    }

    private func withdraw(_ wait: EitherWait, from direction: Direction) {
        self.state.withLock { state in
            guard case .either(let present) = state[direction].waiter, present === wait else { return }
            _ = state[direction].take()
        }
    }
}

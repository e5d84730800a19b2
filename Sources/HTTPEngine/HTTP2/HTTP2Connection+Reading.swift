import Rollcall
import Synchronization

/// What comes.
extension HTTP2Connection {
    /// Reads until the connection ends.
    func read() async -> ConnectionError {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: InputBuffer.readSize * 4, alignment: 1)
        defer { buffer.deallocate() }
        while true {
            do throws(ConnectionError) {
                try await self.receive(into: buffer)
            } catch {
                return error
            }
        }
    }

    private func receive(into buffer: UnsafeMutableRawBufferPointer) async throws(ConnectionError) {
        var waiters: [UnsafeContinuation<Void, Never>] = []
        var failure: ConnectionError?
        do throws(ConnectionError) {
            let count = try await self.socket.read(until: self.nextCheck()) { $0(buffer) }
            guard count > 0 else { throw ConnectionError(.broken, "the server closed the connection") }
            let (isGreeted, isGoingAway): (Bool, Bool)
            (failure, isGreeted, isGoingAway) = self.state.withLock { state in
                let now = self.clock.now
                state.lastSign = now
                state.asked = nil
                defer {
                    // A connection on which something comes all the time never runs into its own deadline.
                    if let deadline = state.nextDeadline, deadline <= now { state.expire(at: now, &waiters) }
                }
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
            let sign =
                state.asked?.advanced(by: self.keepAlive.patience)
                ?? state.lastSign.advanced(by: self.keepAlive.silence)
            return min(sign, state.nextDeadline ?? sign)
        }
    }

    /// Ends streams whose time is over, and asks for a sign of life.
    private func check(_ waiters: inout [UnsafeContinuation<Void, Never>]) -> ConnectionError? {
        let now = self.clock.now
        return self.state.withLock { state in
            state.expire(at: now, &waiters)
            guard !state.inboxes.isEmpty else { return nil }
            if let asked = state.asked {
                guard asked.advanced(by: self.keepAlive.patience) <= now else { return nil }
                return ConnectionError(
                    .timeout,
                    "the server gave no sign of life for \(self.keepAlive.silence + self.keepAlive.patience)"
                )
            }
            if state.lastSign.advanced(by: self.keepAlive.silence) <= now {
                state.asked = now
                state.machine.ping()
            }
            return nil
        }
    }
}

extension HTTP2Connection.State {
    /// Ends streams whose time is over.
    fileprivate mutating func expire(at now: TimeSource.Instant, _ waiters: inout [UnsafeContinuation<Void, Never>]) {
        self.nextDeadline = nil
        for (stream, inbox) in self.inboxes {
            guard let deadline = inbox.deadline, inbox.failure == nil, !inbox.isEnded else { continue }
            guard deadline <= now else {
                self.nextDeadline = min(deadline, self.nextDeadline ?? deadline)
                continue
            }
            self.inboxes[stream]?.failure = ConnectionError(.timeout, "no answer came in time")
            self.machine.reset(stream)
            if let waiter = self.inboxes[stream]?.takeWaiter() { waiters.append(waiter) }
        }
    }

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
            guard let inbox = self.inboxes[stream], inbox.bytes.count + bytes.count <= inbox.limit else {
                self.inboxes[stream]?.failure = ConnectionError(.malformed, "the response is longer than is allowed")
                self.machine.reset(stream)
                return stream
            }
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

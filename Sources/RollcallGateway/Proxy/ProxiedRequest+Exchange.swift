import HTTPEngine
import Rollcall

/// One exchange with an instance.
extension ProxiedRequest {
    /// How long an instance may think about whether it wants a body.
    private static let continueTimeout = Duration.seconds(1)
    /// What most heads fit in, so that they are written without growing the buffer step by step.
    private static let usualHead = 1024

    /// Sends the request over a connection and forwards the answer.
    ///
    /// - Parameters:
    ///   - socket: The connection, which is put to rest or closed.
    ///   - lane: Whose connection it is.
    ///   - isReused: Whether it has rested, so that the instance may have closed it.
    ///   - deadline: Until when the answer must begin.
    /// - Throws: Why the attempt failed, and whether another one may follow.
    mutating func perform(
        on socket: Socket,
        of lane: Lane,
        isReused: Bool,
        until deadline: TimeSource.Instant
    ) async throws(AttemptError) {
        let client = self.exchange.connection.socket
        // A client that closes its side is taken to be gone, as other proxies do.
        client.onHangup { socket.abort() }
        let upstream = HTTPConnection(socket)
        upstream.output.reserveCapacity(Self.usualHead)
        self.deadline = deadline
        let isFree: Bool
        do throws(AttemptError) {
            let head = try await self.responseHead(on: upstream, of: lane, isReused: isReused)
            lane.upstream.noteSuccess()
            isFree = try await self.forward(head, from: upstream)
        } catch {
            client.onHangup(nil)
            socket.close()
            throw error
        }
        client.onHangup(nil)
        if isFree { lane.pool.putToRest(socket, at: self.proxy.clock.now) } else { socket.close() }
    }

    /// Whether a WebSocket is asked for (RFC 6455 section 4.1).
    private var asksForTunnel: Bool {
        let head = self.exchange.head
        return head.fields.contains(.upgrade) && head.method == "GET" && !head.isVersion10
            && self.exchange.framing == .none && head.fields.lists("websocket", in: .upgrade)
            && head.fields.lists("upgrade", in: .connection)
    }

    /// Sends the request and receives the head of the answer.
    private mutating func responseHead(
        on upstream: HTTPConnection,
        of lane: Lane,
        isReused: Bool
    ) async throws(AttemptError) -> ResponseHead {
        do {
            let options = ForwardedHead.RequestOptions(
                stripped: self.match?.stripped ?? 0,
                upgrades: self.asksForTunnel,
                expectsContinue: self.exchange.awaitsContinue,
                trustsForwardedFields: self.proxy.configuration.trustsForwardedFields
            )
            ForwardedHead.write(self.exchange, to: lane.upstream, options, into: &upstream.output)
            try self.body.writeIfReceived(to: upstream)
            try await upstream.flush(until: self.deadline)
            return try await self.receiveHead(from: upstream)
        } catch {
            throw self.attemptError(error, on: upstream, isReused: isReused)
        }
    }

    private mutating func receiveHead(from upstream: HTTPConnection) async throws -> ResponseHead {
        while true {
            guard let head = try upstream.takeResponseHead() else {
                guard try await self.receiveOfHead(from: upstream) else {
                    throw ConnectionError(.broken, "the connection was closed before an answer")
                }
                continue
            }
            guard head.status < 200 else { return head }
            if head.status == 101 {
                guard self.asksForTunnel, head.fields.lists("websocket", in: .upgrade) else {
                    throw ConnectionError(.malformed, "the instance changes to a protocol that nobody asked for")
                }
                return head
            }
            try await self.forwardInterim(head)
        }
    }

    private mutating func forwardInterim(_ head: ResponseHead) async throws {
        if head.status == 100 {
            guard self.exchange.awaitsContinue else { return }
            self.exchange.continueBody()
        } else {
            guard !self.exchange.head.isVersion10 else { return }
            ForwardedHead.write(head, framing: .none, for: self.exchange, into: &self.exchange.connection.output)
        }
        try await self.flushInterim()
    }

    /// Sends the client what waits before there is an answer: where that fails, the instance is not to blame.
    private func flushInterim() async throws(AttemptError) {
        do throws(ConnectionError) {
            try await self.exchange.flush()
        } catch {
            throw .ended(error)
        }
    }

    /// Receives more of a head, handing on the request's body meanwhile.
    private mutating func receiveOfHead(from upstream: HTTPConnection) async throws -> Bool {
        if self.exchange.awaitsContinue {
            let limit = self.proxy.clock.now.advanced(by: Self.continueTimeout)
            do throws(ConnectionError) {
                return try await upstream.receive(until: min(limit, self.deadline))
            } catch {
                guard error.kind == .timeout else { throw error }
            }
            self.exchange.continueBody()
            try await self.flushInterim()
        }
        if self.body.isUnderWay {
            if let isOpen = try await self.moveBody(while: upstream) { return isOpen }
            // The instance could not answer before it had all of the request.
            let total = self.began.advanced(by: self.proxy.configuration.totalTimeout)
            self.deadline = min(total, self.proxy.clock.now.advanced(by: self.proxy.configuration.attemptTimeout))
        }
        return try await upstream.receive(until: self.deadline)
    }

    /// Hands on the request's body until all of it was, or until something came from the instance.
    ///
    /// - Returns: What came: false for the end; `nil` when nothing came.
    mutating func moveBody(while upstream: HTTPConnection) async throws -> Bool? {
        var timeout: ConnectionError?
        while self.body.isUnderWay {
            if let isOpen = try upstream.receiveNow() { return isOpen }
            guard let wish = try self.clientSide({ body throws in try body.move(to: upstream) }) else {
                timeout = nil
                await self.giveWay(after: 65536)
                continue
            }
            if let timeout {
                guard wish.direction == .reading else { throw timeout }
                throw AttemptError.ended(Problem(status: 408, code: .timeout, "the body did not come in time"))
            }
            let limit = self.proxy.configuration.idleTimeout
            timeout = try await self.wait(for: (upstream.socket, .reading), or: wish, atMost: limit)
        }
        return nil
    }

    /// Waits until one of two sides may go on.
    ///
    /// - Returns: The error to end with if neither did in time, and the next try moves nothing either: systems tell of
    ///   room only when much of it is free, so that a slow peer may have taken bytes all the time.
    /// - Throws: `closed` when one of them was closed here.
    func wait(
        for first: (socket: Socket, direction: Socket.Direction),
        or second: (socket: Socket, direction: Socket.Direction),
        atMost limit: Duration
    ) async throws(ConnectionError) -> ConnectionError? {
        do throws(ConnectionError) {
            try await Socket.waitForEither(first, second, until: self.proxy.clock.now.advanced(by: limit))
            return nil
        } catch {
            guard error.kind == .timeout else { throw error }
            return error
        }
    }

    /// Lets others have the loop after much was moved without waiting.
    mutating func giveWay(after count: Int) async {
        self.movedAtOnce += count
        guard self.movedAtOnce >= 1 << 20 else { return }
        self.movedAtOnce = 0
        await Task.yield()
    }

    /// Runs what fails by the client's fault only.
    mutating func clientSide<Value>(_ run: (inout RequestBody) throws -> Value) throws -> Value {
        do {
            return try run(&self.body)
        } catch let error as MessageError {
            throw AttemptError.ended(Problem(error))
        } catch {
            throw AttemptError.ended(error)
        }
    }

    private func attemptError(_ error: any Error, on upstream: HTTPConnection, isReused: Bool) -> AttemptError {
        if let error = error as? AttemptError { return error }
        if self.exchange.connection.socket.isHungUp { return .ended(error) }
        guard let error = error as? ConnectionError else {
            return .failed(Failure(kind: .malformed, error: ConnectionError(.malformed, "\(error)")))
        }
        switch error.kind {
        case .timeout: return .failed(Failure(kind: .late, error: error))
        case .malformed, .untrusted: return .failed(Failure(kind: .malformed, error: error))
        case .closed, .broken, .refused:
            let kind: Failure.Kind = upstream.receivedCount > 0 ? .malformed : isReused ? .stale : .broken
            return .failed(Failure(kind: kind, error: error))
        }
    }
}

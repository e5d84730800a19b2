import HTTPEngine
import Rollcall

/// The answer on its way to the client.
extension ProxiedRequest {
    /// How much is gathered for one write.
    private static let batch = 32768

    /// Forwards an answer.
    ///
    /// - Returns: Whether the instance's connection may carry another request.
    mutating func forward(_ head: ResponseHead, from upstream: HTTPConnection) async throws(AttemptError) -> Bool {
        do {
            self.status = head.status
            self.loop.counters.add(.response(head.status))
            if head.status == 101 {
                try await self.tunnel(head, to: upstream)
                return false
            }
            let framing = try BodyFraming.of(head, to: self.exchange.head.method)
            // The client's next request stands behind a body that nobody reads to its end.
            if self.body.isUnderWay || self.exchange.hasBody { self.exchange.closeAfterwards() }
            let outgoing = self.outgoing(framing)
            ForwardedHead.write(head, framing: outgoing, for: self.exchange, into: &self.exchange.connection.output)
            self.exchange.didRespond(isComplete: true)
            var decoder = BodyDecoder(framing)
            do {
                try await self.forwardBody(&decoder, isChunked: outgoing == .chunked, from: upstream)
            } catch {
                // Where the connection's end is the answer's end, it must not look like one.
                if outgoing == .untilClose { self.exchange.connection.socket.cutWhenClosed() }
                throw error
            }
            self.loop.counters.add(.bytes, self.bytes)
            return head.keepsAlive && framing != .untilClose && upstream.isInputEmpty && !self.body.isUnderWay
        } catch let error as MessageError {
            guard self.exchange.hasBegun else {
                let error = ConnectionError(.malformed, error.description)
                throw .failed(Failure(kind: .malformed, error: error))
            }
            throw .ended(error)
        } catch let error as AttemptError {
            throw error
        } catch {
            throw .ended(error)
        }
    }

    /// How the client is told of the end of a body.
    private func outgoing(_ framing: BodyFraming) -> BodyFraming {
        guard framing == .chunked || framing == .untilClose else { return framing }
        guard self.exchange.head.isVersion10 else { return .chunked }
        self.exchange.closeAfterwards()
        return .untilClose
    }

    private mutating func forwardBody(
        _ decoder: inout BodyDecoder,
        isChunked: Bool,
        from upstream: HTTPConnection
    ) async throws {
        let client = self.exchange.connection
        while !decoder.hasEnded {
            let count = try upstream.takePiece(&decoder) {
                BodyWriter.write($0, isChunked: isChunked, to: &client.output)
            }
            self.bytes += count
            guard !decoder.hasEnded else { break }
            if client.output.count >= Self.batch { try await self.flush(from: upstream) }
            if count == 0, try await !self.receive(from: upstream) {
                try decoder.finish()
                break
            }
        }
        if isChunked { BodyWriter.end(&client.output) }
        if self.body.isUnderWay { try await self.flush(from: upstream) }
    }

    /// Receives more of an answer; whatever waits for the client leaves before that takes time.
    private mutating func receive(from upstream: HTTPConnection) async throws -> Bool {
        if let isOpen = try upstream.receiveNow() { return isOpen }
        try await self.flush(from: upstream)
        if let isOpen = try await self.moveBody(while: upstream) { return isOpen }
        let limit = self.proxy.clock.now.advanced(by: self.proxy.configuration.idleTimeout)
        return try await upstream.receive(until: limit)
    }

    /// Sends the client what waits, handing on the request's body meanwhile.
    private mutating func flush(from upstream: HTTPConnection) async throws {
        let client = self.exchange.connection
        await self.giveWay(after: client.output.count)
        var timeout: ConnectionError?
        while self.body.isUnderWay, !client.output.isEmpty {
            let sent = try client.sendNow()
            guard !client.output.isEmpty else { return }
            let wish = try self.clientSide { body throws in try body.move(to: upstream) }
            guard sent == 0, let wish else {
                timeout = nil
                continue
            }
            if let timeout { throw timeout }
            let limit = self.proxy.configuration.idleTimeout
            timeout = try await self.wait(for: (client.socket, .writing), or: wish, atMost: limit)
        }
        try await self.exchange.flush()
    }
}

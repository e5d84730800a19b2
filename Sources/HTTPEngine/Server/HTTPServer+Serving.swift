import Rollcall
import Synchronization

/// Serving connections, and the requests of each.
extension HTTPServer {
    /// The next connection, or `nil` at the end.
    func accept() async -> Int32? {
        while !self.isShuttingDown {
            do throws(SystemError) {
                if let descriptor = try Listener.accept(from: self.listener) { return descriptor }
            } catch {
                // Out of descriptors, most likely: those who have one must get on, so that one becomes free.
                self.configuration.log(.error, "no connection can be accepted: \(error)")
                try? await self.loops.clock.sleep(for: .milliseconds(100))
                continue
            }
            do throws(ConnectionError) {
                try await self.listener.waitReadable()
            } catch {
                return nil
            }
        }
        return nil
    }

    func serve(_ descriptor: Int32, on loop: EventLoop) async {
        guard let socket = try? loop.adopt(descriptor) else { return }
        defer { socket.close() }
        let client = Client(socket)
        let number = self.state.withLock { state -> UInt64? in
            guard state.clients.count < self.configuration.maximumConnections, !state.isShuttingDown else { return nil }
            let number = state.takeNumber()
            state.clients[number] = client
            return number
        }
        guard let number else { return }
        defer { self.state.withLock { _ = $0.clients.removeValue(forKey: number) } }
        await withTaskCancellationHandler {
            await self.serve(client)
        } onCancel: {
            socket.abort()
        }
    }

    private func serve(_ client: Client) async {
        let connection = HTTPConnection(client.socket)
        let clock = self.loops.clock
        while true {
            // In this order, see `beginShutdown`.
            client.isResting.store(true, ordering: .sequentiallyConsistent)
            guard !self.isShuttingDown else { return }
            guard await connection.rest(until: clock.now.advanced(by: self.configuration.idleTimeout)) else { return }
            client.isResting.store(false, ordering: .sequentiallyConsistent)
            guard await self.serveRequest(connection) else { return }
        }
    }

    /// Serves one request.
    ///
    /// - Returns: Whether another one may follow.
    private func serveRequest(_ connection: HTTPConnection) async -> Bool {
        let deadline = self.loops.clock.now.advanced(by: self.configuration.headTimeout)
        let exchange: HTTPExchange
        do {
            guard let bytes = try await connection.receiveHead(until: deadline) else { return false }
            let head = try HeadParser.request(bytes)
            let framing = try BodyFraming.of(head)
            exchange = HTTPExchange(head: head, framing: framing, connection: connection, server: self)
        } catch {
            await self.refuse(error, on: connection)
            return false
        }
        self.requestCount.wrappingAdd(1, ordering: .relaxed)
        guard await self.handle(exchange) else { return false }
        guard !exchange.closesConnection, await exchange.skipBody(), !exchange.closesConnection else {
            await self.close(connection)
            return false
        }
        return true
    }

    /// Has the request answered and the answer sent.
    ///
    /// - Returns: Whether that ended as HTTP wants it.
    private func handle(_ exchange: HTTPExchange) async -> Bool {
        do {
            do {
                try await self.handler(exchange)
                exchange.endStream()
                if !exchange.hasBegun { throw Problem(status: 500, code: .closed, "the request was not answered") }
            } catch  where !exchange.hasBegun && exchange.connection.isWritable {
                exchange.respond(try self.problem(for: error))
            }
            try await exchange.flush()
            return true
        } catch {
            return false
        }
    }

    /// The problem that an error of a handler is.
    ///
    /// - Throws: The error, if the client is gone.
    private func problem(for error: any Error) throws -> Problem {
        switch error {
        case let problem as Problem: return problem
        case let error as BackendError: return Problem(error)
        case let error as ValidationError: return Problem(error)
        case let error as MessageError: return Problem(error)
        case let error as ConnectionError where error.kind == .timeout:
            return Problem(status: 408, code: .timeout, "the body did not come in time")
        case is ConnectionError, is CancellationError: throw error
        default:
            self.configuration.log(.error, "a request failed: \(error)")
            return Problem(status: 500, code: .protocolViolation, "the server failed; its log says why")
        }
    }

    /// Answers what is no request, if anything came at all.
    private func refuse(_ error: any Error, on connection: HTTPConnection) async {
        let problem: Problem
        switch error {
        case let error as MessageError: problem = Problem(error)
        case let error as ConnectionError where error.kind == .timeout:
            problem = Problem(status: 408, code: .timeout, "the request's head did not come in time")
        default: return
        }
        self.configuration.onRefusal?(problem, connection)
        let body = problem.json
        var output = Array("HTTP/1.1 \(problem.status) \(ResponseHead.reason(of: problem.status))\r\n".utf8)
        HTTPDate.write(to: &output)
        let fields =
            "Content-Type: application/problem+json\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        output.append(contentsOf: fields.utf8)
        connection.output = output + body
        try? await connection.flush(until: self.loops.clock.now.advanced(by: .seconds(1)))
        await self.close(connection)
    }

    /// Ends a connection so that the client still reads the answer: closing with unread input would reset it.
    ///
    /// A client may be sending for a while before it looks at the answer.
    private func close(_ connection: HTTPConnection) async {
        connection.socket.finishWriting()
        let end = self.loops.clock.now.advanced(by: .seconds(5))
        while !connection.socket.isHungUp {
            let soon = self.loops.clock.now.advanced(by: .seconds(1))
            guard soon < end, (try? await connection.receive(until: soon)) == true else { return }
            _ = connection.input.take(upTo: .max) { _ in }
        }
    }
}

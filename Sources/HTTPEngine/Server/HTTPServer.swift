package import Rollcall
import Synchronization

/// An HTTP/1.1 server: one task for each connection, on the loop that watches it.
package final class HTTPServer: Sendable {
    /// Answers a request.
    ///
    /// What it throws becomes a problem, if the response has not begun.
    package typealias Handler = @Sendable (HTTPExchange) async throws -> Void

    /// Limits of a server.
    package struct Configuration: Sendable {
        /// The most connections at once; further ones are closed at once.
        package var maximumConnections = 65536
        /// How long a client may take for a request's head.
        package var headTimeout = Duration.seconds(10)
        /// How long a client may rest between requests.
        package var idleTimeout = Duration.seconds(75)
        /// How long a client may send nothing of a body.
        package var bodyTimeout = Duration.seconds(30)
        /// How long a client may take nothing of a response.
        package var writeTimeout = Duration.seconds(30)
        /// Where the server says what happens.
        package var log = Log.silent

        /// Creates the usual limits.
        package init() {}
    }

    private final class Client: Sendable {
        let socket: Socket
        let isResting = Atomic(true)

        init(_ socket: Socket) {
            self.socket = socket
        }
    }

    private struct State {
        var clients: [UInt64: Client] = [:]
        var hooks: [UInt64: @Sendable () -> Void] = [:]
        var nextNumber: UInt64 = 0
        var isShuttingDown = false

        mutating func takeNumber() -> UInt64 {
            self.nextNumber += 1
            return self.nextNumber
        }
    }

    let configuration: Configuration
    /// Where it listens.
    package let address: SocketAddress
    private let loops: EventLoops
    private let listener: Socket
    private let handler: Handler
    private let state = Mutex(State())
    private let shutsDown = Atomic(false)
    private let requestCount = Atomic<Int>(0)
    private let ended = Signal()

    /// Binds a port and listens; requests wait until ``run()``.
    ///
    /// - Parameters:
    ///   - host: A numeric address.
    ///   - port: A port; 0 for one that is free.
    ///   - configuration: Its limits.
    ///   - handler: Answers requests, many at once.
    /// - Throws: A ``SystemError``, such as for a port that is in use.
    package init(
        host: String,
        port: Int,
        configuration: Configuration = Configuration(),
        handler: @escaping Handler
    ) throws(SystemError) {
        self.configuration = configuration
        self.handler = handler
        self.loops = try EventLoops.running()
        (self.listener, self.address) = try Listener.listen(host: host, port: port, on: self.loops.next())
    }

    deinit {
        self.listener.close()
    }

    /// Whether ``shutDown(within:)`` was called.
    package var isShuttingDown: Bool { self.shutsDown.load(ordering: .relaxed) }

    /// The number of connections now.
    package var connectionCount: Int { self.state.withLock { $0.clients.count } }

    /// The number of requests so far.
    package var requests: Int { self.requestCount.load(ordering: .relaxed) }

    /// Serves until ``shutDown(within:)`` or until the task is cancelled, which ends every connection at once.
    package func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                while let descriptor = await self.accept() {
                    let loop = self.loops.next()
                    group.addTask(executorPreference: loop) { await self.serve(descriptor, on: loop) }
                }
            }
        } onCancel: {
            self.beginShutdown()
            self.abortAll()
        }
        self.listener.close()
        self.ended.raise()
    }

    /// Takes no further connection or request, lets those under way end, and makes ``run()`` return.
    ///
    /// - Parameter limit: How long requests under way may take; then their connections are closed.
    package func shutDown(within limit: Duration) async {
        self.beginShutdown()
        await race {
            await self.ended.wait()
        } _: {
            try? await self.loops.clock.sleep(for: limit)
        }
        if !self.ended.isRaised { self.abortAll() }
        await self.ended.wait()
    }

    private func beginShutdown() {
        self.shutsDown.store(true, ordering: .relaxed)
        let (clients, hooks) = self.state.withLock { state in
            state.isShuttingDown = true
            defer { state.hooks = [:] }
            return (Array(state.clients.values), Array(state.hooks.values))
        }
        self.listener.abort()
        for client in clients where client.isResting.load(ordering: .relaxed) { client.socket.abort() }
        for hook in hooks { hook() }
    }

    private func abortAll() {
        for client in self.state.withLock({ Array($0.clients.values) }) { client.socket.abort() }
    }

    func onShutdown(_ action: @escaping @Sendable () -> Void) -> UInt64 {
        let (number, isOver) = self.state.withLock { state in
            let number = state.takeNumber()
            if !state.isShuttingDown { state.hooks[number] = action }
            return (number, state.isShuttingDown)
        }
        if isOver { action() }
        return number
    }

    func removeShutdownHook(_ number: UInt64) {
        self.state.withLock { _ = $0.hooks.removeValue(forKey: number) }
    }
}

extension HTTPServer {
    /// The next connection, or `nil` at the end.
    private func accept() async -> Int32? {
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

    private func serve(_ descriptor: Int32, on loop: EventLoop) async {
        guard let socket = try? loop.adopt(descriptor) else { return Listener.close(descriptor) }
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
        while !self.isShuttingDown {
            client.isResting.store(true, ordering: .relaxed)
            guard await connection.rest(until: clock.now.advanced(by: self.configuration.idleTimeout)) else { return }
            client.isResting.store(false, ordering: .relaxed)
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
            } catch  where !exchange.hasBegun {
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

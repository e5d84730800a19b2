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
        /// Called on the connection's loop for what is no request, with the problem that it is answered with.
        package var onRefusal: (@Sendable (Problem, HTTPConnection) -> Void)?
        /// Where the server says what happens.
        package var log = Log.silent

        /// Creates the usual limits.
        package init() {}
    }

    /// A connection, as far as shutting down concerns it.
    final class Client: Sendable {
        /// The connection.
        let socket: Socket
        /// Whether it is between requests, so that it can be closed at any time.
        let isResting = Atomic(true)

        init(_ socket: Socket) {
            self.socket = socket
        }
    }

    struct State {
        var clients: [UInt64: Client] = [:]
        var hooks: [UInt64: @Sendable () -> Void] = [:]
        var nextNumber: UInt64 = 0
        var hasBegun = false
        var isShuttingDown = false

        mutating func takeNumber() -> UInt64 {
            self.nextNumber += 1
            return self.nextNumber
        }
    }

    let configuration: Configuration
    /// Where it listens.
    package let address: SocketAddress
    let loops: EventLoops
    let listener: Socket
    let handler: Handler
    let state = Mutex(State())
    private let shutsDown = Atomic(false)
    let requestCount = Atomic<Int>(0)
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
    package var isShuttingDown: Bool { self.shutsDown.load(ordering: .sequentiallyConsistent) }

    /// The number of connections now.
    package var connectionCount: Int { self.state.withLock { $0.clients.count } }

    /// The number of requests so far.
    package var requests: Int { self.requestCount.load(ordering: .relaxed) }

    /// Serves until ``shutDown(within:)`` or until the task is cancelled, which ends every connection at once.
    ///
    /// It returns at once if it was shut down before.
    package func run() async {
        let mayRun = self.state.withLock { state in
            if !state.isShuttingDown { state.hasBegun = true }
            return !state.isShuttingDown
        }
        guard mayRun else { return }
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
        guard self.state.withLock({ $0.hasBegun }) else {
            // Nobody serves, and from now on nobody will.
            self.listener.close()
            return self.ended.raise()
        }
        await race {
            await self.ended.wait()
        } _: {
            try? await self.loops.clock.sleep(for: limit)
        }
        if !self.ended.isRaised { self.abortAll() }
        await self.ended.wait()
    }

    private func beginShutdown() {
        self.shutsDown.store(true, ordering: .sequentiallyConsistent)
        let (clients, hooks) = self.state.withLock { state in
            state.isShuttingDown = true
            defer { state.hooks = [:] }
            return (Array(state.clients.values), Array(state.hooks.values))
        }
        self.listener.abort()
        // A connection says that it rests before it looks at the flag, which is raised by now: either it sees the flag, or
        // it is seen here.
        for client in clients where client.isResting.load(ordering: .sequentiallyConsistent) { client.socket.abort() }
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

package import HTTPEngine
package import Rollcall
import Synchronization

/// Calls of gRPC to one of several servers that are the same, over one connection that all calls share.
///
/// ``run()`` keeps the connection and moves on to the next server when it breaks. A call while there is none waits for one,
/// unless none of the servers could be reached just now: then it fails at once.
package final class GRPCChannel: Sendable {
    /// How a channel behaves.
    package struct Configuration: Sendable {
        /// The servers.
        package var servers: [Origin]
        /// How long a connection may take to be made.
        package var connectTimeout: Duration = .seconds(2)
        /// The most bytes of a message that comes.
        package var messageLimit = 256 << 20
        /// What the servers are, in logs.
        package var name: String
        /// Where it says what happens.
        package var log: Log

        /// Creates a configuration.
        package init(servers: [Origin], name: String, log: Log) {
            self.servers = servers
            self.name = name
            self.log = log
        }
    }

    private struct State {
        var connection: HTTP2Connection?
        var server: Origin?
        /// The servers that could not be reached since the last connection.
        var unreachable: Set<Origin> = []
        /// Why none of the servers could be reached.
        var failure: ConnectionError?
        /// How often none of them could be.
        var rounds = 0
        /// Raised by calls that want a connection, so that the servers are tried again at once.
        var wanted = Signal()
        var isRunning = false
        /// Raised at the next change of the above.
        var change = Signal()

        mutating func noteChange() -> Signal {
            defer { self.change = Signal() }
            return self.change
        }
    }

    private let configuration: Configuration
    private let loop: EventLoop
    private let state = Mutex(State())

    /// Creates a channel without a connection.
    ///
    /// - Parameter configuration: How it behaves.
    /// - Throws: `unavailable` when the process has no descriptor left.
    package init(_ configuration: Configuration) throws(BackendError) {
        self.configuration = configuration
        do throws(SystemError) {
            self.loop = try EventLoops.running().next()
        } catch {
            throw BackendError(.unavailable, "no event loop can be started: \(error)")
        }
    }

    /// What measures deadlines.
    package var clock: TimeSource { self.loop.clock }

    /// The server that is connected to; `nil` for none.
    package var server: Origin? { self.state.withLock { $0.connection?.isOpen == true ? $0.server : nil } }

    /// Keeps a connection until the task is cancelled.
    package func run() async {
        let change = self.state.withLock { state in
            state.isRunning = true
            return state.noteChange()
        }
        change.raise()
        await withDiscardingTaskGroup { group in
            var place = Int.random(in: 0..<max(1, self.configuration.servers.count))
            var failures = 0
            var generator = SplitMix64()
            while !Task.isCancelled {
                let server = self.configuration.servers[place % self.configuration.servers.count]
                place += 1
                if await self.serve(server, isAgain: failures > 0, in: &group) {
                    failures = 0
                    continue
                }
                failures += 1
                guard failures.isMultiple(of: self.configuration.servers.count) else { continue }
                let round = failures / self.configuration.servers.count
                await self.rest(Backoff.background.pause(before: round, using: &generator))
            }
            group.cancelAll()
        }
        self.state.withLock { state in
            state.isRunning = false
            state.connection = nil
            return state.noteChange()
        }.raise()
    }

    /// Leaves the server for the next one: what is under way fails.
    package func leaveServer() {
        self.state.withLock { $0.connection }?.abort()
    }

    /// Keeps a connection to a server for as long as it can.
    ///
    /// - Returns: Whether there was one for a while.
    private func serve(
        _ server: Origin,
        isAgain: Bool,
        in group: inout DiscardingTaskGroup
    ) async -> Bool {
        let deadline = self.clock.now.advanced(by: self.configuration.connectTimeout)
        let connection: HTTP2Connection
        do throws(ConnectionError) {
            connection = try await HTTP2Connection.connect(to: server, on: self.loop, until: deadline)
        } catch {
            self.fail(error, at: server, isAgain: isAgain)
            return false
        }
        group.addTask { _ = await connection.run() }
        // Whoever accepts a connection need not be a server of gRPC, nor be well.
        await race {
            await connection.greeted.wait()
        } _: {
            try? await self.clock.sleep(until: deadline, tolerance: nil)
        }
        guard connection.isOpen, connection.greeted.isRaised else {
            let failure = connection.failure ?? ConnectionError(.timeout, "\(server): no word of HTTP/2 came in time")
            connection.abort()
            self.fail(failure, at: server, isAgain: isAgain)
            return false
        }
        let start = self.clock.now
        self.state.withLock { state in
            (state.connection, state.server, state.failure) = (connection, server, nil)
            state.unreachable = []
            return state.noteChange()
        }.raise()
        await connection.closing.wait()
        self.state.withLock { state in
            if state.connection === connection { state.connection = nil }
        }
        if let failure = connection.failure, !Task.isCancelled {
            self.configuration.log(.info, "the connection to \(self.configuration.name) at \(server) ended: \(failure)")
        }
        // A server that closes each connection at once is as good as none.
        return start.duration(to: self.clock.now) > .seconds(1)
    }

    /// Lets calls fail at once when none of the servers could be reached.
    private func fail(_ error: ConnectionError, at server: Origin, isAgain: Bool) {
        guard !Task.isCancelled else { return }
        let level: Log.Level = isAgain ? .debug : .warning
        self.configuration.log(level, "\(self.configuration.name) at \(server) cannot be reached: \(error)")
        self.state.withLock { state in
            state.unreachable.insert(server)
            guard state.unreachable.count >= self.configuration.servers.count else { return Signal?.none }
            state.failure = error
            state.rounds += 1
            return state.noteChange()
        }?.raise()
    }

    /// Waits before the servers are tried again, unless somebody wants one.
    private func rest(_ pause: Duration) async {
        let wanted = self.state.withLock { state in
            state.wanted = Signal()
            return state.wanted
        }
        try? await self.clock.sleep(for: min(pause, Self.leastPause))
        await race {
            await wanted.wait()
        } _: {
            try? await self.clock.sleep(for: pause - min(pause, Self.leastPause))
        }
        self.state.withLock { $0.unreachable = [] }
    }

    /// How long servers are left alone that could not be reached, however many calls want them.
    private static let leastPause = Duration.milliseconds(50)

    /// The connection; where none of the servers could be reached, they are tried once more.
    private func connection(until deadline: TimeSource.Instant?) async throws(GRPCError) -> HTTP2Connection {
        let rounds = self.state.withLock { $0.rounds }
        while true {
            let (connection, failure, isRunning, change, wanted) = self.state.withLock { state in
                (
                    state.connection, state.rounds > rounds ? state.failure : nil, state.isRunning, state.change,
                    state.wanted
                )
            }
            if let connection, connection.isOpen { return connection }
            if isRunning, let failure {
                // Whoever is not trusted now is not trusted a moment later.
                let status = failure.kind == .untrusted ? GRPCStatus.unauthenticated : .unavailable
                throw GRPCError(status, failure.message, isLocal: true)
            }
            guard !Task.isCancelled else { throw GRPCError(.cancelled, "the task was cancelled", isLocal: true) }
            guard deadline.map({ self.clock.now < $0 }) ?? true else {
                guard isRunning else { throw GRPCError.notRunning }
                throw GRPCError(.deadlineExceeded, "no connection came in time", isLocal: true)
            }
            wanted.raise()
            await race {
                await change.wait()
            } _: {
                guard let deadline else { return await Signal().wait() }
                try? await self.clock.sleep(until: deadline, tolerance: nil)
            }
        }
    }
}

extension GRPCChannel {
    /// Makes a call with one message each way.
    ///
    /// - Parameters:
    ///   - method: Its path, such as `/etcdserverpb.KV/Range`.
    ///   - message: What is sent.
    ///   - metadata: Further fields.
    ///   - deadline: When to give up.
    /// - Returns: What came.
    /// - Throws: A ``GRPCError``.
    package func call(
        _ method: String,
        _ message: [UInt8],
        metadata: [HTTP2Field] = [],
        until deadline: TimeSource.Instant
    ) async throws(GRPCError) -> ArraySlice<UInt8> {
        let connection = try await self.connection(until: deadline)
        let stream: HTTP2Stream
        let piece: HTTP2Stream.Piece
        do throws(ConnectionError) {
            let block = self.block(method, metadata, timeout: self.clock.now.duration(to: deadline))
            stream = try connection.open(block, GRPCFraming.frame(message), isEnd: true, until: deadline)
            defer { stream.close() }
            piece = try await stream.receive(whole: true)
        } catch {
            throw GRPCError(error)
        }
        try GRPCResponse.check(head: piece.head ?? [])
        try GRPCResponse.check(trailers: piece.trailers ?? piece.head ?? [])
        var buffer = piece.bytes[...]
        guard let answer = try GRPCFraming.takeMessage(from: &buffer, limit: self.configuration.messageLimit) else {
            throw GRPCError(.internal, "a success came without its message", isLocal: true, mayBeApplied: true)
        }
        return answer
    }

    /// Makes a call with any number of messages each way, which ends with `body`.
    ///
    /// - Parameters:
    ///   - method: Its path.
    ///   - metadata: Further fields.
    ///   - deadline: Until when to wait for a connection; `nil` for no limit.
    ///   - lifetime: After how long it fails with `deadlineExceeded`; by default never.
    ///   - body: Sends and receives.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; a ``GRPCError`` when there is no connection.
    package func withStream<Value: Sendable>(
        _ method: String,
        metadata: [HTTP2Field] = [],
        until deadline: TimeSource.Instant? = nil,
        lifetime: Duration? = nil,
        _ body: (GRPCStream) async throws(GRPCError) -> Value
    ) async throws(GRPCError) -> Value {
        let connection = try await self.connection(until: deadline)
        let stream: HTTP2Stream
        do throws(ConnectionError) {
            let end = lifetime.map { self.clock.now.advanced(by: $0) }
            stream = try connection.open(self.block(method, metadata, timeout: nil), [], isEnd: false, until: end)
        } catch {
            throw GRPCError(error)
        }
        defer { stream.close() }
        return try await body(GRPCStream(stream, limit: self.configuration.messageLimit))
    }

    private func block(_ method: String, _ metadata: [HTTP2Field], timeout: Duration?) -> [UInt8] {
        var fields = HPACKEncoder()
        fields.append(":method", "POST")
        let server = self.state.withLock { $0.server }
        fields.append(":scheme", server?.tls == nil ? "http" : "https")
        fields.append(":path", method)
        fields.append(":authority", server?.description ?? "localhost")
        fields.append("te", "trailers")
        fields.append("content-type", "application/grpc")
        fields.append("user-agent", "rollcall/\(RollcallVersion.text)")
        if let timeout { fields.append("grpc-timeout", "\(max(1, Int(timeout / .milliseconds(1))))m") }
        for field in metadata {
            fields.append(field.name, field.value, isSecret: ["token", "authorization"].contains(field.name))
        }
        return fields.bytes
    }
}

extension GRPCError {
    /// A call before anybody runs the channel.
    package static let notRunning = GRPCError(.unavailable, "run() is not running", isLocal: true)
}

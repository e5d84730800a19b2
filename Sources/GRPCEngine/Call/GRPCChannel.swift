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
        /// When a silent server is asked for a sign of life.
        package var keepAlive = HTTP2Connection.KeepAlive()
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
        var connectionNumber: UInt64 = 0
        var connectedAt: TimeSource.Instant?
        var server: Origin?
        /// How often the servers were tried, one after the other.
        var round = 0
        /// The latest round in which none of them could be reached, and why.
        var failure: (round: Int, error: ConnectionError)?
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

    let configuration: Configuration
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

    /// The server of the latest connection, which may have ended; `nil` before the first.
    var latestServer: Origin? { self.state.withLock { $0.server } }

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
                if let failure = await self.serveRound(&place, isAgain: failures > 0, in: &group) {
                    failures += 1
                    self.fail(failure)
                    await self.rest(Backoff.background.pause(before: failures, using: &generator))
                } else {
                    failures = 0
                }
            }
            group.cancelAll()
        }
        self.state.withLock { state in
            state.isRunning = false
            state.connection = nil
            return state.noteChange()
        }.raise()
    }

    /// The number of the latest connection, which may have ended.
    package var connectionNumber: UInt64 { self.state.withLock { $0.connectionNumber } }

    /// Waits for a connection.
    ///
    /// - Parameter deadline: Until when.
    /// - Returns: Its number.
    /// - Throws: A ``GRPCError`` that says why there is none.
    package func connected(until deadline: TimeSource.Instant) async throws(GRPCError) -> UInt64 {
        try await self.connection(until: deadline).number
    }

    /// Leaves the server of a connection for the next one: what is under way on it fails.
    ///
    /// - Parameter number: That of the connection; nothing happens when there is a later one.
    package func leaveServer(of number: UInt64) {
        // At once no connection for further calls: its end takes a moment.
        self.state.withLock { $0.connectionNumber == number ? $0.connection.take() : nil }?.abort()
    }

    /// Ends a connection to a server that did not answer in time, so that another is tried.
    ///
    /// It stays where there is no other server, and in its first seconds: where all servers are slow, going from one to the
    /// next would make them slower.
    ///
    /// - Parameter number: The connection's number; nothing happens if it is not the latest.
    package func leaveSilentServer(of number: UInt64) {
        guard self.configuration.servers.count > 1 else { return }
        let now = self.clock.now
        self.state.withLock { state -> HTTP2Connection? in
            guard state.connectionNumber == number, let start = state.connectedAt,
                start.duration(to: now) >= Self.leastStay
            else { return nil }
            return state.connection.take()
        }?.abort()
    }

    private static let leastStay = Duration.seconds(3)

    /// Tries one server after the other, until one kept a connection for a while.
    ///
    /// - Returns: Why none did; `nil` when one did.
    private func serveRound(
        _ place: inout Int,
        isAgain: Bool,
        in group: inout DiscardingTaskGroup
    ) async -> ConnectionError? {
        self.state.withLock { state in
            state.round += 1
            state.wanted = Signal()
        }
        var failure: ConnectionError?
        for _ in self.configuration.servers {
            let server = self.configuration.servers[place % self.configuration.servers.count]
            place = (place + 1) % self.configuration.servers.count
            failure = await self.serve(server, in: &group)
            guard let failure, !Task.isCancelled else { return nil }
            let level: Log.Level = isAgain ? .debug : .warning
            self.configuration.log(level, "\(self.configuration.name) at \(server) cannot be reached: \(failure)")
        }
        return failure
    }

    /// Keeps a connection to a server for as long as it can.
    ///
    /// - Returns: Why there was none for a while; `nil` when there was.
    private func serve(_ server: Origin, in group: inout DiscardingTaskGroup) async -> ConnectionError? {
        let deadline = self.clock.now.advanced(by: self.configuration.connectTimeout)
        let connection: HTTP2Connection
        do throws(ConnectionError) {
            connection = try await HTTP2Connection.connect(
                to: server,
                on: self.loop,
                self.configuration.keepAlive,
                until: deadline
            )
        } catch {
            return error
        }
        group.addTask { _ = await connection.run() }
        // Whoever accepts a connection need not be a server of gRPC, nor be well.
        await race {
            await connection.greeted.wait()
        } _: {
            try? await self.clock.sleep(until: deadline, tolerance: nil)
        }
        guard connection.isOpen, connection.greeted.isRaised else {
            connection.abort()
            return connection.failure ?? ConnectionError(.timeout, "\(server): no word of HTTP/2 came in time")
        }
        let start = self.clock.now
        self.state.withLock { state in
            (state.connection, state.server) = (connection, server)
            state.connectionNumber += 1
            state.connectedAt = start
            return state.noteChange()
        }.raise()
        await connection.closing.wait()
        self.state.withLock { state in
            if state.connection === connection { state.connection = nil }
        }
        let failure = connection.failure ?? ConnectionError(.broken, "the server closes the connection")
        if !Task.isCancelled {
            self.configuration.log(.info, "the connection to \(self.configuration.name) at \(server) ended: \(failure)")
        }
        // A server that closes each connection at once is as good as none.
        return start.duration(to: self.clock.now) > .seconds(1) ? nil : failure
    }

    /// Lets calls fail that came before the round in which none of the servers could be reached.
    private func fail(_ error: ConnectionError) {
        self.state.withLock { state in
            state.failure = (state.round, error)
            return state.noteChange()
        }.raise()
    }

    /// Waits before the servers are tried again, unless somebody wants one.
    private func rest(_ pause: Duration) async {
        let wanted = self.state.withLock { $0.wanted }
        try? await self.clock.sleep(for: min(pause, Self.leastPause))
        await race {
            await wanted.wait()
        } _: {
            try? await self.clock.sleep(for: pause - min(pause, Self.leastPause))
        }
    }

    /// How long servers are left alone that could not be reached, however many calls want them.
    private static let leastPause = Duration.milliseconds(50)

    /// The connection; where there is none, the servers are tried once more.
    ///
    /// - Parameter deadline: Until when to wait for one; `nil` for no limit.
    /// - Returns: The connection and its number.
    /// - Throws: A ``GRPCError`` that says why there is none.
    func connection(
        until deadline: TimeSource.Instant?
    ) async throws(GRPCError) -> (connection: HTTP2Connection, number: UInt64) {
        let round = self.state.withLock { $0.round }
        while true {
            let (latest, failure, isRunning, change, wanted) = self.state.withLock { state in
                let latest = state.connection.map { ($0, state.connectionNumber) }
                return (latest, state.failure, state.isRunning, state.change, state.wanted)
            }
            if let latest, latest.0.isOpen { return latest }
            // What a round found that had begun before says nothing about now.
            if isRunning, let failure, failure.round > round {
                // Whoever is not trusted now is not trusted a moment later.
                let status = failure.error.kind == .untrusted ? GRPCStatus.unauthenticated : .unavailable
                throw GRPCError(status, failure.error.message, isLocal: true)
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

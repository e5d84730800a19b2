import HTTPEngine
public import Rollcall

/// A hub in front of an existing engine, such as etcd or Consul: the hub's HTTP API without a store of its own.
///
/// It keeps nothing: any number of such hubs may stand side by side in front of one engine, and any may die. Those that
/// share a lease key renew each other's leases, where the engine's driver can take a lease up. What an engine does not
/// carry, such as history and active checks, is answered with `501`; `/v1/status` lists what is served as `features`.
public final class FrontServer: Sendable {
    /// How a hub in front of an engine behaves.
    public struct Configuration: Sendable {
        /// The numeric loopback address to listen on.
        public var host: String
        /// The port; 0 for one that is free.
        public var port: Int
        /// What seals leases; the same for all hubs in front of one engine.
        ///
        /// By default a new one, so that leases end with the process.
        public var leaseKey: SealingKey
        /// Where the hub says what happens.
        public var log: Log
        /// Names under which it is reached beside `localhost` and loopback addresses, such as by a proxy in front.
        public var allowedHosts: [String] = []
        /// How long a watch of the engine goes on that nobody follows any more.
        package var linger = Duration.seconds(30)

        /// Creates a configuration.
        ///
        /// - Parameters:
        ///   - host: `127.0.0.1` by default.
        ///   - port: 20000 by default.
        ///   - leaseKey: A new one by default.
        ///   - log: Silent by default.
        public init(
            host: String = "127.0.0.1",
            port: Int = 20000,
            leaseKey: SealingKey = SealingKey(),
            log: Log = .silent
        ) {
            self.host = host
            self.port = port
            self.leaseKey = leaseKey
            self.log = log
        }
    }

    private let hub: FrontHub
    private let server: HTTPServer
    private let loops: [EventLoop]

    /// Opens the engine's client and binds the port; requests wait until ``run()``.
    ///
    /// - Parameters:
    ///   - configuration: How to behave.
    ///   - engine: Opens a client of the engine for a namespace. The hub runs it. Where it is a `ConfigBackend` or
    ///     `LockBackend`, too, configuration and locks are served.
    /// - Throws: `invalidArgument` for an address that is not loopback; `unavailable` when the port is in use; what
    ///   `engine` throws.
    public init(
        _ configuration: Configuration,
        engine: @escaping @Sendable (Namespace) throws(BackendError) -> any RegistryBackend
    ) throws(BackendError) {
        try HubServer.checkLoopback(configuration.host, configuration.port)
        let callers: CallerRules
        do throws(ValidationError) {
            callers = try CallerRules(names: configuration.allowedHosts)
        } catch {
            throw BackendError(error)
        }
        let clock = TimeSource()
        let log = configuration.log.component("hub")
        let hub = try FrontHub(
            key: configuration.leaseKey,
            linger: configuration.linger,
            clock: clock,
            log: log,
            open: engine
        )
        let api = FrontAPI(hub: hub, metrics: FrontMetrics(clock: clock), callers: callers, clock: clock)
        self.hub = hub
        (self.server, self.loops) = try HubServer.listen(configuration.host, configuration.port, log) {
            try await api.answer($0)
        }
    }

    /// The port that it listens on.
    public var port: Int { self.server.address.port }

    /// Where it is: `http://127.0.0.1:20000`.
    public var url: String { "http://\(self.server.address)" }

    /// The number of streams and polls that are open now.
    package var watchCount: Int { self.hub.feed.count + self.hub.configFeed.count }

    /// Serves until ``shutDown(within:)``, or until the task is cancelled.
    public func run() async {
        await race {
            await self.server.run()
        } _: {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.hub.run() }
                group.addTask { await self.beat() }
                for (lane, loop) in zip(self.hub.feed.lanes, self.loops) {
                    group.addTask(executorPreference: loop) { await lane.run() }
                }
            }
        }
    }

    private func beat() async {
        await HubEvents.beat(clock: self.hub.clock) { part in
            self.hub.feed.beat(part: part)
            self.hub.configFeed.beat(part: part)
        }
    }

    /// Ends streams and polls, answers what is under way, and makes ``run()`` return.
    ///
    /// - Parameter limit: How long that may take; 5 s by default.
    public func shutDown(within limit: Duration = .seconds(5)) async {
        await self.server.shutDown(within: limit)
    }
}

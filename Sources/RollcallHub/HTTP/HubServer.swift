import HTTPEngine
public import Rollcall

/// The hub: the registry server, with its HTTP API.
///
/// It listens on a loopback address only: whoever reaches it may register, change and remove.
public final class HubServer: Sendable {
    /// How a hub behaves.
    public struct Configuration: Sendable {
        /// The numeric loopback address to listen on.
        public var host: String
        /// The port; 0 for one that is free.
        public var port: Int
        /// The data folder, made where it is missing; `nil` keeps nothing.
        public var folder: String?
        /// Where the hub says what happens.
        public var log: Log
        /// How instances are checked.
        public var checks = CheckConfiguration()
        /// How programs are treated that speak the tutorial's protocol.
        public var heartbeats = HeartbeatConfiguration()
        /// Names under which it is reached beside `localhost` and loopback addresses, such as by a proxy in front.
        ///
        /// Requests that say that they go elsewhere are refused: a page whose name was made to lead here sends them.
        public var allowedHosts: [String] = []
        /// Whether instances are kept for a while when most of a service's leases end at once.
        ///
        /// More than half of at least four within one time-to-live: then the network is more likely to be at fault than
        /// their holders. They are kept for twice their time-to-live once more, from 5 s to 30 s.
        public var guardsExpiry = true
        /// Services whose leases end when they are due, however many.
        public var unguarded: Set<ServiceName> = []
        /// How long a client may take nothing of what it is sent before its connection is closed.
        package var writeTimeout = Duration.seconds(30)

        /// Creates a configuration.
        ///
        /// - Parameters:
        ///   - host: `127.0.0.1` by default.
        ///   - port: 20000 by default, as in the tutorial whose clients it serves, too.
        ///   - folder: None by default.
        ///   - log: Silent by default.
        public init(host: String = "127.0.0.1", port: Int = 20000, folder: String? = nil, log: Log = .silent) {
            self.host = host
            self.port = port
            self.folder = folder
            self.log = log
        }
    }

    /// What is registered.
    public let store: HubStore
    private let server: HTTPServer
    private let clock: TimeSource
    private let loops: [EventLoop]
    private let bridge: TutorialBridge
    private let checks: HubChecks

    /// Loads what is registered and binds the port; requests wait until ``run()``.
    ///
    /// - Parameter configuration: How to behave.
    /// - Throws: `invalidArgument` for an address that is not loopback; `unavailable` when the port is in use or the
    ///   data folder cannot be used; `protocolViolation` for a journal that is damaged.
    public init(_ configuration: Configuration) throws(BackendError) {
        try Self.checkLoopback(configuration.host, configuration.port)
        let callers = try Self.callers(configuration)
        let clock = TimeSource()
        let store = try HubStore(folder: configuration.folder, clock: clock, log: configuration.log)
        if configuration.guardsExpiry { store.guardExpiry(exempt: configuration.unguarded) }
        let bridge = try TutorialBridge(store: store, configuration: configuration.heartbeats, log: configuration.log)
        let checks = try HubChecks(
            store: store,
            configuration: configuration.checks,
            clock: clock,
            log: configuration.log
        )
        let api = HubAPI(
            store: store,
            metrics: HubMetrics(clock: clock),
            clock: clock,
            bridge: bridge,
            checks: checks,
            callers: callers,
            readers: ConfigReaders(clock: clock)
        )
        (self.server, self.loops) = try Self.listen(
            configuration.host,
            configuration.port,
            configuration.log.component("hub"),
            writeTimeout: configuration.writeTimeout
        ) { try await api.answer($0) }
        self.store = store
        self.bridge = bridge
        self.checks = checks
        self.clock = clock
    }

    /// Checks that nobody but programs of this machine will reach the hub.
    ///
    /// - Throws: `invalidArgument`.
    static func checkLoopback(_ host: String, _ port: Int) throws(BackendError) {
        guard SocketAddress(host: host, port: port)?.isLoopback == true else {
            throw BackendError(
                .invalidArgument,
                "the hub listens on a loopback address such as 127.0.0.1 only, not on \(host.quotedForDisplay), "
                    + "because it asks nobody for credentials yet"
            )
        }
    }

    /// Binds a port, whose requests wait until the server runs.
    ///
    /// - Parameters:
    ///   - host: The numeric address.
    ///   - port: The port.
    ///   - log: Where the server says what happens.
    ///   - writeTimeout: How long a client may take nothing; 30 s by default.
    ///   - handler: Answers requests.
    /// - Returns: The server, and the loops that it runs on.
    /// - Throws: `unavailable`.
    static func listen(
        _ host: String,
        _ port: Int,
        _ log: Log,
        writeTimeout: Duration = .seconds(30),
        _ handler: @escaping HTTPServer.Handler
    ) throws(BackendError) -> (HTTPServer, [EventLoop]) {
        var limits = HTTPServer.Configuration()
        limits.writeTimeout = writeTimeout
        limits.log = log
        do throws(SystemError) {
            let loops = try EventLoops.running().all
            return (try HTTPServer(host: host, port: port, configuration: limits, handler: handler), loops)
        } catch {
            throw BackendError(
                .unavailable,
                "\(error); is another hub running there?",
                backend: "hub",
                operation: "serve"
            )
        }
    }

    /// Checks what the types do not, and returns who may call.
    private static func callers(_ configuration: Configuration) throws(BackendError) -> CallerRules {
        do throws(ValidationError) {
            try configuration.heartbeats.check()
        } catch {
            throw BackendError(error.within("heartbeats"))
        }
        do throws(ValidationError) {
            return try CallerRules(names: configuration.allowedHosts)
        } catch {
            throw BackendError(error)
        }
    }

    /// The port that it listens on.
    public var port: Int { self.server.address.port }

    /// What survives what, in words.
    public var durability: String { self.store.durability }

    /// Where it is: `http://127.0.0.1:20000`.
    public var url: String { "http://\(self.server.address)" }

    /// Serves until ``shutDown(within:)``, or until the task is cancelled.
    public func run() async {
        await race {
            await self.server.run()
        } _: {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.store.run() }
                group.addTask { await self.bridge.run() }
                group.addTask { await self.checks.run() }
                group.addTask { await self.beat() }
                for (lane, loop) in zip(self.store.feed.lanes, self.loops) {
                    group.addTask(executorPreference: loop) { await lane.run() }
                }
            }
        }
    }

    private func beat() async {
        await HubEvents.beat(clock: self.clock) { part in
            self.store.feed.beat(part: part)
            self.store.config.state.feed.beat(part: part)
        }
    }

    /// Ends streams and polls, answers what is under way, and makes ``run()`` return.
    ///
    /// - Parameter limit: How long that may take; 5 s by default.
    public func shutDown(within limit: Duration = .seconds(5)) async {
        await self.server.shutDown(within: limit)
    }
}

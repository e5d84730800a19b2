import Synchronization

/// Everything that a process needs of Rollcall, made once: the backend, discovery on it, and registrars.
///
/// ``run()`` runs the backend and discovery. In a group of services list the client first, then the server, then
/// the registrar: they stop in reverse, so that the instance leaves before the server stops and the client goes last.
public final class RollcallClient: Sendable {
    /// Opens a backend for its URL and a namespace.
    public typealias BackendOpener =
        @Sendable (_ url: String, _ namespace: Namespace) throws(BackendError) -> any RegistryBackend

    /// The kinds of backend that need no driver: `memory:` and `noop:`.
    public static let builtInBackends: [String: BackendOpener] = [
        "memory": { (_, namespace) throws(BackendError) in MemoryBackend(namespace: namespace) },
        "noop": { (_, _) throws(BackendError) in NoopBackend() },
    ]

    private static let processDefault = Mutex<RollcallClient?>(nil)

    /// The backend.
    public let registry: any RegistryBackend
    /// Discovery on it.
    public let discovery: Discovery
    /// How it was made.
    public let configuration: RollcallConfiguration

    private let isRunning = Atomic(false)
    private let healthSample = Mutex<BackendHealth?>(nil)
    private let log: Log

    /// Creates a client of a backend that is there already; the client runs it.
    ///
    /// - Parameters:
    ///   - registry: The backend.
    ///   - configuration: How to behave; its backend and namespace are not looked at.
    public init(registry: any RegistryBackend, configuration: RollcallConfiguration = RollcallConfiguration()) {
        self.registry = registry
        self.configuration = configuration
        var discovery = configuration.discovery
        discovery.namespace = configuration.namespace
        self.discovery = Discovery(backend: registry, configuration: discovery)
        self.log = configuration.discovery.log.component("client")
    }

    /// Creates a client of the backend that the configuration names.
    ///
    /// - Parameters:
    ///   - configuration: Names the backend by its URL.
    ///   - backends: How to open each kind of backend, by the URL's scheme.
    /// - Throws: `unsupported` for a kind that is not among `backends`; what opening the backend throws.
    public convenience init(
        _ configuration: RollcallConfiguration,
        backends: [String: BackendOpener] = RollcallClient.builtInBackends
    ) throws(BackendError) {
        let scheme = String(configuration.backend.prefix { $0 != ":" })
        guard configuration.backend.contains(":"), let open = backends[scheme] else {
            let kinds = backends.keys.sorted().map { $0 + ":" }.joined(separator: ", ")
            throw BackendError(
                .unsupported,
                "\(scheme.quotedForDisplay) is not a kind of backend that this program has; it has \(kinds)"
            )
        }
        self.init(registry: try open(configuration.backend, configuration.namespace), configuration: configuration)
    }

    /// Runs the backend and discovery until the task is cancelled, and then returns.
    ///
    /// - Throws: `alreadyRunning`; what makes the backend end for good, such as wrong credentials.
    public func run() async throws(BackendError) {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run() of a client can be called once")
        }
        let failure = await withTaskGroup(of: BackendError?.self) { group in
            for part in [self.registry.run, self.discovery.run, self.sampleHealth] {
                group.addTask {
                    do throws(BackendError) {
                        try await part()
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            // The first part that ends takes the others along; only cancellation makes one end without a reason.
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if let failure, failure.code != .cancelled { throw failure }
    }

    /// The last sample of the backend's health, at most ten seconds old while ``run()`` runs; taken now if there is none.
    public func health() async -> BackendHealth {
        if let sample = self.latestHealth { return sample }
        return await self.sample()
    }

    /// The last sample of the backend's health, if there is one.
    package var latestHealth: BackendHealth? { self.healthSample.withLock { $0 } }

    /// Makes a registrar on this client's backend, to be listed behind the server.
    ///
    /// - Parameters:
    ///   - configuration: How to behave; by default as the client was configured.
    ///   - ready: Returns what to register, once the server listens.
    /// - Returns: The registrar.
    /// - Throws: `invalidArgument` for durations that make no sense.
    public func registrar(
        configuration: RegistrarConfiguration? = nil,
        ready: @escaping @Sendable () async throws -> ServiceInstance
    ) throws(BackendError) -> Registrar {
        try Registrar(
            backend: self.registry,
            configuration: configuration ?? self.configuration.registrar,
            ready: ready
        )
    }

    /// The process's default client.
    ///
    /// - Returns: What ``setDefault(_:)`` was given first.
    /// - Throws: `notFound` when nobody set one.
    public static func `default`() throws(BackendError) -> RollcallClient {
        guard let client = self.processDefault.withLock({ $0 }) else {
            throw BackendError(.notFound, "the process has no default client: call RollcallClient.setDefault first")
        }
        return client
    }

    /// Makes `client` the process's default, unless there is one.
    ///
    /// - Parameter client: The client.
    /// - Returns: The default from now on: the first that was set.
    @discardableResult
    public static func setDefault(_ client: RollcallClient) -> RollcallClient {
        self.processDefault.withLock { present in
            let kept = present ?? client
            present = kept
            return kept
        }
    }
}

extension RollcallClient {
    /// Samples the backend's health every 10 s, every 2 s while it is not well (M12.1).
    private func sampleHealth() async throws(BackendError) {
        while !Task.isCancelled {
            let health = await self.sample()
            self.healthSample.withLock { $0 = health }
            let isWell = health.isReachable && health.canRead
            try await self.clock.pause(for: isWell ? .seconds(10) : .seconds(2))
        }
    }

    private func sample() async -> BackendHealth {
        do throws(BackendError) {
            return try await withDeadline(.seconds(5), clock: self.clock) { () async throws(BackendError) in
                await self.registry.health()
            }
        } catch {
            return BackendHealth(unreachable: error)
        }
    }

    private var clock: TimeSource { self.configuration.discovery.clock }
}

/// Runs a client for as long as `body` runs.
///
/// - Parameters:
///   - client: The client, which must not run yet.
///   - body: Uses it.
/// - Returns: What `body` returns.
/// - Throws: What `body` throws; else why the client's run ended before `body` did.
public func withRollcallClient<Value>(
    _ client: RollcallClient,
    _ body: (RollcallClient) async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: BackendError?.self, returning: Value.self) { group in
        group.addTask {
            do throws(BackendError) {
                try await client.run()
                return nil
            } catch {
                return error
            }
        }
        do {
            let value = try await body(client)
            group.cancelAll()
            return value
        } catch {
            group.cancelAll()
            let reason = try await group.next() ?? nil
            throw reason ?? error
        }
    }
}

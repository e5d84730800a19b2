import HTTPEngine
public import Rollcall
import Synchronization

/// The driver for the hub.
///
/// Calls share a few connections that are kept; each watch has a connection of its own, so that watches never keep
/// renewals waiting.
public final class HubBackend: RegistryBackend {
    static let name = "hub"

    /// How the driver behaves.
    public struct Configuration: Sendable {
        /// How long a call may take.
        public var timeout: Duration
        /// After how long without a sign of life a watch is opened again: three of the hub's heartbeats.
        public var silenceLimit: Duration
        /// Where the driver says what happens.
        public var log: Log
        /// Creates a configuration.
        ///
        /// - Parameters:
        ///   - timeout: 5 s by default.
        ///   - silenceLimit: 15 s by default.
        ///   - log: Silent by default.
        public init(
            timeout: Duration = .seconds(5),
            silenceLimit: Duration = .seconds(15),
            log: Log = .silent
        ) {
            self.timeout = timeout
            self.silenceLimit = silenceLimit
            self.log = log
        }
    }

    /// The kind of backend.
    public var name: String { Self.name }
    /// What this backend does differently where the contract leaves room.
    ///
    /// A hub in front of an engine does as the engine, which ``health()`` learns of; before, it is taken for a hub with a
    /// store of its own.
    public var capabilities: BackendCapabilities { self.known.withLock { $0.registry } }
    /// What the hub takes as configuration: 1 MiB under a key, and in front of an engine, as ``health()`` learned, as that.
    public var configCapabilities: ConfigCapabilities {
        self.known.withLock { $0.config ?? ConfigCapabilities(maximumBytes: 1 << 20) }
    }

    let calls: HubCalls
    /// Calls that wait for a lock, which may be many.
    let lockCalls: HubCalls
    let streams: HTTPClient
    let configuration: Configuration
    private let isRunning = Atomic(false)
    /// What the hub said last of what it can.
    private let known = Mutex(CapabilityDocument.ownStore)

    /// Creates a client of a hub.
    ///
    /// - Parameters:
    ///   - url: `hub://127.0.0.1:20000`, or the same with `http`; the port is 20000 where none is given. Of several hubs
    ///     in front of one engine, with commas between them, the next is asked when one does not answer.
    ///   - namespace: The namespace that all calls mean.
    ///   - configuration: How to behave.
    /// - Throws: `invalidArgument` for another URL; `unavailable` when the process has no descriptor left.
    public init(
        url: String,
        namespace: Namespace = .default,
        configuration: Configuration = Configuration()
    ) throws(BackendError) {
        let origins = try HubOrigins(url: url)
        self.configuration = configuration
        self.streams = try HTTPClient()
        self.calls = HubCalls(
            client: try HTTPClient(),
            origins: origins,
            namespace: namespace,
            timeout: configuration.timeout
        )
        self.lockCalls = HubCalls(
            client: self.streams,
            origins: origins,
            namespace: namespace,
            timeout: configuration.timeout
        )
    }

    var clock: TimeSource { self.streams.clock }

    /// Opens backends for URLs with the scheme `hub`; for ``RollcallClient``.
    public static let opener: RollcallClient.BackendOpener = { (url, namespace) throws(BackendError) in
        try HubBackend(url: url, namespace: namespace)
    }

    /// See ``Backend/run()``.
    public func run() async throws(BackendError) {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run() of this backend runs already", backend: self.name)
        }
        defer { self.isRunning.store(false, ordering: .sequentiallyConsistent) }
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        await Signal().wait()
        self.calls.client.pool.closeResting()
    }

    /// See ``Backend/health()``.
    public func health() async -> BackendHealth {
        let start = self.calls.client.clock.now
        do throws(BackendError) {
            let answer = try await self.calls.send("GET", "/v1/status", "health", key: nil)
            let (isReadable, isWritable, held, capabilities) = HubCalls.status(answer.body)
            self.known.withLock { $0 = capabilities }
            var health = BackendHealth(
                isReachable: true,
                latency: start.duration(to: self.calls.client.clock.now),
                memberCount: 1,
                serverVersion: try? HubCalls.text("version", in: answer.body),
                canRead: isReadable,
                canWrite: isWritable,
                error: isWritable ? nil : .unavailable,
                message: isWritable
                    ? nil : "the hub takes no change: it cannot write its journal, or its engine is away"
            )
            health.heldInstances = held
            return health
        } catch {
            return BackendHealth(unreachable: error)
        }
    }

    /// See ``RegistryBackend/register(_:ttl:)``.
    ///
    /// When the task is cancelled meanwhile, the answer is waited for all the same, and what it grants is given back.
    /// What is registered although no answer came in time ends with its time-to-live.
    public func register(
        _ instance: ServiceInstance,
        ttl: Duration
    ) async throws(BackendError) -> any InstanceLease {
        guard !Task.isCancelled else { throw self.cancelled(applied: .no) }
        let granted = min(max(ttl, self.capabilities.ttl.lowerBound), self.capabilities.ttl.upperBound)
        let lease: HubLease
        do throws(BackendError) {
            lease = try await self.uncancelled { () async throws(BackendError) in
                try await self.send(instance, ttl: granted)
            }
        } catch {
            throw Task.isCancelled ? self.cancelled(applied: error.applied) : error
        }
        guard !Task.isCancelled else {
            let isGone: Void? = try? await self.uncancelled { () async throws(BackendError) in
                try await lease.revoke()
            }
            throw self.cancelled(applied: isGone == nil ? .unknown : .no)
        }
        return lease
    }

    private func send(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> HubLease {
        let answer = try await self.calls.send(
            "PUT",
            HubCalls.path(instance.service, instance.id),
            "register",
            key: "\(instance.service)/\(instance.id)",
            query: [("ttl", ttl.text)],
            body: instance.json
        )
        let (secret, ttl, visibleID) = try HubCalls.lease(in: answer.body)
        let token = LeaseToken(service: instance.service, id: instance.id, secret: secret)
        return HubLease(backend: self, token: token, visibleID: visibleID, ttl: ttl)
    }

    /// Makes a call that cancellation does not cut short: its own limit of time does, which comes first.
    func uncancelled<Value: Sendable>(
        _ call: @escaping @Sendable () async throws(BackendError) -> Value
    ) async throws(BackendError) -> Value {
        try await withoutCancellation(deadline: self.configuration.timeout + .seconds(1), clock: self.clock, call)
    }

    private func cancelled(applied: BackendError.Applied) -> BackendError {
        BackendError(
            .cancelled,
            "the task was cancelled",
            backend: self.name,
            operation: "register",
            applied: applied
        )
    }

    /// See ``RegistryBackend/instances(of:)``.
    public func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        let answer = try await self.calls.send("GET", HubCalls.path(service), "instances", key: service.text)
        let document = try HubCalls.reading("instances", service.text) { () throws(ValidationError) in
            try SnapshotDocument(json: answer.body, service: service)
        }
        return ServiceSnapshot(service: service, instances: document.instances, revision: 1, source: self.name)
    }

    /// See ``RegistryBackend/services()``.
    public func services() async throws(BackendError) -> [ServiceSummary] {
        let answer = try await self.calls.send("GET", "/v1/services", "services", key: nil)
        return try HubCalls.reading("services", nil) { () throws(ValidationError) in
            try ServiceSummary.list(json: answer.body)
        }
    }

    /// See ``RegistryBackend/amend(_:id:_:)``.
    public func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        var writer = JSONWriter()
        change.write(to: &writer)
        let key = "\(service)/\(id)"
        let path = HubCalls.path(service, id)
        let answer = try await self.calls.send("PATCH", path, "amend", key: key, body: writer.bytes)
        return try HubCalls.reading("amend", key) { () throws(ValidationError) in
            try ServiceInstance(json: answer.body, service: service, id: id)
        }
    }

    /// See ``RegistryBackend/remove(_:id:)``.
    public func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        _ = try await self.calls.send("DELETE", HubCalls.path(service, id), "remove", key: "\(service)/\(id)")
    }

    /// See ``RegistryBackend/lease(resuming:)``.
    public func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        HubLease(backend: self, token: token, ttl: try await self.calls.renew(token))
    }
}

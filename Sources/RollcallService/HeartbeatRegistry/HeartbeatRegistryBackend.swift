package import HTTPEngine
public import Rollcall
import Synchronization

/// A registry that checks services by heart-beat and pushes changes to those that need them: `POST /services` with
/// `{"Name","Addr","RequiredServices"}`.
///
/// One value stands for one service of the process: it registers one instance at a time, under the address of its
/// first endpoint, and knows of other services only those that this instance requires. The registry calls back:
/// ``answer(method:path:body:sender:)`` must be reachable on the port that is registered.
///
/// The protocol has no leases. A lease here lasts while heart-beats come, so that a registrar registers again when the
/// registry has forgotten the instance; it has no health either, so that `maintenance` takes the instance out at once,
/// and other changes of status, weight, tags and metadata reach nobody. It is no backend for those who need the whole
/// contract (C1 to C14): for services that must work beside others that speak this protocol.
public final class HeartbeatRegistryBackend: RegistryBackend {
    struct State {
        var table = HeartbeatTable()
        var registered: HeartbeatServiceInfo?
        /// Whether the registry may hold a record of ours, so that registering once more would double it.
        var mayBeKnown = false
        var lastBeat: TimeSource.Instant?
        /// The numeric addresses of the registry.
        var registryAddresses: Set<String> = []
        var watches: [UInt64: (service: ServiceName, mailbox: SnapshotMailbox)] = [:]
        var nameWatches: [UInt64: KeyedMailbox<Bool, [ServiceName]>] = [:]
        var nextWatch: UInt64 = 0
        var revision: UInt64 = 0
    }

    static let name = "heartbeat"

    /// The kind of backend.
    public var name: String { Self.name }
    /// What this backend does differently where the contract leaves room.
    public let capabilities: BackendCapabilities
    let configuration: HeartbeatRegistryConfiguration
    let client: HTTPClient
    let resolve: @Sendable (Origin) async throws(ConnectionError) -> [SocketAddress]
    let log: Log
    let state = Mutex(State())
    private let isRunning = Atomic(false)

    /// Creates a client of a registry; nothing is sent.
    ///
    /// - Parameter configuration: Where the registry is.
    /// - Throws: `unavailable` when the process has no descriptor left.
    public convenience init(
        configuration: HeartbeatRegistryConfiguration = HeartbeatRegistryConfiguration()
    ) throws(BackendError) {
        try self.init(configuration: configuration) { (origin) async throws(ConnectionError) in
            try await origin.addresses(within: configuration.callTimeout)
        }
    }

    /// Creates a client of a registry; nothing is sent.
    ///
    /// - Parameters:
    ///   - configuration: Where the registry is.
    ///   - resolve: Finds the numeric addresses of a host.
    /// - Throws: `unavailable` when the process has no descriptor left.
    package init(
        configuration: HeartbeatRegistryConfiguration,
        resolve: @escaping @Sendable (Origin) async throws(ConnectionError) -> [SocketAddress]
    ) throws(BackendError) {
        self.resolve = resolve
        self.configuration = configuration
        self.client = try HTTPClient()
        self.log = configuration.log.component("heartbeat")
        self.capabilities = BackendCapabilities(
            ttl: configuration.silence...configuration.silence,
            expirySlack: configuration.silence
        )
    }

    var registry: Origin { Origin(host: self.configuration.host, port: self.configuration.port) }

    /// See ``Backend/run()``.
    public func run() async throws(BackendError) {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run() of this backend runs already", backend: self.name)
        }
        defer { self.isRunning.store(false, ordering: .sequentiallyConsistent) }
        // Everything happens in calls of others; this only lasts as long as it should.
        await Signal().wait()
    }

    /// See ``Backend/health()``: any answer of the registry is a good one.
    public func health() async -> BackendHealth {
        let start = self.configuration.clock.now
        do throws(BackendError) {
            // A method that the registry has no use for: it changes nothing there.
            _ = try await self.send("GET", body: [])
            let latency = start.duration(to: self.configuration.clock.now)
            return BackendHealth(isReachable: true, latency: latency, canRead: true, canWrite: true)
        } catch {
            return BackendHealth(unreachable: error)
        }
    }

    /// When the registry may next be taken to have forgotten the instance.
    var forgottenAt: TimeSource.Instant? {
        self.state.withLock { $0.lastBeat }?.advanced(by: self.configuration.silence)
    }

    /// Changes the table and tells those who watch it.
    func change(_ body: (inout HeartbeatTable) -> Set<ServiceName>) {
        self.state.withLock { state in
            let names = state.table.names
            for service in body(&state.table) {
                state.revision += 1
                let snapshot = Self.snapshot(of: service, state)
                for watch in state.watches.values where watch.service == service {
                    watch.mailbox.offer(snapshot, for: service)
                }
            }
            guard state.table.names != names else { return }
            for mailbox in state.nameWatches.values { mailbox.offer(state.table.names, for: true) }
        }
    }

    static func snapshot(of service: ServiceName, _ state: State) -> ServiceSnapshot {
        ServiceSnapshot(
            service: service,
            instances: state.table.instances(of: service),
            revision: state.revision + 1,
            source: Self.name
        )
    }
}

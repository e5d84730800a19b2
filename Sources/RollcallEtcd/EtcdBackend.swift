import GRPCEngine
import HTTPEngine
public import Rollcall
import Synchronization

/// The driver for etcd, version 3.4 and later.
///
/// All calls, watches and renewals share one connection; when it breaks, the next endpoint is tried.
public final class EtcdBackend: RegistryBackend {
    static let name = "etcd"

    /// The kind of backend.
    public var name: String { Self.name }
    /// What this backend does differently where the contract leaves room.
    ///
    /// The least time-to-live is that of etcd's usual settings; more is granted where the cluster's election takes longer.
    /// Leases are revoked in batches of half a second each, and a new leader gives each its whole time again. Before 3.4.31
    /// and 3.5.13 servers lose events of watches; none is known to before it was asked.
    public var capabilities: BackendCapabilities {
        BackendCapabilities(
            ttl: .seconds(2)...(.seconds(86400)),
            expirySlack: .seconds(3),
            verifiedWatch: self.client.isKnownToLoseEvents
        )
    }

    let client: EtcdClient
    let channel: GRPCChannel
    let layout: any EtcdLayout
    let reader: EtcdRecordReader
    let keys: any EtcdConfigLayout
    /// Before the names of locks.
    let lockRoot: String
    let keeper: EtcdLeaseKeeper
    let configuration: Configuration
    let log: Log
    /// Records that could not be read, each told once.
    let unreadable = Mutex<Set<String>>([])
    private let isRunning: RunningFlag

    /// Whether ``EtcdBackend/run()`` runs; shared with what must know.
    private final class RunningFlag: Sendable {
        let value = Atomic(false)
    }

    /// Creates a client of a cluster.
    ///
    /// - Parameters:
    ///   - url: `etcd://127.0.0.1:2379`, or several members as `etcd://a:2379,b:2379`; the port is 2379 where none is given.
    ///     `?layout=goServiceLink` and the like choose a layout, `&prefix=…` what stands before its keys,
    ///     `&timeout=2s` how long a call may take, `&connect-timeout=…`, `&keepalive=…` and `&keepalive-timeout=…` when a
    ///     member is given up, `&watch-check=…` when a silent watch is asked. With `etcd+https` it is TLS, for which
    ///     `&ca=FILE`, `&cert=FILE&key=FILE` and `&server-name=…` are there.
    ///   - namespace: The namespace that all calls mean.
    ///   - configuration: How to behave.
    /// - Throws: `invalidArgument` for another URL; `unavailable` when the process has no descriptor left.
    public init(
        url: String,
        namespace: Namespace = .default,
        configuration: Configuration = Configuration()
    ) throws(BackendError) {
        let address = try EtcdURL(url, configuration)
        var configuration = address.configuration
        configuration.layout = (address.layout ?? configuration.layout).standing(under: address.prefix)
        let layout = configuration.layout
        if let prefix = address.prefix, !layout.hasPrefix { configuration.prefix = prefix }
        let prefix = configuration.prefix
        self.configuration = configuration
        self.log = configuration.log.component("etcd")
        self.layout = layout.instances(prefix, namespace)
        self.reader = EtcdRecordReader(layout: self.layout)
        self.keys = layout.configuration(prefix, namespace)
        self.lockRoot = "/\(prefix)/\(PercentEncoding.encode(namespace.text))/locks/"
        self.channel = try GRPCChannel(configuration.channel(to: address.servers, log: self.log))
        let isRunning = RunningFlag()
        self.isRunning = isRunning
        self.client = EtcdClient(
            channel: self.channel,
            timeout: configuration.timeout,
            credentials: configuration.credentials,
            isRunning: { isRunning.value.load(ordering: .relaxed) }
        )
        self.keeper = EtcdLeaseKeeper(client: self.client, log: self.log)
    }

    var clock: TimeSource { self.channel.clock }

    /// Opens backends for URLs with the scheme `etcd`; for ``RollcallClient``.
    public static let opener: RollcallClient.BackendOpener = { (url, namespace) throws(BackendError) in
        try EtcdBackend(url: url, namespace: namespace)
    }

    /// The schemes of its URLs.
    public static let schemes = EtcdURL.schemes

    /// See ``Backend/run()``.
    public func run() async throws(BackendError) {
        guard !self.isRunning.value.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run() of this backend runs already", backend: self.name)
        }
        defer { self.isRunning.value.store(false, ordering: .sequentiallyConsistent) }
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.channel.run() }
            group.addTask { await self.keeper.run() }
        }
    }
}

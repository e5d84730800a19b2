import HTTPEngine
import Rollcall
import RollcallService
import Synchronization

/// Serves programs that speak the tutorial's protocol, through the same store as all others: what registers one way
/// is seen the other way.
///
/// It checks that they live and tells them of the services that they need.
final class TutorialBridge: Sendable {
    /// A program to be told of services, and the one whose place it took.
    struct Newcomer: Sendable {
        let dependent: Dependent
        let former: Dependent?
    }

    /// Where such programs live: their protocol has no namespaces.
    static let namespace = Namespace.default

    let store: HubStore
    let configuration: HeartbeatConfiguration
    let client: HTTPClient
    let log: Log
    let checks: HeartbeatSchedule
    let dependents = Mutex(DependentTable())
    private let changes = KeyedMailbox<ServiceName, ServiceName>()
    private let newcomers: AsyncStream<Newcomer>
    private let newcomer: AsyncStream<Newcomer>.Continuation

    /// Creates a bridge that does nothing before ``run()``, and takes over the programs that were there before.
    ///
    /// - Throws: `unavailable` when the process has no descriptor left.
    init(store: HubStore, configuration: HeartbeatConfiguration, log: Log) throws(BackendError) {
        self.store = store
        self.configuration = configuration
        self.log = log.component("tutorial")
        self.client = try HTTPClient(connectTimeout: configuration.timeout, permits: configuration.rules.permits)
        self.checks = HeartbeatSchedule(clock: self.client.clock)
        (self.newcomers, self.newcomer) = AsyncStream.makeStream()
        store.feed.addListener { [weak self] change, _ in
            let place = change.place
            guard let self, place.namespace == Self.namespace,
                self.dependents.withLock({ $0.isConcerned(by: place.service) })
            else { return }
            self.changes.offer(place.service, for: place.service)
        }
        // Before any request, so that nobody who registers now is taken for one who was there before.
        for summary in try store.services(in: Self.namespace) {
            for instance in self.instances(of: summary.service) where instance.speaksTutorial { self.adopt(instance) }
        }
    }

    var clock: TimeSource { self.client.clock }

    /// How long a registration outlives the hub, should that stop looking.
    var ttl: Duration {
        let check = (self.configuration.timeout + self.configuration.attemptPause) * self.configuration.attempts
        let ttl = (self.configuration.period + check) * 3
        return min(max(ttl, HubStore.ttl.lowerBound), HubStore.ttl.upperBound)
    }

    /// Checks and tells until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow() }
            group.addTask { await self.resynchronise() }
            group.addTask { await self.keep() }
            for _ in 0..<self.configuration.workers { group.addTask { await self.work() } }
            for await newcomer in self.newcomers {
                group.addTask { await self.serve(newcomer) }
            }
        }
    }

    /// Registers a program.
    ///
    /// - Returns: The instances of each service that it needs.
    /// - Throws: `permissionDenied` for an address that may not be called; what registering throws.
    func register(
        _ info: HeartbeatServiceInfo
    ) throws -> [(service: ServiceName, instances: [HeartbeatServiceInfo])] {
        let marker = HeartbeatServiceInfo.marker
        let instance = try info.instance(metadata: [marker.key: marker.value])
        let endpoint = instance.endpoint
        if let address = SocketAddress(host: endpoint.host, port: endpoint.port) {
            guard self.configuration.rules.permits(address) else {
                throw BackendError(.permissionDenied, "Addr: calls to \(address) are not allowed here")
            }
        }
        let stored = try self.store.register(instance, in: Self.namespace, ttl: self.ttl).instance
        // A later registration of the same address is another process, which knows nothing yet.
        let dependent = Dependent(stored)
        // First of all, so that a change that the answer does not know yet is told.
        let former = self.dependents.withLock { $0.insert(dependent) }
        let answer = stored.requires.map { ($0, self.callable($0)) }
        for (service, instances) in answer { dependent.told.withLock { $0.note(instances, of: service) } }
        self.begin(dependent, after: former)
        self.changes.offer(stored.service, for: stored.service)
        return answer
    }

    /// Takes a program out.
    ///
    /// - Throws: `notFound` when there is no such service at all; an address that it does not have is no error.
    func deregister(_ info: HeartbeatServiceInfo) throws {
        let instance = try info.instance()
        guard !self.instances(of: info.name).isEmpty else {
            throw BackendError(.notFound, "there is no service \(info.name.text.quotedForDisplay)")
        }
        try self.store.end(instance.id, of: instance.service, in: Self.namespace, reason: .deregistered)
    }

    /// What dependents are told of a service: each address once that may be called, as the protocol knows neither
    /// status nor weight.
    func callable(_ service: ServiceName) -> [HeartbeatServiceInfo] {
        var addresses: Set<String> = []
        return self.instances(of: service)
            .filter { ($0.status == .passing || $0.status == .warning) && $0.weight > 0 }
            .compactMap(HeartbeatServiceInfo.init)
            .filter { addresses.insert($0.address).inserted }
    }

    /// Whether what is registered is still this registration.
    func isRegistered(_ instance: ServiceInstance) -> Bool {
        let now = try? self.store.instance(instance.id, of: instance.service, in: Self.namespace)
        return now?.speaksTutorial == true && now?.registeredAt == instance.registeredAt
    }

    private func instances(of service: ServiceName) -> [ServiceInstance] {
        (try? self.store.instances(of: service, in: Self.namespace).instances) ?? []
    }
}

// MARK: Following the store

extension TutorialBridge {
    /// Takes over a program that was there before this hub was.
    private func adopt(_ instance: ServiceInstance) {
        self.checks.add(instance, in: self.configuration.firstCheck)
        let dependent = Dependent(instance)
        let former = self.dependents.withLock { $0.insert(dependent) }
        // What the hub before told it, nobody knows.
        for service in instance.requires {
            let instances = self.callable(service)
            dependent.told.withLock { $0.doubt(instances) }
        }
        self.begin(dependent, after: former)
    }

    private func begin(_ dependent: Dependent, after former: Dependent?) {
        former?.stop()
        dependent.wake()
        self.newcomer.yield(Newcomer(dependent: dependent, former: former))
    }

    private func follow() async {
        while let service = try? await self.changes.next() {
            for instance in self.instances(of: service) where instance.speaksTutorial {
                self.checks.add(instance, in: self.configuration.firstCheck)
            }
            for dependent in self.dependents.withLock({ $0.concerned(by: service) }) { dependent.wake() }
        }
    }

    /// Makes up for what could not be told.
    private func resynchronise() async {
        while (try? await self.clock.sleep(for: self.configuration.period)) != nil {
            for dependent in self.dependents.withLock({ $0.all }) { dependent.wake() }
        }
    }
}

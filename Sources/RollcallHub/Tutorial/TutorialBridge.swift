import HTTPEngine
import Rollcall
import Synchronization

/// Serves programs that speak the tutorial's protocol, through the same store as all others: what registers one way
/// is seen the other way.
///
/// It checks that they live and tells them of the services that they need.
final class TutorialBridge: Sendable {
    /// Where such programs live: their protocol has no namespaces.
    static let namespace = Namespace.default

    let store: HubStore
    let configuration: HeartbeatConfiguration
    let client: HTTPClient
    let log: Log
    private let checks: HeartbeatSchedule
    private let dependents = Mutex<[InstanceID: Dependent]>([:])
    /// The services that such programs are or need: most changes are of none of them.
    private let concerned = Mutex<Set<ServiceName>>([])
    private let changes = KeyedMailbox<ServiceName, ServiceName>()
    private let newcomers: AsyncStream<Dependent>
    private let newcomer: AsyncStream<Dependent>.Continuation

    /// Creates a bridge that does nothing before ``run()``.
    ///
    /// - Throws: `unavailable` when the process has no descriptor left.
    init(store: HubStore, configuration: HeartbeatConfiguration, log: Log) throws(BackendError) {
        self.store = store
        self.configuration = configuration
        self.log = log.component("tutorial")
        self.client = try HTTPClient(connectTimeout: configuration.timeout, permits: configuration.rules.permits)
        self.checks = HeartbeatSchedule(clock: self.client.clock)
        (self.newcomers, self.newcomer) = AsyncStream.makeStream()
    }

    private var clock: TimeSource { self.client.clock }

    /// How long a registration outlives the hub's last look at it, should the hub stop looking.
    private var ttl: Duration {
        let check = (self.configuration.timeout + self.configuration.attemptPause) * self.configuration.attempts
        return (self.configuration.period + check) * 3
    }

    /// Checks and tells until the task is cancelled.
    func run() async {
        self.store.feed.setListener { [weak self] place in
            guard let self, place.namespace == Self.namespace, self.isConcerned(by: place.service) else { return }
            self.changes.offer(place.service, for: place.service)
        }
        for summary in (try? self.store.services(in: Self.namespace)) ?? [] { self.adopt(summary.service) }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow() }
            group.addTask { await self.resynchronise() }
            for _ in 0..<self.configuration.workers { group.addTask { await self.work() } }
            for await dependent in self.newcomers {
                group.addTask { await self.serve(dependent) }
            }
        }
    }

    /// Registers a program.
    ///
    /// - Returns: The instances of each service that it needs.
    /// - Throws: `permissionDenied` for an address that may not be called; what registering throws.
    func register(_ service: TutorialService) throws -> [(service: ServiceName, instances: [TutorialService])] {
        let instance = try service.instance()
        let endpoint = instance.endpoint
        if let address = SocketAddress(host: endpoint.host, port: endpoint.port) {
            guard self.configuration.rules.permits(address) else {
                throw BackendError(.permissionDenied, "Addr: calls to \(address) are not allowed here")
            }
        }
        self.concerned.withLock { $0.formUnion([instance.service] + instance.requires) }
        _ = try self.store.register(instance, in: Self.namespace, ttl: self.ttl)
        // A later registration of the same address is another process, which knows nothing yet.
        let dependent = Dependent(instance)
        let answer = self.required(of: instance)
        for (required, instances) in answer { dependent.note(instances, of: required) }
        self.replace(dependent)
        return answer
    }

    /// Takes a program out.
    ///
    /// - Throws: `notFound` when there is no such service at all; an address that it does not have is no error.
    func deregister(_ service: TutorialService) throws {
        let instance = try service.instance()
        let isKnown = try !self.store.instances(of: service.name, in: Self.namespace).instances.isEmpty
        guard isKnown else {
            throw BackendError(.notFound, "there is no service \(service.name.text.quotedForDisplay)")
        }
        try self.store.end(instance.id, of: instance.service, in: Self.namespace, reason: .deregistered)
    }

    private func required(of instance: ServiceInstance) -> [(service: ServiceName, instances: [TutorialService])] {
        instance.requires.map { ($0, self.callable($0)) }
    }

    /// What dependents are told of a service: what may be called, as the protocol knows no status.
    private func callable(_ service: ServiceName) -> [TutorialService] {
        let instances = (try? self.store.instances(of: service, in: Self.namespace).instances) ?? []
        return instances.filter { $0.status == .passing || $0.status == .warning }.compactMap(TutorialService.init)
    }

    private func replace(_ dependent: Dependent) {
        let former = self.dependents.withLock { $0.updateValue(dependent, forKey: dependent.instance.id) }
        former?.stop()
        self.newcomer.yield(dependent)
    }
}

// MARK: Following the store

extension TutorialBridge {
    private func isConcerned(by service: ServiceName) -> Bool {
        self.concerned.withLock { $0.contains(service) }
    }

    /// Takes over the programs of a service that were there before this hub was.
    private func adopt(_ service: ServiceName) {
        let instances = (try? self.store.instances(of: service, in: Self.namespace).instances) ?? []
        let programs = instances.filter(\.speaksTutorial)
        guard !programs.isEmpty else { return }
        self.concerned.withLock { $0.formUnion([service] + programs.flatMap(\.requires)) }
        self.notice(service)
    }

    private func follow() async {
        while let service = try? await self.changes.next() { self.notice(service) }
    }

    /// Looks at a service that changed: who in it must be checked, and who must be told.
    private func notice(_ service: ServiceName) {
        let instances = (try? self.store.instances(of: service, in: Self.namespace).instances) ?? []
        for instance in instances where instance.speaksTutorial {
            self.checks.add(instance, in: self.configuration.firstCheck)
            let isNew = self.dependents.withLock { $0[instance.id] == nil }
            guard isNew, !instance.requires.isEmpty else { continue }
            // It was here before this hub was: what it knows is what there was.
            let dependent = Dependent(instance)
            for (required, known) in self.required(of: instance) { dependent.note(known, of: required) }
            self.replace(dependent)
        }
        for dependent in self.dependents.withLock({ Array($0.values) })
        where dependent.instance.service == service || dependent.instance.requires.contains(service) {
            dependent.wake()
        }
    }

    /// Makes up for what could not be told.
    private func resynchronise() async {
        while (try? await self.clock.sleep(for: self.configuration.period)) != nil {
            for dependent in self.dependents.withLock({ Array($0.values) }) { dependent.wake() }
        }
    }
}

// MARK: Heart-beats

extension TutorialBridge {
    private func work() async {
        while let check = await self.checks.next() {
            guard await self.isRegistered(check) else {
                self.checks.forget(check)
                continue
            }
            switch await self.heartbeat(of: check) {
            case .alive:
                self.store.touch(check.instance.id, of: check.instance.service, in: Self.namespace)
                self.checks.repeatCheck(check, in: self.configuration.period)
            case .notListeningYet:
                self.checks.repeatCheck(check, in: self.configuration.firstCheck)
            case .dead(let reason):
                guard !Task.isCancelled else { return }
                self.checks.forget(check)
                self.log(.warning, "\(check.instance) has no heart-beat and is taken out: \(reason)")
                try? self.store.end(
                    check.instance.id,
                    of: check.instance.service,
                    in: Self.namespace,
                    reason: .expired
                )
            }
        }
    }

    private enum Pulse {
        case alive
        case notListeningYet
        case dead(String)
    }

    private func isRegistered(_ check: HeartbeatSchedule.Check) async -> Bool {
        let now = try? self.store.instance(check.instance.id, of: check.instance.service, in: Self.namespace)
        return now?.speaksTutorial == true
    }

    private func heartbeat(of check: HeartbeatSchedule.Check) async -> Pulse {
        var reason = ""
        for attempt in 1...max(1, self.configuration.attempts) {
            do {
                let origin = try Origin(check.instance.endpoint)
                let request = HTTPClient.Request("GET", "/heart-beat", at: origin)
                let response = try await self.client.send(request, within: self.configuration.timeout, limit: 65536)
                if response.status == 200 { return .alive }
                reason = "status \(response.status)"
            } catch let error as ConnectionError
                where error.kind == .refused
                && check.since.duration(to: self.clock.now) < self.configuration.period
            {
                return .notListeningYet
            } catch {
                reason = "\(error)"
            }
            guard attempt < self.configuration.attempts else { break }
            guard (try? await self.clock.sleep(for: self.configuration.attemptPause)) != nil else { break }
        }
        return .dead(reason)
    }
}

// MARK: Pushes

extension TutorialBridge {
    /// Tells one program of changes, one after the other, until it is gone.
    private func serve(_ dependent: Dependent) async {
        var generator = SplitMix64()
        var failures = 0
        while await dependent.waitForWork() {
            let instance = dependent.instance
            guard (try? self.store.instance(instance.id, of: instance.service, in: Self.namespace)) != nil else {
                break
            }
            let isDone = await self.push(to: dependent)
            failures = isDone ? 0 : failures + 1
            guard !isDone else { continue }
            let pause = Backoff(base: .milliseconds(200), factor: 2, cap: self.configuration.period)
                .pause(before: failures, using: &generator)
            guard (try? await self.clock.sleep(for: pause)) != nil else { break }
            dependent.wake()
        }
        self.dependents.withLock { dependents in
            if dependents[dependent.instance.id] === dependent { dependents[dependent.instance.id] = nil }
        }
    }

    /// Sends what the program does not know.
    ///
    /// - Returns: Whether it knows all now.
    private func push(to dependent: Dependent) async -> Bool {
        for service in dependent.instance.requires {
            let (added, removed) = dependent.difference(self.callable(service), of: service)
            for gone in removed {
                guard await self.send("DELETE", gone, to: dependent) else { return false }
                dependent.forget(gone)
            }
            for new in added {
                // Such a program adds what it has already a second time: after a push whose answer was lost, it must
                // first forget it.
                if dependent.isUncertain(new) {
                    guard await self.send("DELETE", new, to: dependent) else { return false }
                }
                dependent.begin(new)
                guard await self.send("POST", new, to: dependent) else { return false }
                dependent.learn(new)
            }
        }
        return true
    }

    private func send(_ method: String, _ service: TutorialService, to dependent: Dependent) async -> Bool {
        guard let origin = try? Origin(dependent.instance.endpoint) else { return true }
        let request = HTTPClient.Request(
            method,
            "/services",
            at: origin,
            fields: [HTTPEngine.Problem.Header("Content-Type", "application/json")],
            body: service.json
        )
        do throws(ConnectionError) {
            let response = try await self.client.send(request, within: self.configuration.timeout, limit: 65536)
            if response.status == 200 { return true }
            self.log(.warning, "\(dependent.instance) answered a push with status \(response.status)")
        } catch {
            self.log(.debug, "\(dependent.instance) cannot be told of \(service.address): \(error)")
        }
        return false
    }
}

import Rollcall
import Synchronization

/// A registry that says what the test says, to watchers and to those who ask.
final class ScriptedBackend: RegistryBackend {
    private struct State {
        var shown: [ServiceInstance]
        var departed: [InstanceID: DepartureReason] = [:]
        var revision: UInt64 = 0
        var read: [ServiceInstance]?
        var reads = 0
        var watchers: [UInt64: @Sendable (ServiceSnapshot) -> Void] = [:]
        var next: UInt64 = 0
        var breakage = Signal()
        var isAway = false
    }

    let name = "scripted"
    let capabilities = BackendCapabilities(ttl: .milliseconds(1)...(.seconds(86400)), expirySlack: .zero)
    let service: ServiceName
    private let state: Mutex<State>

    init(_ service: ServiceName, _ instances: [ServiceInstance] = []) {
        self.service = service
        self.state = Mutex(State(shown: instances))
    }

    /// How often the instances were asked for past the watch.
    var reads: Int { self.state.withLock { $0.reads } }

    /// Tells watchers that these are all.
    func show(_ instances: [ServiceInstance], departed: [InstanceID: DepartureReason] = [:]) {
        self.state.withLock { state in
            (state.shown, state.departed) = (instances, departed)
            state.revision += 1
            let snapshot = self.snapshot(instances, state)
            for watcher in state.watchers.values { watcher(snapshot) }
        }
    }

    /// Answers those who ask with these instances, whatever watchers were told; with `nil` with the same.
    func answer(_ instances: [ServiceInstance]?) { self.state.withLock { $0.read = instances } }

    /// Breaks all watches and refuses everything, or takes everybody back.
    func setAway(_ isAway: Bool) {
        let breakage = self.state.withLock { state in
            state.isAway = isAway
            defer { state.breakage = Signal() }
            return state.breakage
        }
        breakage.raise()
    }

    func run() async throws(BackendError) { await Signal().wait() }

    func health() async -> BackendHealth {
        BackendHealth(isReachable: true, latency: .zero, canRead: true, canWrite: true)
    }

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        let snapshot = self.state.withLock { state -> ServiceSnapshot? in
            guard !state.isAway else { return nil }
            state.reads += 1
            return self.snapshot(state.read ?? state.shown, state)
        }
        guard let snapshot else { throw BackendError(.unavailable, "away") }
        return snapshot
    }

    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let (id, breakage) = self.state.withLock { state -> (UInt64?, Signal) in
            guard !state.isAway else { return (nil, state.breakage) }
            state.next += 1
            state.watchers[state.next] = deliver
            deliver(self.snapshot(state.shown, state))
            return (state.next, state.breakage)
        }
        guard let id else { throw BackendError(.unavailable, "away") }
        await breakage.wait()
        self.state.withLock { $0.watchers[id] = nil }
        throw BackendError(Task.isCancelled ? .cancelled : .unavailable, "the watch broke")
    }

    func services() async throws(BackendError) -> [ServiceSummary] { [] }

    func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        deliver([self.service])
        await Signal().wait()
        throw BackendError(.cancelled, "the task was cancelled")
    }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        throw self.unsupported
    }

    func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance { throw self.unsupported }

    func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) { throw self.unsupported }

    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease { throw self.unsupported }

    private var unsupported: BackendError { BackendError(.unsupported, "a scripted backend has no registrations") }

    private func snapshot(_ instances: [ServiceInstance], _ state: State) -> ServiceSnapshot {
        ServiceSnapshot(
            service: self.service,
            instances: instances,
            revision: state.revision + 1,
            departed: state.departed,
            source: self.name
        )
    }
}

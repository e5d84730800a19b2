import Rollcall
import Synchronization

/// A registry of one service that tells those who watch it what the benchmark says, as a backend's driver does.
final class PushingBackend: RegistryBackend {
    private struct State {
        var instances: [ServiceInstance]
        var revision: UInt64 = 1
        var watchers: [@Sendable (ServiceSnapshot) -> Void] = []
    }

    let name = "pushing"
    let capabilities = BackendCapabilities(ttl: .milliseconds(1)...(.seconds(86400)), expirySlack: .zero)
    private let service: ServiceName
    private let state: Mutex<State>

    init(_ service: ServiceName, _ instances: [ServiceInstance]) {
        self.service = service
        self.state = Mutex(State(instances: instances))
    }

    /// Tells watchers of a change of one instance; when this returns they have taken it.
    func push(_ instance: ServiceInstance, at place: Int) {
        let (snapshot, watchers) = self.state.withLock { state in
            state.instances[place] = instance
            state.revision += 1
            return (self.snapshot(state), state.watchers)
        }
        for watcher in watchers { watcher(snapshot) }
    }

    private func snapshot(_ state: State) -> ServiceSnapshot {
        ServiceSnapshot(
            service: self.service,
            instances: state.instances,
            revision: state.revision,
            source: self.name
        )
    }

    func run() async throws(BackendError) { await Self.untilCancelled() }

    func health() async -> BackendHealth { BackendHealth(isReachable: true, canRead: true, canWrite: true) }

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        self.state.withLock { self.snapshot($0) }
    }

    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let first = self.state.withLock { state in
            state.watchers.append(deliver)
            return self.snapshot(state)
        }
        deliver(first)
        await Self.untilCancelled()
        throw BackendError(.cancelled, "the task was cancelled")
    }

    func services() async throws(BackendError) -> [ServiceSummary] { [] }

    func watchServices(deliver: @escaping @Sendable ([ServiceName]) -> Void) async throws(BackendError) -> Never {
        await Self.untilCancelled()
        throw BackendError(.cancelled, "the task was cancelled")
    }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        throw Self.unsupported
    }

    func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance { throw Self.unsupported }

    func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) { throw Self.unsupported }

    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease { throw Self.unsupported }

    private static var unsupported: BackendError { BackendError(.unsupported, "a benchmark registers nothing") }

    private static func untilCancelled() async {
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
    }
}

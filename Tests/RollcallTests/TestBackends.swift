import Rollcall
import Synchronization

/// Runs a discovery and its backend for as long as `body` runs.
func withDiscovery(_ discovery: Discovery, _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await discovery.backend.run() }
        group.addTask { try? await discovery.run() }
        while !discovery.isRunning { await Task.yield() }
        defer { group.cancelAll() }
        try await body()
    }
}

/// A backend whose watches can be broken, and whose registrations can be made to fail.
final class BreakingBackend: RegistryBackend {
    private struct State {
        var breakage = Signal()
        var refusals: [BackendError] = []
        var registrations = 0
    }

    let name = "breaking"
    let inner: MemoryBackend
    private let state = Mutex(State())

    private let fate: BackendError?

    init(_ inner: MemoryBackend, runEndsWith fate: BackendError? = nil) {
        self.inner = inner
        self.fate = fate
    }

    var capabilities: BackendCapabilities { self.inner.capabilities }

    /// How often register was called.
    var registrations: Int { self.state.withLock { $0.registrations } }

    /// Ends all open watches with an error.
    func breakWatches() {
        let breakage = self.state.withLock { state in
            defer { state.breakage = Signal() }
            return state.breakage
        }
        breakage.raise()
    }

    /// Makes the next registrations fail, one for each error.
    func refuse(_ errors: [BackendError]) {
        self.state.withLock { $0.refusals = errors }
    }

    func run() async throws(BackendError) {
        if let fate = self.fate { throw fate }
        try await self.inner.run()
    }

    func health() async -> BackendHealth { await self.inner.health() }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        let refusal = self.state.withLock { state in
            state.registrations += 1
            return state.refusals.isEmpty ? nil : state.refusals.removeFirst()
        }
        if let refusal { throw refusal }
        return try await self.inner.register(instance, ttl: ttl)
    }

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        try await self.inner.instances(of: service)
    }

    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let breakage = self.state.withLock { $0.breakage }
        await race {
            _ = try? await self.inner.watch(service, deliver: deliver)
        } _: {
            await breakage.wait()
        }
        throw BackendError(.unavailable, "the watch broke")
    }

    func services() async throws(BackendError) -> [ServiceSummary] { try await self.inner.services() }

    func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        try await self.inner.watchServices(deliver: deliver)
    }

    func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        try await self.inner.amend(service, id: id, change)
    }

    func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        try await self.inner.remove(service, id: id)
    }

    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        try await self.inner.lease(resuming: token)
    }
}

import Rollcall

/// A backend that cannot read one service.
struct PartlyBrokenBackend: RegistryBackend {
    let broken: String
    private let whole = MemoryBackend()

    init(broken: String) {
        self.broken = broken
    }

    var name: String { self.whole.name }
    var capabilities: BackendCapabilities { self.whole.capabilities }

    func run() async throws(BackendError) { try await self.whole.run() }

    func health() async -> BackendHealth { await self.whole.health() }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        try await self.whole.register(instance, ttl: ttl)
    }

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        guard service.text != self.broken else { throw BackendError(.unavailable, "no luck") }
        return try await self.whole.instances(of: service)
    }

    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        try await self.whole.watch(service, deliver: deliver)
    }

    func services() async throws(BackendError) -> [ServiceSummary] { try await self.whole.services() }

    func watchServices(deliver: @escaping @Sendable ([ServiceName]) -> Void) async throws(BackendError) -> Never {
        try await self.whole.watchServices(deliver: deliver)
    }

    func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        try await self.whole.amend(service, id: id, change)
    }

    func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        try await self.whole.remove(service, id: id)
    }

    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        try await self.whole.lease(resuming: token)
    }
}

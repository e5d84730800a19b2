/// A backend that takes registrations and forgets them: for programs that run where nothing is to be discovered.
///
/// Every service is always empty, every lease lives until it is revoked, and nothing ever fails.
public final class NoopBackend: RegistryBackend {
    /// The kind of backend.
    public let name = "noop"
    /// What this backend does differently where the contract leaves room.
    public let capabilities = BackendCapabilities(ttl: .milliseconds(1)...(.seconds(86400)), expirySlack: .zero)

    /// Creates the backend.
    public init() {}

    /// See ``Backend/run()``.
    public func run() async throws(BackendError) {
        await Signal().wait()
    }

    /// See ``Backend/health()``.
    public func health() async -> BackendHealth {
        BackendHealth(isReachable: true, latency: .zero, canRead: true, canWrite: true)
    }

    /// See ``RegistryBackend/register(_:ttl:)``.
    public func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        NoopLease(token: LeaseToken(service: instance.service, id: instance.id, secret: ""), ttl: ttl)
    }

    /// See ``RegistryBackend/instances(of:)``.
    public func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        ServiceSnapshot(service: service, instances: [], revision: 1, source: self.name)
    }

    /// See ``RegistryBackend/watch(_:deliver:)``.
    public func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        deliver(ServiceSnapshot(service: service, instances: [], revision: 1, source: self.name))
        await Signal().wait()
        throw BackendError(.cancelled, "the task was cancelled")
    }

    /// See ``RegistryBackend/services()``.
    public func services() async throws(BackendError) -> [ServiceSummary] { [] }

    /// See ``RegistryBackend/watchServices(deliver:)``.
    public func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        deliver([])
        await Signal().wait()
        throw BackendError(.cancelled, "the task was cancelled")
    }

    /// See ``RegistryBackend/amend(_:id:_:)``.
    public func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        throw BackendError(.notFound, "this backend keeps no records", backend: self.name, operation: "amend")
    }

    /// See ``RegistryBackend/remove(_:id:)``.
    public func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {}

    /// See ``RegistryBackend/lease(resuming:)``.
    public func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        throw BackendError(.unsupported, "this backend keeps no leases", backend: self.name, operation: "resume")
    }
}

private final class NoopLease: InstanceLease {
    let token: LeaseToken
    let ttl: Duration
    private let revoked = Signal()

    init(token: LeaseToken, ttl: Duration) {
        self.token = token
        self.ttl = ttl
    }

    func renew() async throws(BackendError) { try self.checkOpen() }

    func keepAlive() async throws(BackendError) -> Never {
        await self.revoked.wait()
        try self.checkOpen()
        throw BackendError(.cancelled, "the task was cancelled")
    }

    func update(_ instance: ServiceInstance) async throws(BackendError) { try self.checkOpen() }

    func revoke() async throws(BackendError) { self.revoked.raise() }

    private func checkOpen() throws(BackendError) {
        guard !self.revoked.isRaised else { throw BackendError(.closed, "the lease was revoked") }
    }
}

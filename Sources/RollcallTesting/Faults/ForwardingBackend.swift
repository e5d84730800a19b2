package import Rollcall

/// A backend of tests that has another do all but what it does itself.
package protocol ForwardingBackend: RegistryBackend {
    /// Who does it.
    var base: any RegistryBackend { get }
}

extension ForwardingBackend {
    /// See ``Backend/name``.
    package var name: String { self.base.name }

    /// See ``Backend/capabilities``.
    package var capabilities: BackendCapabilities { self.base.capabilities }

    /// See ``Backend/run()``.
    package func run() async throws(BackendError) { try await self.base.run() }

    /// See ``Backend/health()``.
    package func health() async -> BackendHealth { await self.base.health() }

    /// See ``RegistryBackend/register(_:ttl:)``.
    package func register(
        _ instance: ServiceInstance,
        ttl: Duration
    ) async throws(BackendError) -> any InstanceLease {
        try await self.base.register(instance, ttl: ttl)
    }

    /// See ``RegistryBackend/instances(of:)``.
    package func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        try await self.base.instances(of: service)
    }

    /// See ``RegistryBackend/watch(_:deliver:)``.
    package func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        try await self.base.watch(service, deliver: deliver)
    }

    /// See ``RegistryBackend/services()``.
    package func services() async throws(BackendError) -> [ServiceSummary] { try await self.base.services() }

    /// See ``RegistryBackend/watchServices(deliver:)``.
    package func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        try await self.base.watchServices(deliver: deliver)
    }

    /// See ``RegistryBackend/amend(_:id:_:)``.
    package func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        try await self.base.amend(service, id: id, change)
    }

    /// See ``RegistryBackend/remove(_:id:)``.
    package func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        try await self.base.remove(service, id: id)
    }

    /// See ``RegistryBackend/lease(resuming:)``.
    package func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        try await self.base.lease(resuming: token)
    }
}

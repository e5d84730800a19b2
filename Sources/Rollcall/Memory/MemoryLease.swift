/// A lease of a ``MemoryBackend``.
final class MemoryLease: InstanceLease {
    let token: LeaseToken
    let ttl: Duration
    private let backend: MemoryBackend
    private let revoked = Signal()

    init(backend: MemoryBackend, token: LeaseToken, ttl: Duration) {
        self.backend = backend
        self.token = token
        self.ttl = ttl
    }

    func renew() async throws(BackendError) {
        try self.checkOpen()
        try self.backend.renew(self.token)
    }

    func keepAlive() async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        while true {
            await race {
                try? await self.backend.registry.clock.sleep(for: self.ttl / 3)
            } _: {
                await self.revoked.wait()
            }
            do throws(BackendError) {
                try await self.renew()
            } catch  where error.code == .unavailable {
                // The lease may outlive a short absence; the next answer tells.
            }
        }
    }

    func update(_ instance: ServiceInstance) async throws(BackendError) {
        try self.checkOpen()
        try self.backend.update(instance, self.token)
    }

    func revoke() async throws(BackendError) {
        self.revoked.raise()
        try self.backend.revoke(self.token)
    }

    private func checkOpen() throws(BackendError) {
        guard !self.revoked.isRaised else {
            throw BackendError(.closed, "the lease was revoked", backend: self.backend.name, key: self.token.id.text)
        }
    }
}

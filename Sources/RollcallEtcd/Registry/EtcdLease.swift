import Rollcall

/// A lease of etcd with the one key that stands on it.
final class EtcdLease: InstanceLease {
    let token: LeaseToken
    let ttl: Duration
    private let backend: EtcdBackend
    private let lease: Int64
    private let key: String
    private let revoked = Signal()

    init(backend: EtcdBackend, token: LeaseToken, lease: Int64, key: String, ttl: Duration) {
        self.backend = backend
        self.token = token
        self.lease = lease
        self.key = key
        self.ttl = ttl
    }

    func renew() async throws(BackendError) {
        try self.checkOpen()
        _ = try await self.backend.keeper.renew(self.lease)
        // A lease outlives its key: somebody may have taken the record out, or registered the id anew.
        try await self.backend.checkHolder(self.lease, of: self.key, "renew", self.token)
    }

    func keepAlive() async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        var pause = self.ttl / 3
        while true {
            await race { [pause] in
                try? await self.backend.clock.sleep(for: pause)
            } _: {
                await self.revoked.wait()
            }
            do throws(BackendError) {
                try await self.renew()
                pause = self.ttl / 3
            } catch  where RetryTable.allowsRetry(after: error, isIdempotent: true) {
                // The lease may outlive a short absence: a new leader gives each its whole time again.
                pause = min(self.ttl / 10, .seconds(1))
            }
        }
    }

    func update(_ instance: ServiceInstance) async throws(BackendError) {
        try self.checkOpen()
        guard instance.service == self.token.service, instance.id == self.token.id else {
            throw BackendError(
                .invalidArgument,
                "an update must keep service and id \(self.token.service)/\(self.token.id)",
                backend: EtcdBackend.name,
                operation: "update"
            )
        }
        try await self.backend.update(instance, key: self.key, lease: self.lease, self.token)
    }

    func revoke() async throws(BackendError) {
        self.revoked.raise()
        try await self.backend.client.revokeLease(self.lease, "revoke", key: self.token.id.text)
    }

    private func checkOpen() throws(BackendError) {
        guard !self.revoked.isRaised else {
            throw BackendError(.closed, "the lease was revoked", backend: EtcdBackend.name, key: self.token.id.text)
        }
    }
}

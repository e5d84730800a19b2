import Rollcall

/// A lease of etcd with the one key that stands on it.
final class EtcdLease: InstanceLease {
    let token: LeaseToken
    let visibleID: InstanceID
    let ttl: Duration
    private let backend: EtcdBackend
    private let lease: Int64
    private let key: String
    private let keeper: LeaseKeeper

    init(backend: EtcdBackend, token: LeaseToken, lease: Int64, key: String, ttl: Duration) {
        self.backend = backend
        self.token = token
        self.lease = lease
        self.key = key
        self.visibleID = backend.layout.names(in: key)?.id ?? token.id
        self.ttl = ttl
        self.keeper = LeaseKeeper(token, ttl: ttl, backend: EtcdBackend.name, clock: backend.clock)
    }

    func renew() async throws(BackendError) {
        try self.keeper.checkOpen()
        _ = try await self.backend.keeper.renew(self.lease, within: self.ttl / 3)
        // A lease outlives its key: somebody may have taken the record out, or registered the id anew.
        try await self.backend.checkHolder(self.lease, of: self.key, "renew", self.token)
    }

    func keepAlive() async throws(BackendError) -> Never {
        try await self.keeper.keep { () throws(BackendError) in try await self.renew() }
    }

    func update(_ instance: ServiceInstance) async throws(BackendError) {
        try self.keeper.checkOpen()
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
        self.keeper.end()
        try await self.backend.client.revokeLease(self.lease, "revoke", key: self.token.id.text)
    }
}

import Rollcall

/// A lease of the hub.
final class HubLease: InstanceLease {
    let token: LeaseToken
    let visibleID: InstanceID
    let ttl: Duration
    private let backend: HubBackend
    private let keeper: LeaseKeeper

    init(backend: HubBackend, token: LeaseToken, visibleID: InstanceID? = nil, ttl: Duration) {
        self.backend = backend
        self.visibleID = visibleID ?? token.id
        self.token = token
        self.ttl = ttl
        self.keeper = LeaseKeeper(token, ttl: ttl, backend: backend.name, clock: backend.clock)
    }

    func renew() async throws(BackendError) {
        try self.keeper.checkOpen()
        _ = try await self.backend.calls.renew(self.token)
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
                backend: self.backend.name,
                operation: "update"
            )
        }
        _ = try await self.backend.calls.send(
            "PUT",
            HubCalls.path(instance.service, instance.id),
            "update",
            key: instance.id.text,
            secret: self.token.secret,
            body: instance.json
        )
    }

    func revoke() async throws(BackendError) {
        self.keeper.end()
        _ = try await self.backend.calls.send(
            "DELETE",
            HubCalls.path(self.token.service, self.token.id),
            "revoke",
            key: self.token.id.text,
            secret: self.token.secret
        )
    }
}

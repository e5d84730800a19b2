import Rollcall

/// A lease of the hub.
final class HubLease: InstanceLease {
    let token: LeaseToken
    let ttl: Duration
    private let backend: HubBackend
    private let revoked = Signal()

    init(backend: HubBackend, token: LeaseToken, ttl: Duration) {
        self.backend = backend
        self.token = token
        self.ttl = ttl
    }

    func renew() async throws(BackendError) {
        try self.checkOpen()
        _ = try await self.backend.calls.renew(self.token)
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
                // The lease may outlive a short absence: the hub gives each a time-to-live of grace when it returns.
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
        self.revoked.raise()
        _ = try await self.backend.calls.send(
            "DELETE",
            HubCalls.path(self.token.service, self.token.id),
            "revoke",
            key: self.token.id.text,
            secret: self.token.secret
        )
    }

    private func checkOpen() throws(BackendError) {
        guard !self.revoked.isRaised else {
            throw BackendError(.closed, "the lease was revoked", backend: self.backend.name, key: self.token.id.text)
        }
    }
}

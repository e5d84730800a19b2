import Rollcall

/// A lock that a session of Consul holds.
final class ConsulLockLease: LockLease {
    let name: LockName
    let token: UInt64
    let ttl: Duration
    private let backend: ConsulBackend
    private let session: LockSession
    private let keeper: LockKeeper

    init(backend: ConsulBackend, name: LockName, token: UInt64, session: LockSession, ttl: Duration) {
        self.backend = backend
        self.name = name
        self.token = token
        self.session = session
        self.ttl = ttl
        self.keeper = LockKeeper(ttl: ttl, grantedAt: session.renewedAt, clock: backend.clock)
    }

    /// Renews once.
    func renew() async throws(BackendError) {
        try await self.keeper.renewNow { () async throws(BackendError) in try await self.send() }
    }

    func keepAlive() async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        try await self.keeper.keep { () async throws(BackendError) in try await self.send() }
    }

    func release() async throws(BackendError) {
        self.keeper.end()
        try await self.backend.release(self.name, session: self.session.id)
    }

    private func send() async throws(BackendError) {
        guard try await self.backend.renewed(self.session) != nil else {
            throw self.backend.lost(.leaseLost, "the session that held the lock is over", "renew", self.name.text)
        }
        // A session may live on after somebody deleted the key that it held.
        let check = KeyValueOperation(.checkSession, self.backend.lockKey(self.name), session: self.session.id)
        if case .refused = try await self.backend.transact([check], "renew", self.name.text, isRenewal: true) {
            throw self.backend.lost(.leaseLost, "the lock is not held any more", "renew", self.name.text)
        }
    }
}

import HTTPEngine
import Rollcall
import Synchronization

/// What a lease knows of its own time: a value.
struct LeaseClock: Hashable {
    private let ttl: Duration
    /// When the last renewal began that the agent took; `nil` for a lease that was taken up.
    private var renewedAt: TimeSource.Instant?
    /// When it was last made sure that no other agent has the id.
    private var lookedAt: TimeSource.Instant?

    /// Creates the clock of a lease.
    init(ttl: Duration, renewedAt: TimeSource.Instant?) {
        self.ttl = ttl
        self.renewedAt = renewedAt
        self.lookedAt = renewedAt
    }

    /// Whether the lease may be over: Consul would take a renewal all the same, and bring the instance back.
    func isDoubtful(at now: TimeSource.Instant) -> Bool {
        self.renewedAt.map { $0.duration(to: now) >= self.ttl * 9 / 10 } ?? true
    }

    /// The agent took a renewal.
    mutating func renew(at began: TimeSource.Instant) {
        self.renewedAt = max(self.renewedAt ?? began, began)
    }

    /// Whether it is time to look at other agents, once a time-to-live; takes note that it is done.
    mutating func takeLook(at now: TimeSource.Instant) -> Bool {
        guard let lookedAt else {
            self.lookedAt = now
            return false
        }
        guard lookedAt.duration(to: now) >= self.ttl else { return false }
        self.lookedAt = now
        return true
    }
}

/// A lease on an agent: a check that it renews, with the lease's nonce in its name.
final class ConsulLease: InstanceLease {
    let token: LeaseToken
    let ttl: Duration
    private let backend: ConsulBackend
    /// Its id on the agent.
    private let rawID: String
    private let registered: ServiceInstance
    private let keeper: LeaseKeeper
    private let time: Mutex<LeaseClock>

    init(
        backend: ConsulBackend,
        token: LeaseToken,
        rawID: String,
        ttl: Duration,
        registered: ServiceInstance,
        renewedAt moment: TimeSource.Instant?
    ) {
        self.backend = backend
        self.token = token
        self.rawID = rawID
        self.ttl = ttl
        self.keeper = LeaseKeeper(token, ttl: ttl, backend: backend.name, clock: backend.clock)
        self.registered = registered
        self.time = Mutex(LeaseClock(ttl: ttl, renewedAt: moment))
    }

    private var key: String { "\(self.token.service)/\(self.token.id)" }
    private var check: String { self.backend.layout.leaseCheck(self.token.secret, rawID: self.rawID) }

    func renew() async throws(BackendError) {
        try self.keeper.checkOpen()
        try await self.verifyIfDoubtful()
        // Where the check of a successor has the same name, the record says whose it is.
        if !self.backend.layout.namesLeases { try await self.checkHolder("renew") }
        let began = self.backend.clock.now
        do throws(BackendError) {
            try await self.backend.pass(self.token.secret, self.rawID, "renew", key: self.key)
        } catch  where error.code == .notFound {
            throw try await self.verdict("renew")
        }
        self.time.withLock { $0.renew(at: began) }
        if self.time.withLock({ $0.takeLook(at: began) }) { try await self.lookAtOthers() }
    }

    func keepAlive() async throws(BackendError) -> Never {
        try await self.keeper.keep { () throws(BackendError) in try await self.renew() }
    }

    func update(_ instance: ServiceInstance) async throws(BackendError) {
        try self.keeper.checkOpen()
        guard instance.service == self.token.service, instance.id == self.token.id else {
            throw BackendError(
                .invalidArgument,
                "an update must keep service and id \(self.key)",
                backend: self.backend.name,
                operation: "update"
            )
        }
        try await self.verifyIfDoubtful()
        try await self.checkHolder("update")
        let began = self.backend.clock.now
        // It stays the registration that it was, by whose moment two agents' records are told apart.
        let instance = self.registered.registeredAt.map { instance.registered(at: $0) } ?? instance
        try await self.backend.send(instance, self.rawID, nonce: self.token.secret, ttl: self.ttl, "update")
        self.time.withLock { $0.renew(at: began) }
    }

    func revoke() async throws(BackendError) {
        self.keeper.end()
        // The record may be a successor's by now; between this look and what follows it may still become one.
        let meta = try await self.backend.agentRecord(self.rawID, "revoke", key: self.key)
        guard meta?[InstanceCodec.leaseKey] == self.token.secret else { return }
        do throws(BackendError) {
            try await self.backend.deregister(self.rawID, "revoke", key: self.key)
        } catch  where error.code == .notFound {
        }
        // The agent has let go; that the catalog has not followed yet is no reason to fail.
        try? await self.backend.awaitCatalog(self.token.service, self.rawID, "revoke") { records in
            !records.contains { $0.meta[InstanceCodec.leaseKey] == self.token.secret }
        }
    }

    /// Makes sure that the lease lives.
    ///
    /// - Throws: `leaseLost` or `displaced` when it does not.
    func verify() async throws(BackendError) {
        let call = ConsulCall(
            path: "/v1/agent/checks",
            operation: "renew",
            key: self.key,
            query: FilterText.equality("CheckID", self.check),
            place: .agent,
            isRenewal: true
        )
        guard self.token.secret.utf8.allSatisfy(\.isPlainAlphanumeric) else {
            throw self.backend.lost(.leaseLost, "the token is none of Consul's", "renew", self.key)
        }
        let answer = try await self.backend.calls.send(call)
        let checks = try ConsulCalls.reading("renew", self.key) { () throws(ValidationError) in
            try HealthRecord.Check.map(json: answer.body)
        }
        guard let check = checks[self.check] else { throw try await self.verdict("renew") }
        guard !InstanceCodec.isExpired(check) else {
            throw self.backend.lost(.leaseLost, "the lease was not renewed in time", "renew", self.key)
        }
    }

    private func verifyIfDoubtful() async throws(BackendError) {
        let now = self.backend.clock.now
        if self.time.withLock({ $0.isDoubtful(at: now) }) { try await self.verify() }
    }

    /// Why the agent does not know the lease's check.
    private func verdict(_ operation: String) async throws(BackendError) -> BackendError {
        let meta = try await self.backend.agentRecord(self.rawID, operation, key: self.key)
        if let meta, meta[InstanceCodec.leaseKey] != self.token.secret {
            return self.backend.loss(by: meta, operation, self.key)
        }
        return self.backend.lost(.leaseLost, "the agent does not know the lease any more", operation, self.key)
    }

    private func checkHolder(_ operation: String) async throws(BackendError) {
        let meta = try await self.backend.agentRecord(self.rawID, operation, key: self.key)
        guard meta?[InstanceCodec.leaseKey] != self.token.secret else { return }
        throw self.backend.loss(by: meta, operation, self.key)
    }

    /// Steps back when the same id was registered later on another agent, which this agent knows nothing of.
    private func lookAtOthers() async throws(BackendError) {
        let records = await self.backend.others.records(
            of: self.token.service,
            atMost: self.ttl / 2,
            // What it takes must not make the next renewal late.
            within: min(self.ttl / 6, self.backend.configuration.timeout),
            from: self.backend
        )
        guard let record = records[self.token.id],
            let nonce = record.nonce, nonce != self.token.secret, !record.isOrphaned,
            record.stamp >= (self.registered.registeredAt.flatMap(Timestamp.milliseconds(of:)) ?? 0)
        else { return }
        try? await self.revoke()
        throw self.backend.lost(.displaced, "the same id was registered on another agent", "renew", self.key)
    }
}

extension MemoryBackend: LockBackend {
    private var locks: MemoryLockStore { self.registry.locks }

    /// See ``LockBackend/acquire(_:ttl:)``.
    public func acquire(_ name: LockName, ttl: Duration) async throws(BackendError) -> any LockLease {
        let place = LockTable.Place(namespace: self.namespace, name: name)
        let granted = min(max(ttl, self.capabilities.ttl.lowerBound), self.capabilities.ttl.upperBound)
        try self.reaching("acquire", key: name.text) { () throws(BackendError) in }
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let proof = RandomText.hexadecimal(words: 2)
        do throws(BackendError) {
            let grant = try await self.locks.acquire(place, proof: proof, ttl: granted)
            return MemoryLockLease(backend: self, place: place, proof: proof, grant: grant)
        } catch {
            throw self.located(error, "acquire", key: name.text)
        }
    }

    /// See ``LockBackend/holder(of:)``.
    public func holder(of name: LockName) async throws(BackendError) -> LockHolder? {
        try self.reaching("holder", key: name.text) { () throws(BackendError) in
            self.locks.holder(at: LockTable.Place(namespace: self.namespace, name: name))
        }
    }
}

/// A lock that is held in a ``MemoryRegistry``.
final class MemoryLockLease: LockLease {
    let token: UInt64
    let ttl: Duration
    private let backend: MemoryBackend
    private let place: LockTable.Place
    private let proof: String
    private let keeper: LockKeeper

    init(backend: MemoryBackend, place: LockTable.Place, proof: String, grant: LockTable.Grant) {
        self.backend = backend
        self.place = place
        self.proof = proof
        self.token = grant.token
        self.ttl = grant.ttl
        self.keeper = LockKeeper(grant, clock: backend.registry.clock)
    }

    var name: LockName { self.place.name }

    func keepAlive() async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        try await self.keeper.keep { () throws(BackendError) in try self.send() }
    }

    func renew() async throws(BackendError) {
        try await self.keeper.renewNow { () throws(BackendError) in try self.send() }
    }

    private func send() throws(BackendError) {
        try self.backend.reaching("renew", key: self.name.text) { () throws(BackendError) in
            try self.backend.registry.locks.renew(self.place, proof: self.proof)
        }
    }

    func release() async throws(BackendError) {
        self.keeper.end()
        // Whoever lets go must not fail for a cancelled task.
        try self.backend.registry.checkReachable()
        self.backend.registry.locks.release(self.place, proof: self.proof)
    }
}

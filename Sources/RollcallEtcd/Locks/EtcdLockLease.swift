import Rollcall

/// A lock that is held on etcd, or a place in the queue for it.
final class EtcdLockLease: LockLease {
    private let backend: EtcdBackend
    private let place: EtcdQueuePlace
    private let keeper: LockKeeper

    init(backend: EtcdBackend, place: EtcdQueuePlace) {
        self.backend = backend
        self.place = place
        self.keeper = LockKeeper(ttl: place.ttl, grantedAt: place.granted, clock: backend.clock)
    }

    var name: LockName { self.place.name }
    var token: UInt64 { UInt64(bitPattern: self.place.revision) }
    var ttl: Duration { self.place.ttl }

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
        try await self.backend.leave(self.place)
    }

    private func send() async throws(BackendError) {
        _ = try await self.backend.keeper.renew(self.place.lease, within: self.ttl / 3)
        // The key may have been deleted though its lease lives.
        let read = EtcdRead(range: EtcdRange(key: self.place.key), keysOnly: true)
        let record = try await self.backend.client.read(read, "renew", key: self.name.text).records.first
        guard record?.createRevision == self.place.revision else {
            throw self.backend.fault(.leaseLost, "the key of the lock was taken out", "renew", self.name.text)
        }
    }
}

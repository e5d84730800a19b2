import HTTPEngine
public import Rollcall

extension EtcdBackend: LockBackend {
    /// See ``LockBackend/acquire(_:ttl:)``.
    ///
    /// Those who wait stand in a queue by the revision at which they came, as etcd's own clients do, and each waits for the
    /// one before him. The token is that revision. A holder that is dead frees the lock within his time-to-live, and what
    /// etcd needs to revoke a lease.
    public func acquire(_ name: LockName, ttl: Duration) async throws(BackendError) -> any LockLease {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let wished = min(max(ttl, self.capabilities.ttl.lowerBound), self.capabilities.ttl.upperBound)
        while true {
            guard !Task.isCancelled else { throw self.cancelled("acquire", applied: .no) }
            let place = try await self.uncancelled { () async throws(BackendError) in
                try await self.enqueue(name, ttl: wished)
            }
            do throws(BackendError) {
                return try await self.waitForTurn(place)
            } catch {
                let isGone: Void? = try? await self.uncancelled { () async throws(BackendError) in
                    try await self.leave(place)
                }
                guard !Task.isCancelled else {
                    throw self.cancelled("acquire", applied: isGone == nil ? .unknown : .no)
                }
                // Who lost his place while he waited queues again.
                guard error.code == .leaseLost || error.code == .displaced else {
                    var failure = error
                    failure.applied = isGone == nil ? .unknown : .no
                    throw failure
                }
            }
        }
    }

    /// See ``LockBackend/holder(of:)``.
    public func holder(of name: LockName) async throws(BackendError) -> LockHolder? {
        let read = EtcdRead(range: self.range(of: name), limit: 1, order: .creation, keysOnly: true)
        let queue = try await self.client.read(read, "holder", key: name.text)
        guard let first = queue.records.first else { return nil }
        return LockHolder(token: UInt64(bitPattern: first.createRevision), waiting: Int(max(1, queue.count)) - 1)
    }

    private func range(of name: LockName) -> EtcdRange {
        EtcdRange(prefix: Array("\(self.lockRoot)\(PercentEncoding.encode(name.text))/".utf8))
    }

    private func enqueue(_ name: LockName, ttl: Duration) async throws(BackendError) -> EtcdQueuePlace {
        let began = self.clock.now
        let (lease, granted) = try await self.client.grantLease(ttl, "acquire", key: name.text)
        let range = self.range(of: name)
        let key = range.key + Array(String(UInt64(bitPattern: lease), radix: 16).utf8)
        let condition = EtcdCondition(key: key, target: .createRevision(0))
        let put = EtcdPut(key: key, value: [], lease: lease)
        let transaction = EtcdTransaction(conditions: [condition], success: [.put(put)])
        do throws(BackendError) {
            let outcome = try await self.client.transact(transaction, "acquire", key: name.text)
            guard outcome.succeeded else {
                throw self.fault(.protocolViolation, "etcd gave a lease that was given before", "acquire", name.text)
            }
            return EtcdQueuePlace(
                name: name,
                range: range,
                key: key,
                lease: lease,
                revision: outcome.header.revision,
                ttl: granted,
                granted: began
            )
        } catch {
            try? await self.client.revokeLease(lease, "acquire", key: name.text)
            throw error
        }
    }

    func leave(_ place: EtcdQueuePlace) async throws(BackendError) {
        try await self.client.revokeLease(place.lease, "release", key: place.name.text)
    }

    private func waitForTurn(_ place: EtcdQueuePlace) async throws(BackendError) -> EtcdLockLease {
        let lease = EtcdLockLease(backend: self, place: place)
        while let predecessor = try await self.predecessor(of: place) {
            try await self.wait(for: predecessor, before: place.revision, keeping: lease)
        }
        // The place may have been lost while somebody else was waited for.
        try await lease.renew()
        return lease
    }

    /// The key of who came last before.
    private func predecessor(of place: EtcdQueuePlace) async throws(BackendError) -> [UInt8]? {
        let read = EtcdRead(
            range: place.range,
            limit: 1,
            isDescending: true,
            order: .creation,
            keysOnly: true,
            maximumCreateRevision: place.revision &- 1
        )
        return try await self.client.read(read, "acquire", key: place.name.text).records.first?.key
    }

    /// Waits until a key is gone, and renews the own place meanwhile.
    private func wait(
        for key: [UInt8],
        before revision: Int64,
        keeping lease: EtcdLockLease
    ) async throws(BackendError) {
        let failure = await withTaskGroup(of: BackendError?.self) { group in
            group.addTask { await self.waitForEnd(of: key, before: revision) }
            group.addTask {
                do throws(BackendError) {
                    try await lease.keepAlive()
                } catch {
                    return error
                }
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        if let failure { throw failure }
    }

    private func waitForEnd(of key: [UInt8], before revision: Int64) async -> BackendError? {
        let gone = Signal()
        return await withTaskGroup(of: BackendError?.self) { group in
            group.addTask {
                do throws(BackendError) {
                    try await self.follow(EtcdRange(key: key), keysOnly: true, "wait for a lock") { told in
                        switch told {
                        // Other clients queue again under the key that they had: then they stand behind.
                        case .all(let records):
                            if records.first.map({ $0.createRevision >= revision }) ?? true { gone.raise() }
                        case .changes(let events): if events.contains(where: \.isDeletion) { gone.raise() }
                        case .live, .interrupted: return
                        }
                    }
                } catch {
                    return error
                }
            }
            group.addTask {
                await gone.wait()
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return gone.isRaised ? nil : first
        }
    }
}

/// Where somebody stands in the queue for a lock.
struct EtcdQueuePlace: Sendable {
    let name: LockName
    let range: EtcdRange
    let key: [UInt8]
    let lease: Int64
    /// The revision at which he came: his token when it is his turn.
    let revision: Int64
    let ttl: Duration
    let granted: TimeSource.Instant
}

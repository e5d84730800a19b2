// What holders do with their leases, or others on their behalf.
extension RegistryTable {
    /// Renews a lease, and returns its time-to-live.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over.
    @discardableResult
    package mutating func renew(
        _ service: ServiceName,
        id: InstanceID,
        proof: LeaseProof,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) throws(BackendError) -> Duration {
        let place = Place(namespace: namespace, service: service)
        let (slot, record) = try self.held(id, at: place, by: proof)
        self.pool[slot]?.prolong(at: now)
        return record.ttl
    }

    /// Renews a record whoever holds it, as one does that saw its holder alive.
    ///
    /// - Returns: Whether there is one.
    package mutating func touch(_ id: InstanceID, at place: Place, now: TimeSource.Instant) -> Bool {
        guard let slot = self.slot(of: id, at: place) else { return false }
        self.pool[slot]?.prolong(at: now)
        return true
    }

    /// Takes a record out whose holder is known to be gone.
    package mutating func end(_ id: InstanceID, at place: Place, reason: DepartureReason) -> Change? {
        self.drop(id, at: place, reason: reason)
    }

    /// Replaces what the holder registered; an amendment stays on top.
    package mutating func update(
        _ instance: ServiceInstance,
        proof: LeaseProof,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) throws(BackendError) -> Change {
        let place = Place(namespace: namespace, service: instance.service)
        var (slot, record) = try self.held(instance.id, at: place, by: proof)
        let own = record.own.registeredAt.map { instance.registered(at: $0, sharing: record.own) } ?? instance
        try Self.replace(own, amendment: record.amendment, in: &record)
        record.prolong(at: now)
        var change = Change(place: place)
        self.store(record, in: slot, &change)
        return change
    }

    /// Ends a lease; one that is over already, whatever the reason, changes nothing.
    package mutating func revoke(
        _ service: ServiceName,
        id: InstanceID,
        proof: LeaseProof,
        in namespace: Namespace
    ) -> Change? {
        let place = Place(namespace: namespace, service: service)
        self.tombstones[proof] = nil
        guard self.record(id, at: place)?.proof == proof else { return nil }
        return self.drop(id, at: place, reason: .deregistered)
    }

    /// Checks that a lease lives and returns the time-to-live that it was granted.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over.
    package func ttl(
        _ service: ServiceName,
        id: InstanceID,
        proof: LeaseProof,
        in namespace: Namespace
    ) throws(BackendError) -> Duration {
        try self.held(id, at: Place(namespace: namespace, service: service), by: proof).record.ttl
    }

    private func held(
        _ id: InstanceID,
        at place: Place,
        by proof: LeaseProof
    ) throws(BackendError) -> (slot: RecordPool.Slot, record: Record) {
        if self.tombstones[proof] != nil {
            throw BackendError(.removed, "somebody took the instance out")
        }
        guard let slot = self.slot(of: id, at: place), let record = self.pool[slot] else {
            throw BackendError(.leaseLost, "the lease expired, was revoked or is not known")
        }
        guard record.proof == proof else {
            throw BackendError(.displaced, "another process registered the same id")
        }
        return (slot, record)
    }
}

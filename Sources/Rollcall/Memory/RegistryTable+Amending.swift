// What somebody does to a record that others hold.
extension RegistryTable {
    /// Lays a change over a record, whoever holds it.
    ///
    /// - Throws: `notFound` when there is none; `invalidArgument` when the result breaks a limit.
    package mutating func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange,
        in namespace: Namespace
    ) throws(BackendError) -> (ServiceInstance, Change) {
        let place = Place(namespace: namespace, service: service)
        guard let slot = self.slot(of: id, at: place), var record = self.pool[slot] else {
            throw BackendError(.notFound, "no instance has this id")
        }
        let amendment = record.amendment.merging(change)
        do throws(ValidationError) {
            // A change that leaves the result as it is must be bounded too: it is kept.
            try change.check()
            try amendment.check()
        } catch {
            throw BackendError(error)
        }
        try Self.replace(record.own, amendment: amendment, in: &record)
        var whole = Change(place: place)
        self.store(record, in: slot, &whole)
        return (record.visible, whole)
    }

    /// Takes out a record that somebody else holds, and remembers that for ten of its times-to-live, at least 60 s.
    package mutating func remove(
        _ service: ServiceName,
        id: InstanceID,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) -> Change? {
        let place = Place(namespace: namespace, service: service)
        guard let record = self.record(id, at: place) else { return nil }
        self.tombstones[record.proof] = now.advanced(by: max(record.ttl * 10, .seconds(60)))
        return self.drop(id, at: place, reason: .deregistered)
    }

    /// Remembers a removal that happened before this table was made.
    package mutating func restoreTombstone(_ proof: LeaseProof, until moment: TimeSource.Instant) {
        self.tombstones[proof] = moment
    }
}

public import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

// What others than its holder do to a record.
extension HubStore {
    /// Lays a change over a record, whoever holds it.
    ///
    /// - Returns: The record as everybody sees it now.
    /// - Throws: `notFound` when there is none; `invalidArgument` when the result breaks a limit.
    public func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange,
        in namespace: Namespace
    ) throws(BackendError) -> ServiceInstance {
        try self.change { table throws(BackendError) in
            let (amended, effect) = try table.amend(service, id: id, change, in: namespace)
            return (amended, effect, [.amend(namespace: namespace, service: service, id: id, change: change)])
        }
    }

    /// Takes out a record that somebody else holds, and keeps that holder out for ten of its times-to-live.
    ///
    /// - Throws: `unavailable` when it cannot be written down.
    public func remove(_ service: ServiceName, id: InstanceID, in namespace: Namespace) throws(BackendError) {
        let now = self.registry.clock.now
        try self.change { table throws(BackendError) in
            let place = RegistryTable.Place(namespace: namespace, service: service)
            guard let record = table.record(id, at: place) else { return ((), nil, []) }
            let change = table.remove(service, id: id, in: namespace, at: now)
            let lasting = now.duration(to: table.tombstones[record.proof] ?? now).milliseconds
            let until = Int64(Date().timeIntervalSince1970 * 1000) + lasting
            let end = JournalRecord.end(namespace: namespace, service: service, id: id)
            return ((), change, [end, .tombstone(proof: record.proof, until: until)])
        }
    }

    /// Takes a record out whose holder is known to be gone; the holder may register again.
    ///
    /// - Parameters:
    ///   - id: The instance.
    ///   - service: Its service.
    ///   - date: When the one registered that is gone, so that nobody else is taken out; `nil` for whoever is there.
    ///   - namespace: Where.
    ///   - reason: Why.
    /// - Returns: Whether it was there.
    /// - Throws: `unavailable` when it cannot be written down.
    @discardableResult
    func end(
        _ id: InstanceID,
        of service: ServiceName,
        registeredAt date: Date? = nil,
        in namespace: Namespace,
        reason: DepartureReason
    ) throws(BackendError) -> Bool {
        let place = RegistryTable.Place(namespace: namespace, service: service)
        return try self.change { table throws(BackendError) in
            guard date == nil || table.record(id, at: place)?.own.registeredAt == date else { return (false, nil, []) }
            let change = table.end(id, at: place, reason: reason)
            let end = JournalRecord.end(namespace: namespace, service: service, id: id)
            return (change != nil, change, change == nil ? [] : [end])
        }
    }

    /// Renews a registration on behalf of a holder that was seen alive; one that took its place is left alone.
    func touch(_ instance: ServiceInstance, in namespace: Namespace) {
        let place = RegistryTable.Place(namespace: namespace, service: instance.service)
        let now = self.registry.clock.now
        _ = try? self.registry.perform { table throws(BackendError) in
            guard table.record(instance.id, at: place)?.own.registeredAt == instance.registeredAt else {
                return (false, nil)
            }
            return (table.touch(instance.id, at: place, now: now), nil)
        }
    }
}

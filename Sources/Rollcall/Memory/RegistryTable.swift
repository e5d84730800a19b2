#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Who is registered, as a value: every rule of registration and lease, without clock, lock or network.
package struct RegistryTable: Sendable {
    struct Service: Sendable {
        var records: [InstanceID: Record] = [:]
        var revision: UInt64 = 0
    }

    struct Entry: Sendable {
        let place: Place
        let id: InstanceID
        let number: UInt64
    }

    /// How fine expiry is told: far below the shortest time-to-live of any use.
    package static let tick = Duration.milliseconds(100)

    /// The number of the last change; each change takes the next.
    package private(set) var revision: UInt64
    /// The revision of the service that was forgotten last: what unknown services have.
    package private(set) var forgottenRevision: UInt64
    /// Proofs of leases whose instance somebody else removed, with the time until which that is remembered.
    package internal(set) var tombstones: [String: TimeSource.Instant] = [:]
    var services: [Place: Service] = [:]
    var wheel: LeaseWheel<Entry>
    /// What is done when many leases of a service end at once; `nil` for nothing.
    package var expiryGuard: ExpiryGuard?
    private var nextEntry: UInt64 = 0

    /// Creates an empty table.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - revision: The number of the last change before.
    package init(now: TimeSource.Instant = TimeSource.Instant(elapsed: .zero), revision: UInt64 = 0) {
        self.wheel = LeaseWheel(tick: Self.tick, now: now)
        self.revision = revision
        self.forgottenRevision = revision
    }

    /// Whether nobody is registered and no removal is remembered: nothing can come due.
    package var isQuiet: Bool { self.services.isEmpty && self.tombstones.isEmpty }

    /// The revision of a service: of its last change, or of the last service that was forgotten.
    package func revision(at place: Place) -> UInt64 {
        self.services[place]?.revision ?? self.forgottenRevision
    }

    /// The record of an instance.
    package func record(_ id: InstanceID, at place: Place) -> Record? {
        self.services[place]?.records[id]
    }

    /// The instances of a service, in no order.
    package func instances(at place: Place) -> [ServiceInstance] {
        self.services[place]?.records.values.map(\.visible) ?? []
    }

    /// The records of a service, in no order.
    package func records(at place: Place) -> [Record] {
        self.services[place].map { Array($0.records.values) } ?? []
    }

    /// All services that there are.
    package var places: [Place] { Array(self.services.keys) }

    /// How many services and instances there are, over all namespaces.
    package var counts: (services: Int, instances: Int) {
        (self.services.count, self.services.values.reduce(0) { $0 + $1.records.count })
    }

    /// All services that there are, with their records.
    package var contents: [(place: Place, records: [InstanceID: Record])] {
        self.services.map { ($0.key, $0.value.records) }
    }

    /// The services of a namespace with their counts, in order of their names.
    package func summaries(of namespace: Namespace) -> [ServiceSummary] {
        self.services.filter { $0.key.namespace == namespace }
            .map { place, service in
                ServiceSummary(
                    service: place.service,
                    counts: service.records.values.reduce(into: [:]) { $0[$1.visible.status, default: 0] += 1 }
                )
            }
            .sorted { $0.service < $1.service }
    }

    /// Registers or replaces; a former lease of the id is fenced, a former amendment ends.
    package mutating func register(
        _ instance: ServiceInstance,
        in namespace: Namespace,
        proof: String,
        ttl: Duration,
        at now: TimeSource.Instant,
        date: Date
    ) -> Change {
        let place = Place(namespace: namespace, service: instance.service)
        let registered = instance.registered(at: date)
        self.nextEntry += 1
        let record = Record(registered, proof: proof, ttl: ttl, at: now, entry: self.nextEntry)
        let isNew = self.services[place] == nil
        self.wheel.insert(Entry(place: place, id: instance.id, number: record.entry), due: record.expiry)
        var change = self.store(record, at: place)
        change.changesNames = isNew
        return change
    }

    /// Renews a lease, and returns its time-to-live.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over.
    @discardableResult
    package mutating func renew(
        _ service: ServiceName,
        id: InstanceID,
        proof: String,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) throws(BackendError) -> Duration {
        let place = Place(namespace: namespace, service: service)
        let record = try self.held(id, at: place, by: proof)
        self.services[place]?.records[id]?.prolong(at: now)
        return record.ttl
    }

    /// Renews a record whoever holds it, as one does that saw its holder alive.
    ///
    /// - Returns: Whether there is one.
    package mutating func touch(_ id: InstanceID, at place: Place, now: TimeSource.Instant) -> Bool {
        guard self.record(id, at: place) != nil else { return false }
        self.services[place]?.records[id]?.prolong(at: now)
        return true
    }

    /// Takes a record out whose holder is known to be gone.
    package mutating func end(_ id: InstanceID, at place: Place, reason: DepartureReason) -> Change? {
        self.drop(id, at: place, reason: reason)
    }

    /// Replaces what the holder registered; an amendment stays on top.
    package mutating func update(
        _ instance: ServiceInstance,
        proof: String,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) throws(BackendError) -> Change {
        let place = Place(namespace: namespace, service: instance.service)
        var record = try self.held(instance.id, at: place, by: proof)
        try record.replace(record.own.registeredAt.map { instance.registered(at: $0) } ?? instance)
        record.prolong(at: now)
        return self.store(record, at: place)
    }

    /// Ends a lease; one that is over already, whatever the reason, changes nothing.
    package mutating func revoke(
        _ service: ServiceName,
        id: InstanceID,
        proof: String,
        in namespace: Namespace
    ) -> Change? {
        let place = Place(namespace: namespace, service: service)
        self.tombstones[proof] = nil
        guard self.services[place]?.records[id]?.proof == proof else { return nil }
        return self.drop(id, at: place, reason: .deregistered)
    }

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
        guard var record = self.services[place]?.records[id] else {
            throw BackendError(.notFound, "no instance has this id")
        }
        try record.amend(change)
        return (record.visible, self.store(record, at: place))
    }

    /// Takes out a record that somebody else holds, and remembers that for ten of its times-to-live, at least 60 s.
    package mutating func remove(
        _ service: ServiceName,
        id: InstanceID,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) -> Change? {
        let place = Place(namespace: namespace, service: service)
        guard let record = self.services[place]?.records[id] else { return nil }
        self.tombstones[record.proof] = now.advanced(by: max(record.ttl * 10, .seconds(60)))
        return self.drop(id, at: place, reason: .deregistered)
    }

    /// Remembers a removal that happened before this table was made.
    package mutating func restoreTombstone(_ proof: String, until moment: TimeSource.Instant) {
        self.tombstones[proof] = moment
    }

    /// Checks that a lease lives and returns the time-to-live that it was granted.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over.
    package func ttl(
        _ service: ServiceName,
        id: InstanceID,
        proof: String,
        in namespace: Namespace
    ) throws(BackendError) -> Duration {
        try self.held(id, at: Place(namespace: namespace, service: service), by: proof).ttl
    }

    /// Forgets everybody, as a server does that lost its data; the count of changes goes on.
    package mutating func wipe(at now: TimeSource.Instant) -> [Change] {
        let changes = self.services.map { place, service in
            var change = Change(place: place)
            change.departed = service.records.mapValues { _ in .unknown }
            change.changesNames = true
            change.from = service.revision
            change.to = self.revision + UInt64(self.services.count)
            return change
        }
        let kept = self.expiryGuard.map { ExpiryGuard($0.rules) }
        self = RegistryTable(now: now, revision: self.revision + UInt64(changes.count))
        self.expiryGuard = kept
        return changes
    }
}

extension RegistryTable {
    private func held(_ id: InstanceID, at place: Place, by proof: String) throws(BackendError) -> Record {
        if self.tombstones[proof] != nil {
            throw BackendError(.removed, "somebody took the instance out")
        }
        guard let record = self.services[place]?.records[id] else {
            throw BackendError(.leaseLost, "the lease expired, was revoked or is not known")
        }
        guard record.proof == proof else {
            throw BackendError(.displaced, "another process registered the same id")
        }
        return record
    }

    private mutating func store(_ record: Record, at place: Place) -> Change {
        let from = self.revision(at: place)
        self.services[place, default: Service()].records[record.own.id] = record
        return self.touched([record.own.id], at: place, from: from)
    }

    /// Counts a change of records that are stored already.
    mutating func touched(_ ids: [InstanceID], at place: Place, from: UInt64) -> Change {
        var change = Change(place: place)
        change.from = from
        self.revision += 1
        self.services[place]?.revision = self.revision
        change.upserted = ids
        change.to = self.revision
        return change
    }

    mutating func drop(_ id: InstanceID, at place: Place, reason: DepartureReason) -> Change? {
        var change = Change(place: place)
        change.from = self.revision(at: place)
        guard self.services[place]?.records.removeValue(forKey: id) != nil else { return nil }
        self.revision += 1
        self.services[place]?.revision = self.revision
        change.departed = [id: reason]
        change.to = self.revision
        if self.services[place]?.records.isEmpty == true {
            self.services[place] = nil
            self.forgottenRevision = self.revision
            change.changesNames = true
        }
        return change
    }
}

#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Who is registered, as a value: every rule of registration and lease, without clock, lock or network.
package struct RegistryTable: Sendable {
    struct Service: Sendable {
        var slots: [InstanceID: RecordPool.Slot] = [:]
        var revision: UInt64 = 0
        /// Whoever registered last: most instances of a service have much in common.
        var latest: ServiceInstance?
    }

    struct Entry: Sendable {
        let slot: RecordPool.Slot
        let number: UInt64
    }

    /// How fine expiry is told: far below the shortest time-to-live of any use.
    package static let tick = Duration.milliseconds(100)

    /// The number of the last change; each change takes the next.
    package private(set) var revision: UInt64
    /// The revision of the service that was forgotten last: what unknown services have.
    package private(set) var forgottenRevision: UInt64
    /// Proofs of leases whose instance somebody else removed, with the time until which that is remembered.
    package internal(set) var tombstones: [LeaseProof: TimeSource.Instant] = [:]
    var services: [Place: Service] = [:]
    var pool = RecordPool()
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
        self.slot(of: id, at: place).flatMap { self.pool[$0] }
    }

    /// The records of a service, in no order.
    package func records(at place: Place) -> [Record] {
        self.services[place]?.slots.values.compactMap { self.pool[$0] } ?? []
    }

    /// The instances of a service, in no order.
    package func instances(at place: Place) -> [ServiceInstance] {
        self.services[place]?.slots.values.compactMap { self.pool[$0]?.visible } ?? []
    }

    /// How many services and instances there are, over all namespaces.
    package var counts: (services: Int, instances: Int) {
        (self.services.count, self.pool.count)
    }

    /// All services that there are, in no order.
    package var places: some Collection<Place> { self.services.keys }

    /// The services of a namespace with their counts, in order of their names.
    package func summaries(of namespace: Namespace) -> [ServiceSummary] {
        self.services.filter { $0.key.namespace == namespace }
            .map { place, service in
                ServiceSummary(
                    service: place.service,
                    counts: service.slots.values.reduce(into: [:]) { counts, slot in
                        if let status = self.pool[slot]?.visible.status { counts[status, default: 0] += 1 }
                    }
                )
            }
            .sorted { $0.service < $1.service }
    }

    /// Registers or replaces; a former lease of the id is fenced, a former amendment ends.
    package mutating func register(
        _ instance: ServiceInstance,
        in namespace: Namespace,
        proof: LeaseProof,
        ttl: Duration,
        at now: TimeSource.Instant,
        date: Date
    ) -> Change {
        let place = Place(namespace: namespace, service: instance.service)
        let latest = self.services[place]?.latest
        let registered = instance.registered(at: date, sharing: latest)
        self.nextEntry += 1
        let record = Record(registered, in: namespace, proof: proof, ttl: ttl, now: now, entry: self.nextEntry)
        var change = Change(place: place)
        change.changesNames = latest == nil
        self.store(record, in: self.slot(of: instance.id, at: place), &change)
        self.services[place]?.latest = registered
        return change
    }

    /// Forgets everybody, as a server does that lost its data; the count of changes goes on.
    package mutating func wipe(at now: TimeSource.Instant) -> [Change] {
        let changes = self.services.map { place, service in
            var change = Change(place: place)
            change.departed = service.slots.mapValues { _ in .unknown }
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
    /// Where the record of an instance is.
    func slot(of id: InstanceID, at place: Place) -> RecordPool.Slot? { self.services[place]?.slots[id] }

    /// Puts a record in a place, or in place of another, and completes the change.
    mutating func store(_ record: Record, in former: RecordPool.Slot?, _ change: inout Change) {
        let (place, id) = (change.place, record.own.id)
        let slot: RecordPool.Slot
        if let former {
            slot = former
            let isRenewed = self.pool[former]?.entry != record.entry
            self.pool[former] = record
            if isRenewed { self.wheel.insert(Entry(slot: slot, number: record.entry), due: record.expiry) }
        } else {
            slot = self.pool.insert(record)
            self.services[place, default: Service()].slots[id] = slot
            self.wheel.insert(Entry(slot: slot, number: record.entry), due: record.expiry)
        }
        self.complete(&change, upserting: [id])
    }

    /// Counts a change of records that are stored already.
    mutating func complete(_ change: inout Change, upserting ids: [InstanceID]) {
        let known = self.services[change.place]?.revision ?? 0
        change.from = known == 0 ? self.forgottenRevision : known
        self.revision += 1
        self.services[change.place]?.revision = self.revision
        change.upserted = ids
        change.to = self.revision
    }

    mutating func drop(_ id: InstanceID, at place: Place, reason: DepartureReason) -> Change? {
        var change = Change(place: place)
        change.from = self.revision(at: place)
        guard let slot = self.services[place]?.slots.removeValue(forKey: id) else { return nil }
        self.pool.remove(slot)
        self.revision += 1
        self.services[place]?.revision = self.revision
        change.departed = [id: reason]
        change.to = self.revision
        if self.services[place]?.slots.isEmpty == true {
            self.services[place] = nil
            self.forgottenRevision = self.revision
            change.changesNames = true
        }
        return change
    }

    /// Replaces what a record is of.
    ///
    /// - Throws: `invalidArgument` when the result breaks a limit.
    static func replace(
        _ own: ServiceInstance,
        amendment: InstanceChange,
        in record: inout Record
    ) throws(BackendError) {
        do throws(ValidationError) {
            try record.replace(own, amendment: amendment)
        } catch {
            throw BackendError(error)
        }
    }
}

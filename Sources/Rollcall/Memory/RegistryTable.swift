#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Who is registered, as a value: every rule of registration and lease, without clock, lock or network.
struct RegistryTable {
    /// A service in its namespace.
    struct Place: Hashable {
        let namespace: Namespace
        let service: ServiceName
    }

    /// What an operation changed, for those who must tell watchers.
    struct Change: Hashable {
        let place: Place
        var departed: [InstanceID: DepartureReason] = [:]
        var changesNames = false
    }

    private struct Record {
        /// What the holder registered, and what everybody sees: the former with the amendment over it.
        var own: ServiceInstance
        var visible: ServiceInstance
        var amendment = InstanceChange()
        let secret: String
        let ttl: Duration
        var expiry: TimeSource.Instant
    }

    private var services: [Place: [InstanceID: Record]] = [:]
    /// Secrets of leases whose instance somebody else removed, with the time until which that is remembered.
    private var tombstones: [String: TimeSource.Instant] = [:]

    /// Registers or replaces; a former lease of the id is fenced, a former amendment ends.
    mutating func register(
        _ instance: ServiceInstance,
        in namespace: Namespace,
        secret: String,
        ttl: Duration,
        at now: TimeSource.Instant,
        date: Date
    ) -> Change {
        let place = Place(namespace: namespace, service: instance.service)
        let isNew = self.services[place] == nil
        let registered = instance.registered(at: date)
        self.services[place, default: [:]][instance.id] = Record(
            own: registered,
            visible: registered,
            secret: secret,
            ttl: ttl,
            expiry: now.advanced(by: ttl)
        )
        return Change(place: place, changesNames: isNew)
    }

    /// Renews a lease.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over.
    mutating func renew(_ token: LeaseToken, in namespace: Namespace, at now: TimeSource.Instant) throws(BackendError) {
        let place = Place(namespace: namespace, service: token.service)
        let record = try self.record(of: token, at: place)
        self.services[place]?[token.id]?.expiry = now.advanced(by: record.ttl)
    }

    /// Replaces what the holder registered; an amendment stays on top.
    mutating func update(
        _ instance: ServiceInstance,
        _ token: LeaseToken,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) throws(BackendError) -> Change {
        let place = Place(namespace: namespace, service: token.service)
        var record = try self.record(of: token, at: place)
        guard instance.service == token.service, instance.id == token.id else {
            throw BackendError(.invalidArgument, "an update must keep service and id \(token.service)/\(token.id)")
        }
        record.own = record.own.registeredAt.map { instance.registered(at: $0) } ?? instance
        record.visible = try Self.applying(record.amendment, to: record.own)
        record.expiry = now.advanced(by: record.ttl)
        self.services[place]?[token.id] = record
        return Change(place: place)
    }

    /// Ends a lease; one that is over already, whatever the reason, changes nothing.
    mutating func revoke(_ token: LeaseToken, in namespace: Namespace) -> Change? {
        let place = Place(namespace: namespace, service: token.service)
        self.tombstones[token.secret] = nil
        guard self.services[place]?[token.id]?.secret == token.secret else { return nil }
        return self.remove(token.id, at: place, reason: .deregistered)
    }

    /// Lays a change over a record, whoever holds it.
    mutating func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange,
        in namespace: Namespace
    ) throws(BackendError) -> (ServiceInstance, Change) {
        let place = Place(namespace: namespace, service: service)
        guard var record = self.services[place]?[id] else {
            throw BackendError(.notFound, "no instance has this id")
        }
        record.amendment = record.amendment.merging(change)
        record.visible = try Self.applying(record.amendment, to: record.own)
        self.services[place]?[id] = record
        return (record.visible, Change(place: place))
    }

    /// Takes out a record that somebody else holds, and remembers that for ten of its times-to-live, at least 60 s.
    mutating func remove(
        _ service: ServiceName,
        id: InstanceID,
        in namespace: Namespace,
        at now: TimeSource.Instant
    ) -> Change? {
        let place = Place(namespace: namespace, service: service)
        guard let record = self.services[place]?[id] else { return nil }
        self.tombstones[record.secret] = now.advanced(by: max(record.ttl * 10, .seconds(60)))
        return self.remove(id, at: place, reason: .deregistered)
    }

    /// Checks that a lease lives and returns the time-to-live that it was granted.
    func ttl(of token: LeaseToken, in namespace: Namespace) throws(BackendError) -> Duration {
        try self.record(of: token, at: Place(namespace: namespace, service: token.service)).ttl
    }

    /// The instances of a service, in no order.
    func instances(at place: Place) -> [ServiceInstance] {
        self.services[place]?.values.map(\.visible) ?? []
    }

    /// The services of a namespace with their counts, in order of their names.
    func summaries(of namespace: Namespace) -> [ServiceSummary] {
        self.services.filter { $0.key.namespace == namespace }
            .map { place, records in
                ServiceSummary(
                    service: place.service,
                    counts: records.values.reduce(into: [:]) { $0[$1.visible.status, default: 0] += 1 }
                )
            }
            .sorted { $0.service < $1.service }
    }

    /// Forgets everything but what it never told anybody, as a server does that lost its data.
    mutating func wipe() -> [Change] {
        let changes = self.services.map { place, records in
            Change(place: place, departed: records.mapValues { _ in .unknown }, changesNames: true)
        }
        self = RegistryTable()
        return changes
    }
}

extension RegistryTable {
    /// When the next lease ends, if nobody renews it.
    var nextExpiry: TimeSource.Instant? {
        self.services.values.lazy.flatMap(\.values).map(\.expiry).min()
    }

    /// Ends the leases that are due.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - lateness: How much later this is called than was meant. Beyond 200 ms the process or machine stood still,
    ///     and the holders could not renew: every lease gets that much more.
    /// - Returns: What left.
    mutating func expire(at now: TimeSource.Instant, lateness: Duration) -> [Change] {
        if lateness > .milliseconds(200) {
            for (place, records) in self.services {
                for id in records.keys {
                    self.services[place]?[id]?.expiry = records[id]?.expiry.advanced(by: lateness) ?? now
                }
            }
        }
        self.tombstones = self.tombstones.filter { $0.value > now }
        var changes: [Change] = []
        for (place, records) in self.services {
            let due = records.filter { $0.value.expiry <= now }.keys
            guard !due.isEmpty else { continue }
            var change = Change(place: place)
            for id in due {
                guard let removal = self.remove(id, at: place, reason: .expired) else { continue }
                change.departed.merge(removal.departed) { _, new in new }
                change.changesNames = removal.changesNames
            }
            changes.append(change)
        }
        return changes
    }

    private func record(of token: LeaseToken, at place: Place) throws(BackendError) -> Record {
        if self.tombstones[token.secret] != nil {
            throw BackendError(.removed, "somebody took the instance out")
        }
        guard let record = self.services[place]?[token.id] else {
            throw BackendError(.leaseLost, "the lease expired, was revoked or is not known")
        }
        guard record.secret == token.secret else {
            throw BackendError(.displaced, "another process registered the same id")
        }
        return record
    }

    private mutating func remove(_ id: InstanceID, at place: Place, reason: DepartureReason) -> Change? {
        guard self.services[place]?.removeValue(forKey: id) != nil else { return nil }
        let isEmpty = self.services[place]?.isEmpty ?? true
        if isEmpty { self.services[place] = nil }
        return Change(place: place, departed: [id: reason], changesNames: isEmpty)
    }

    private static func applying(
        _ change: InstanceChange,
        to instance: ServiceInstance
    ) throws(BackendError) -> ServiceInstance {
        do throws(ValidationError) {
            return try instance.applying(change)
        } catch {
            throw BackendError(error)
        }
    }
}

public import Rollcall
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What the hub knows: registrations and leases in memory, every change of them in a journal.
///
/// A change is in the journal when its call returns, so that it survives the process, though not a power cut;
/// renewals are never written. After a start on the same folder every lease has one time-to-live of grace. Revisions
/// come from one count for all services, which never repeats on a data folder.
public final class HubStore: Sendable {
    /// What a registration returns.
    public struct Registration: Sendable {
        /// The instance as it is stored.
        public let instance: ServiceInstance
        /// The right to renew, change and end it.
        ///
        /// Only its hash is kept.
        public let token: LeaseToken
        /// The time-to-live that is granted.
        public let ttl: Duration
        /// The hub's count of changes at this one.
        public let revision: UInt64
    }

    /// What can be made again: it saves work only.
    final class Caches: Sendable {
        let snapshots = Mutex(SnapshotCache())
        let feed: HubFeed

        init(epoch: String) {
            self.feed = HubFeed(epoch: epoch)
        }

        /// Takes note of a change, under the registry's lock, so that all see changes in one order.
        func note(_ change: RegistryTable.Change?, _ table: RegistryTable) {
            guard let change else { return }
            if change.changesNames { self.snapshots.withLock { $0.forget(change.place) } }
            self.feed.publish(change, table)
        }
    }

    /// What is granted as time-to-live; what is asked for outside is clamped.
    public static let ttl: ClosedRange<Duration> = .seconds(1)...(.seconds(86400))

    /// Beyond this size the journal is written anew, when it also has four times the size of what is registered.
    static let compactionThreshold = 16 << 20

    /// The identity of the data folder, or of this start where there is none.
    public let epoch: String

    package let registry: MemoryRegistry
    let journal: JournalWriter?
    /// The data folder; `nil` where nothing is kept.
    let folder: String?
    let caches: Caches
    let state: HubState
    /// What is stored under keys.
    package let config: HubConfig
    /// Who holds what.
    package let locks: HubLocks
    /// Tells watchers what changes.
    var feed: HubFeed { self.caches.feed }
    let compactedLength = Atomic<Int>(0)
    let log: Log

    /// Opens the store.
    ///
    /// - Parameters:
    ///   - folder: The data folder, made where it is missing; `nil` keeps nothing.
    ///   - clock: What measures times-to-live.
    ///   - log: Where the store says what happens.
    /// - Throws: `unavailable` when the folder cannot be used or another process uses it; `protocolViolation` for a
    ///   journal that is damaged or of another version.
    public init(folder: String?, clock: TimeSource = TimeSource(), log: Log = .silent) throws(BackendError) {
        self.log = log.component("hub")
        self.folder = folder
        let fresh = RandomText.hexadecimal(words: 1)
        let now = clock.now
        guard let folder else {
            let caches = Caches(epoch: fresh)
            self.caches = caches
            (self.state, self.config, self.locks) = try Self.openState(nil, clock, self.log)
            self.epoch = fresh
            self.journal = nil
            self.registry = MemoryRegistry(table: RegistryTable(now: now), since: now, clock: clock) { change, table in
                caches.note(change, table)
            }
            return
        }
        // The journal locks the folder.
        let (file, contents) = try JournalFile.open(folder: folder, epoch: fresh)
        (self.state, self.config, self.locks) = try Self.openState(folder, clock, self.log)
        let journal = JournalWriter(file: file, reserved: JournalReplay.reserved(in: contents.records))
        self.epoch = contents.epoch
        let caches = Caches(epoch: contents.epoch)
        self.caches = caches
        self.journal = journal
        let table = JournalReplay.table(of: contents.records, at: now, date: Date())
        self.registry = MemoryRegistry(table: table, since: now, clock: clock) { change, table in
            caches.note(change, table)
            for id in change.departed.keys {
                let place = change.place
                journal.note(.end(namespace: place.namespace, service: place.service, id: id), revision: table.revision)
            }
        }
        try self.compact()
    }

    /// Ends leases in time, writes that down, and commits changes of configuration and locks, until the task is
    /// cancelled.
    public func run() async {
        await race {
            await self.registry.sweep()
        } _: {
            await self.runState()
        }
        self.maintain()
    }

    /// Registers an instance, replacing whoever held the id.
    ///
    /// - Parameters:
    ///   - instance: What to register.
    ///   - namespace: Where.
    ///   - ttl: The time-to-live that is wished.
    ///   - former: The secret of the caller's earlier lease, if it has one.
    /// - Returns: What is stored, and the lease.
    /// - Throws: `removed` when somebody took the holder of `former` out; `unavailable` when it cannot be written down.
    public func register(
        _ instance: ServiceInstance,
        in namespace: Namespace,
        ttl: Duration,
        replacing former: String? = nil
    ) throws(BackendError) -> Registration {
        let granted = min(max(ttl, Self.ttl.lowerBound), Self.ttl.upperBound)
        let secret = RandomText.hexadecimal(words: 2)
        let proof = SHA256.hash(secret)
        let formerProof = former.map { SHA256.hash($0) }
        let now = self.registry.clock.now
        let stored = try self.change { table throws(BackendError) in
            if let formerProof, table.tombstones[formerProof] != nil {
                throw BackendError(.removed, "somebody took the instance out", backend: "hub", operation: "register")
            }
            let change = table.register(instance, in: namespace, proof: proof, ttl: granted, at: now, date: Date())
            let own = table.record(instance.id, at: change.place)?.own ?? instance
            let record = JournalRecord.register(namespace: namespace, instance: own, proof: proof, ttl: granted)
            return ((own, table.revision), change, [record])
        }
        return Registration(
            instance: stored.0,
            token: LeaseToken(service: instance.service, id: instance.id, secret: secret),
            ttl: granted,
            revision: stored.1
        )
    }

    /// Renews a lease, and returns its time-to-live.
    ///
    /// Writes nothing.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over.
    @discardableResult
    public func renew(_ token: LeaseToken, in namespace: Namespace) throws(BackendError) -> Duration {
        let proof = SHA256.hash(token.secret)
        let now = self.registry.clock.now
        return try self.registry.perform { table throws(BackendError) in
            (try table.renew(token.service, id: token.id, proof: proof, in: namespace, at: now), nil)
        }
    }

    /// Renews many leases at once.
    ///
    /// Writes nothing.
    ///
    /// - Returns: For each why it is over, or `nil` when it was renewed.
    /// - Throws: Nothing while the store is open.
    public func renewAll(_ tokens: [LeaseToken], in namespace: Namespace) throws(BackendError) -> [BackendError.Code?] {
        let proofs = tokens.map { SHA256.hash($0.secret) }
        let now = self.registry.clock.now
        return try self.registry.perform { table throws(BackendError) in
            let outcomes = zip(tokens, proofs).map { token, proof -> BackendError.Code? in
                do throws(BackendError) {
                    try table.renew(token.service, id: token.id, proof: proof, in: namespace, at: now)
                    return nil
                } catch {
                    return error.code
                }
            }
            return (outcomes, nil)
        }
    }

    /// Checks a lease that an earlier process held, and returns its time-to-live.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over.
    public func ttl(of token: LeaseToken, in namespace: Namespace) throws(BackendError) -> Duration {
        let proof = SHA256.hash(token.secret)
        return try self.registry.perform { table throws(BackendError) in
            (try table.ttl(token.service, id: token.id, proof: proof, in: namespace), nil)
        }
    }

    /// Replaces what the holder of a lease registered.
    ///
    /// - Returns: The registration as it is now.
    /// - Throws: `leaseLost`, `displaced` or `removed` when it is over; `invalidArgument` for another service or id.
    @discardableResult
    public func update(
        _ instance: ServiceInstance,
        _ token: LeaseToken,
        in namespace: Namespace
    ) throws(BackendError) -> Registration {
        guard instance.service == token.service, instance.id == token.id else {
            throw BackendError(.invalidArgument, "an update must keep service and id \(token.service)/\(token.id)")
        }
        let proof = SHA256.hash(token.secret)
        let now = self.registry.clock.now
        return try self.change { table throws(BackendError) in
            let change = try table.update(instance, proof: proof, in: namespace, at: now)
            let record = table.record(instance.id, at: change.place)
            let own = record?.own ?? instance
            let registration = Registration(
                instance: own,
                token: token,
                ttl: record?.ttl ?? Self.ttl.lowerBound,
                revision: table.revision
            )
            return (registration, change, [.update(namespace: namespace, instance: own, proof: proof)])
        }
    }

    /// Ends a lease; one that is over changes nothing.
    ///
    /// - Throws: `unavailable` when it cannot be written down.
    public func revoke(_ token: LeaseToken, in namespace: Namespace) throws(BackendError) {
        let proof = SHA256.hash(token.secret)
        try self.change { table throws(BackendError) in
            let change = table.revoke(token.service, id: token.id, proof: proof, in: namespace)
            let end = JournalRecord.end(namespace: namespace, service: token.service, id: token.id)
            return ((), change, change == nil ? [] : [end])
        }
    }
}

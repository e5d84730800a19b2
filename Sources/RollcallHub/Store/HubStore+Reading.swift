public import Rollcall
import Synchronization

// What the store tells; none of it changes anything.
extension HubStore {
    /// The snapshot of a service, encoded at the first read after a change and shared until the next.
    ///
    /// - Throws: Nothing while the store is open.
    public func snapshot(of service: ServiceName, in namespace: Namespace) throws(BackendError) -> EncodedSnapshot {
        let place = RegistryTable.Place(namespace: namespace, service: service)
        return try self.registry.perform { table throws(BackendError) in
            (self.caches.snapshots.withLock { $0.snapshot(of: place, in: table) }, nil)
        }
    }

    /// The instances of a service in order of their ids, with the service's revision.
    ///
    /// - Throws: Nothing while the store is open.
    package func instances(
        of service: ServiceName,
        in namespace: Namespace
    ) throws(BackendError) -> (instances: [ServiceInstance], revision: UInt64) {
        let place = RegistryTable.Place(namespace: namespace, service: service)
        let (instances, revision) = try self.registry.perform { table throws(BackendError) in
            ((table.instances(at: place), table.revision(at: place)), nil)
        }
        return (instances.sorted { $0.id < $1.id }, revision)
    }

    /// One instance as everybody sees it.
    ///
    /// - Throws: `notFound`.
    package func instance(
        _ id: InstanceID,
        of service: ServiceName,
        in namespace: Namespace
    ) throws(BackendError) -> ServiceInstance {
        let place = RegistryTable.Place(namespace: namespace, service: service)
        let record = try self.registry.perform { table throws(BackendError) in (table.record(id, at: place), nil) }
        guard let record else { throw BackendError(.notFound, "no instance of '\(service)' has the id '\(id)'") }
        return record.visible
    }

    /// How many services and instances there are.
    var counts: (services: Int, instances: Int) {
        let counts = try? self.registry.perform { table throws(BackendError) in (table.counts, nil) }
        return counts ?? (0, 0)
    }

    /// The number of streams and polls that are open now.
    package var watchCount: Int { self.feed.count }

    /// What survives what, in words.
    package var durability: String {
        self.journal == nil
            ? "memory: nothing survives the process"
            : "registrations: a journal, which survives the process, not a power cut; "
                + "configuration and locks: SQLite, synced before each answer"
    }

    /// Whether changes are taken: false from a write of the journal that failed to the next that does not.
    ///
    /// While it is false, ``run()`` tries again each second.
    package var isWritable: Bool { self.journal.map { !$0.hasFailed } ?? true && self.config.state.isWritable }

    /// The size of the journal in bytes.
    var journalLength: Int { self.journal?.length ?? 0 }

    /// The count of changes of all services.
    ///
    /// - Throws: Nothing while the store is open.
    package func revision() throws(BackendError) -> UInt64 {
        try self.registry.perform { table throws(BackendError) in (table.revision, nil) }
    }

    /// The services of a namespace with their counts, in order of their names.
    ///
    /// - Throws: Nothing while the store is open.
    public func services(in namespace: Namespace) throws(BackendError) -> [ServiceSummary] {
        try self.registry.perform { table throws(BackendError) in (table.summaries(of: namespace), nil) }
    }
}

import Rollcall
import Synchronization

/// What a hub in front of an engine knows of a namespace's services, and the streams that it tells.
final class FrontBoard: Sendable {
    let namespace: Namespace
    let feed: HubFeed
    let epoch: String
    private let table = Mutex(FrontTable())
    private let list = Mutex((json: [UInt8](), revision: UInt64(0)))

    init(namespace: Namespace, feed: HubFeed, epoch: String) {
        self.namespace = namespace
        self.feed = feed
        self.epoch = epoch
    }

    /// Takes what a watch delivered, and tells streams what changed.
    func tell(_ snapshot: ServiceSnapshot) {
        let place = RegistryTable.Place(namespace: self.namespace, service: snapshot.service)
        // Under the lock, so that all are told of changes in one order.
        self.table.withLock { table in
            guard let change = table.tell(snapshot) else { return }
            self.feed.publish(from: change.from, to: change.to, isGone: change.isGone, at: place) {
                HubEvents.delta(
                    of: snapshot.service,
                    from: change.from,
                    to: change.to,
                    upserts: change.upserts,
                    removed: change.removed,
                    epoch: self.epoch
                )
            }
        }
    }

    /// Takes what was read, and returns the revision that it has here.
    func read(_ snapshot: ServiceSnapshot) -> UInt64 { self.table.withLock { $0.read(snapshot) } }

    /// Takes a list of services that was read, and returns its revision, which is another for another list.
    func read(list json: [UInt8]) -> UInt64 {
        self.list.withLock { list in
            if list.json != json { list = (json, list.revision + 1) }
            return list.revision
        }
    }

    /// What streams were told of a service.
    func snapshot(of service: ServiceName) -> EncodedSnapshot {
        let (instances, revision) = self.table.withLock { $0.snapshot(of: service) }
        return EncodedSnapshot(json: SnapshotCache.join(service, revision, instances), revision: revision)
    }

    /// Forgets in time what nobody uses.
    func age(where isUnused: (ServiceName) -> Bool) { self.table.withLock { $0.age(where: isUnused) } }
}

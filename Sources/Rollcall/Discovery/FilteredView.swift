import Synchronization

/// What one observer is shown of one service: only what fits, and only what is news then.
final class FilteredView: Sendable {
    private let filter: InstanceFilter
    private let last = Mutex<ServiceSnapshot?>(nil)

    init(_ filter: InstanceFilter) {
        self.filter = filter
    }

    /// Offers a snapshot, unless the observer would learn nothing from it.
    func offer(_ snapshot: ServiceSnapshot, to mailbox: SnapshotMailbox) {
        let shown = snapshot.where(self.filter)
        let isNews = self.last.withLock { last in
            defer { last = shown }
            return last.map { !$0.showsSame(as: shown) || !shown.departed.isEmpty } ?? true
        }
        if isNews { mailbox.offer(shown, for: snapshot.service) }
    }
}

extension ServiceSnapshot {
    /// The snapshot with the instances that fit a filter.
    func `where`(_ filter: InstanceFilter) -> ServiceSnapshot {
        let instances = self.instances.filter { filter($0) }
        guard instances.count != self.instances.count else { return self }
        return ServiceSnapshot(
            service: self.service,
            instances: instances,
            revision: self.revision,
            departed: self.departed,
            freshness: self.freshness,
            source: self.source,
            held: self.held.intersection(instances.map(\.id))
        )
    }
}

/// What one reader is shown of services: only what fits its filter, and only what is news then.
///
/// It belongs to the reader's iterator, so that a filter of the program runs where the program reads, under no lock.
struct FilteredView {
    private let filter: InstanceFilter
    private var last: [ServiceName: ServiceSnapshot] = [:]

    init(_ filter: InstanceFilter) {
        self.filter = filter
    }

    /// What the reader is shown of a snapshot, and what it was shown before; `nil` when it would learn nothing.
    mutating func news(in snapshot: ServiceSnapshot) -> (shown: ServiceSnapshot, former: ServiceSnapshot?)? {
        let former = self.last[snapshot.service]
        let shown = snapshot.where(self.filter, after: former)
        // A service that is gone is forgotten, or names that come and go would add up.
        self.last[snapshot.service] = snapshot.instances.isEmpty ? nil : shown
        guard former.map({ !$0.showsSame(as: shown) }) ?? true else { return nil }
        return (shown, former)
    }
}

extension ServiceSnapshot {
    /// The snapshot with the instances that fit a filter, and of those that left the ones that its reader knew.
    fileprivate func `where`(_ filter: InstanceFilter, after former: ServiceSnapshot?) -> ServiceSnapshot {
        let instances = self.instances.filter { filter($0) }
        guard instances.count != self.instances.count || !self.departed.isEmpty else { return self }
        return ServiceSnapshot(
            service: self.service,
            instances: instances,
            revision: self.revision,
            departed: self.departed.filter { former?[$0.key] != nil },
            freshness: self.freshness,
            source: self.source,
            held: self.held.intersection(instances.map(\.id))
        )
    }
}

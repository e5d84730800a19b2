/// The instances of one service that may be chosen, with the balancer's table over them.
///
/// It never changes.
struct SelectionTable: Sendable {
    let instances: [ServiceInstance]
    private let chooser: any BalancerTable

    /// Makes the table of a snapshot, or `nil` when no instance passes the filter.
    init?(
        _ snapshot: ServiceSnapshot,
        filter: InstanceFilter,
        balancer: any Balancer,
        replacing former: SelectionTable?
    ) {
        let instances = snapshot.instances.filter { filter($0) }
        guard !instances.isEmpty else { return nil }
        self.instances = instances
        self.chooser = balancer.table(for: instances, replacing: former?.chooser)
    }

    /// Chooses an instance.
    ///
    /// - Parameters:
    ///   - request: What the choice may depend on.
    ///   - excluded: Instances not to choose, unless there is no other.
    /// - Returns: The chosen instance.
    func pick(_ request: PickRequest, excluding excluded: Set<InstanceID> = []) -> ServiceInstance {
        // A balancer of a third party may name an index that is not there.
        let index = min(max(self.chooser.pick(request), 0), self.instances.count - 1)
        guard !excluded.isEmpty else { return self.instances[index] }
        for offset in self.instances.indices {
            let candidate = self.instances[(index + offset) % self.instances.count]
            if !excluded.contains(candidate.id) { return candidate }
        }
        return self.instances[index]
    }
}

/// How the instances that may be chosen follow from what is known of them.
struct SelectionRules: Sendable {
    let filter: InstanceFilter
    let balancer: any Balancer
    let outliers: OutlierDetection?
    let panicThreshold: Double
    let slowStart: Duration

    /// Whether so few are left that what speaks against the others is not believed.
    func isPanic(_ admitted: Int, of eligible: Int) -> Bool {
        eligible > 0 && (admitted == 0 || Double(admitted) < Double(eligible) * self.panicThreshold)
    }
}

/// What is known of the instances of one service, for whoever makes a table of it.
struct SelectionInputs: Sendable {
    var snapshot: ServiceSnapshot
    var statistics: [InstanceID: InstanceStatistics]
    /// Those that fail their probes.
    var failing: Set<InstanceID>

    /// What may be chosen with a filter, and whether that is for want of anything better.
    func pool(where filter: InstanceFilter, _ rules: SelectionRules) -> (pool: SelectionPool, isPanic: Bool) {
        let eligible = self.snapshot.instances.filter { filter($0) }
        let known = eligible.map { self.statistics[$0.id] ?? InstanceStatistics() }
        let admitted = eligible.indices.filter { index in
            !self.failing.contains(eligible[index].id) && !known[index].isEjected
        }
        let isPanic = rules.isPanic(admitted.count, of: eligible.count)
        let isAll = isPanic || admitted.count == eligible.count
        let pool = SelectionPool(
            instances: isAll ? eligible : admitted.map { eligible[$0] },
            statistics: isAll ? known : admitted.map { known[$0] },
            registered: self.snapshot.instances
        )
        return (pool, isPanic)
    }
}

extension ServiceView {
    /// Makes a table for a filter of one call; `nil` when it lets nobody through.
    ///
    /// What speaks against too many of those that fit is not believed, whatever there is beside them.
    func table(where filter: InstanceFilter) -> SelectionTable? {
        let pool = self.inputs?.pool(where: filter, self.rules).pool
        return pool.flatMap { SelectionTable($0, balancer: self.rules.balancer, replacing: nil) }
    }
}

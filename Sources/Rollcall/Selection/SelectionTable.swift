/// The instances of one service that may be chosen, with the balancer's table over them.
///
/// It never changes.
final class SelectionTable: Sendable {
    /// How often a choice that is of no use is made again before the next best instance is taken.
    private static let maximumAttempts = 16
    /// The least share of a new instance.
    private static let leastRamp = 0.1

    let instances: [ServiceInstance]
    let statistics: [InstanceStatistics]
    let chooser: any BalancerTable
    /// Whether some instance has a gate to pass.
    let isGated: Bool
    /// Whether a choice is made in some nanoseconds by Rollcall's own code, so that it may be made under a lock.
    let isQuick: Bool
    private let quick: QuickChooser?

    /// Makes the table of a pool, or `nil` when that is empty.
    init?(_ pool: SelectionPool, balancer: any Balancer, replacing former: SelectionTable?) {
        guard !pool.instances.isEmpty else { return nil }
        self.instances = pool.instances
        self.statistics = pool.statistics
        self.isGated = pool.statistics.contains { $0.gate != .open }
        let chooser = balancer.table(for: pool, replacing: former?.chooser)
        self.chooser = chooser
        self.quick = QuickChooser(chooser)
        self.isQuick = self.quick != nil && !self.isGated
    }

    /// Chooses an instance of a table that is quick.
    @inline(__always)
    func quickPick(_ request: PickRequest) -> Int { self.quick?.pick(request) ?? 0 }

    /// Chooses an instance of a table that is quick, and that only one task uses.
    @inline(__always)
    func quickPickAlone(_ request: PickRequest) -> Int { self.quick?.pickAlone(request) ?? 0 }

    /// Chooses an instance, and returns its index.
    @inline(__always)
    func pick(_ request: PickRequest, clock: TimeSource) -> Int {
        let index = self.index(of: request)
        return self.isGated ? self.passingGates(index, request, clock) : index
    }

    /// Chooses an instance for a call that is reported, so that it may be a trial.
    ///
    /// - Parameters:
    ///   - request: What the choice may depend on.
    ///   - clock: What measures the time of new instances.
    ///   - accepts: What the caller wants, if there is such an instance.
    /// - Returns: Its index, and the trial that the call is the one of, if it is; `nil` when none is accepted.
    func pickForCall(
        _ request: PickRequest,
        clock: TimeSource,
        where accepts: (ServiceInstance) -> Bool = { _ in true }
    ) -> (index: Int, trial: Int?)? {
        var request = request
        for attempt in 0..<Self.maximumAttempts {
            request.attempt = attempt
            let index = self.index(of: request)
            if accepts(self.instances[index]) {
                guard self.isGated else { return (index, nil) }
                switch self.statistics[index].gate {
                case .open: return (index, nil)
                case .ramp: if self.isAdmitted(index, request, clock) { return (index, nil) }
                case .trial: if let trial = self.statistics[index].takeTrialCall() { return (index, trial) }
                }
            }
            request.random = SplitMix64.mix(request.random)
        }
        return self.next(after: self.index(of: request), where: accepts).map { ($0, nil) }
    }

    /// Chooses an instance for a call that failed elsewhere, without making it anybody's turn; `nil` when there is none.
    ///
    /// With turns and two instances each failure would make it the failing one's turn again.
    ///
    /// - Parameters:
    ///   - request: What the choice may depend on.
    ///   - clock: What measures the time of new instances.
    ///   - accepts: Which instances were not tried yet, and are what the caller wants.
    /// - Returns: Its index.
    func pickOther(
        _ request: PickRequest,
        clock: TimeSource,
        where accepts: (ServiceInstance) -> Bool
    ) -> Int? {
        guard self.quick?.takesTurns == true else { return self.pick(request, clock: clock, where: accepts) }
        return self.next(after: request.random.scaled(to: self.instances.count), where: accepts)
    }

    /// Chooses an instance that the caller accepts; `nil` when there is none.
    func pick(
        _ request: PickRequest,
        clock: TimeSource,
        where accepts: (ServiceInstance) -> Bool
    ) -> Int? {
        var request = request
        for attempt in 0..<Self.maximumAttempts {
            request.attempt = attempt
            let index = self.pick(request, clock: clock)
            if accepts(self.instances[index]) { return index }
            request.random = SplitMix64.mix(request.random)
        }
        return self.next(after: self.index(of: request), where: accepts)
    }

    @inline(__always)
    private func index(of request: PickRequest) -> Int {
        let index = self.chooser.pick(request)
        // A balancer of a third party may name an index that is not there.
        return min(max(index, 0), self.instances.count - 1)
    }

    private func passingGates(_ index: Int, _ request: PickRequest, _ clock: TimeSource) -> Int {
        var (index, request) = (index, request)
        for attempt in 1..<Self.maximumAttempts {
            switch self.statistics[index].gate {
            case .open: return index
            case .ramp: if self.isAdmitted(index, request, clock) { return index }
            // Nobody would tell how the trial went.
            case .trial: break
            }
            request.random = SplitMix64.mix(request.random)
            request.attempt = attempt
            index = self.index(of: request)
        }
        return self.next(after: index) { _ in true } ?? index
    }

    /// The first instance from `index` on that the caller accepts: one without a gate if there is.
    private func next(after index: Int, where accepts: (ServiceInstance) -> Bool) -> Int? {
        var gated: Int?
        for offset in self.instances.indices {
            let candidate = (index + offset) % self.instances.count
            guard accepts(self.instances[candidate]) else { continue }
            if self.statistics[candidate].gate == .open { return candidate }
            gated = gated ?? candidate
        }
        return gated
    }

    /// Whether a new instance takes this call, by chance in proportion to its age.
    private func isAdmitted(_ index: Int, _ request: PickRequest, _ clock: TimeSource) -> Bool {
        guard let ramp = self.statistics[index].ramp else { return true }
        let age = ramp.lowerBound.duration(to: clock.now) / ramp.lowerBound.duration(to: ramp.upperBound)
        let chance = Double(SplitMix64.mix(request.random &+ 1) >> 11) * 0x1p-53
        return chance < max(age, Self.leastRamp)
    }
}

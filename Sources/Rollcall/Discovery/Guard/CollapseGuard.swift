/// Decides which instances of one service are kept though the registry has them no more.
struct CollapseGuard: Sendable {
    /// An instance that is kept.
    struct Held: Hashable, Sendable {
        let instance: ServiceInstance
        let reason: DepartureReason
        let since: TimeSource.Instant
        let until: TimeSource.Instant
        /// A call or a probe of it failed since.
        var hasFailed = false
        /// A fresh look at the registry does not show it either.
        var isConfirmedGone = false

        /// Whether nothing speaks for it any more.
        var isRefuted: Bool { self.hasFailed && self.isConfirmedGone }
    }

    private struct Loss {
        let instance: ServiceInstance
        let reason: DepartureReason
        let at: TimeSource.Instant
    }

    /// The fewest instances of which the loss of more than half is distrusted.
    static let fewest = 4

    private let rules: CollapseRules
    private let isOn: Bool
    private var present: [InstanceID: ServiceInstance] = [:]
    /// What was lost within one time-to-live and let go, by the moment of its loss.
    private var losses: [InstanceID: Loss] = [:]
    private(set) var held: [InstanceID: Held] = [:]

    init(_ rules: CollapseRules, for service: ServiceName) {
        self.rules = rules
        self.isOn = rules.cover(service)
    }

    var timeBox: Duration { self.rules.timeBox }

    /// When the next instance has been held long enough.
    var nextRelease: TimeSource.Instant? { self.held.values.map(\.until).min() }

    /// Whether a fresh look at the registry could change anything.
    var isInDoubt: Bool { self.held.values.contains { !$0.isConfirmedGone } }

    /// Takes what the registry says.
    ///
    /// - Parameters:
    ///   - instances: All that it has.
    ///   - departed: Why others are gone, where it knows.
    ///   - now: The moment.
    /// - Returns: Those that leave with that, and why.
    mutating func accept(
        _ instances: [ServiceInstance],
        departed: [InstanceID: DepartureReason],
        at now: TimeSource.Instant
    ) -> [InstanceID: DepartureReason] {
        var left: [InstanceID: DepartureReason] = [:]
        let former = self.present
        self.present = Dictionary(instances.map { ($0.id, $0) }) { first, _ in first }
        self.losses = self.losses.filter { $0.value.at.advanced(by: self.rules.ttl) > now }
        var hasNewLoss = false
        for (id, instance) in former where self.present[id] == nil {
            let reason = Self.reason(departed[id], of: instance)
            left[id] = reason
            guard reason != .deregistered else { continue }
            self.losses[id] = Loss(instance: instance, reason: reason, at: now)
            hasNewLoss = true
        }
        // Nearly always nobody was lost.
        for id in Array(self.losses.keys) where self.present[id] != nil { self.losses[id] = nil }
        for id in Array(self.held.keys) where self.present[id] != nil { self.held[id] = nil }
        for (id, reason) in departed where reason == .deregistered && self.present[id] == nil {
            self.losses[id] = nil
            if self.held.removeValue(forKey: id) != nil { left[id] = reason }
        }
        // Those that leave in good order make nobody doubt what was believed before.
        guard self.isOn, hasNewLoss, self.hasCollapsed else { return left }
        for (id, loss) in self.losses {
            let end = now.advanced(by: self.rules.timeBox)
            self.held[id] = Held(instance: loss.instance, reason: loss.reason, since: now, until: end)
            left[id] = nil
        }
        self.losses = [:]
        return left
    }

    /// Takes what a fresh look at the registry shows, past all caches.
    ///
    /// - Returns: Those that leave with that, and why.
    mutating func confirm(_ instances: [ServiceInstance]) -> [InstanceID: DepartureReason] {
        let shown = Set(instances.map(\.id))
        for id in self.held.keys { self.held[id]?.isConfirmedGone = !shown.contains(id) }
        return self.release { $0.isRefuted }
    }

    /// Takes note that a call or a probe of an instance failed.
    ///
    /// - Returns: Those that leave with that, and why.
    mutating func noteFailure(of id: InstanceID) -> [InstanceID: DepartureReason] {
        guard self.held[id] != nil else { return [:] }
        self.held[id]?.hasFailed = true
        return self.release { $0.isRefuted }
    }

    /// Lets those go that were held long enough.
    ///
    /// - Returns: Those that leave with that, and why.
    mutating func release(at now: TimeSource.Instant) -> [InstanceID: DepartureReason] {
        self.release { $0.until <= now }
    }

    private mutating func release(_ isOver: (Held) -> Bool) -> [InstanceID: DepartureReason] {
        let over = self.held.filter { isOver($0.value) }
        for id in over.keys { self.held[id] = nil }
        return over.mapValues(\.reason)
    }

    /// Whether so much was lost lately that it is not believed.
    private var hasCollapsed: Bool {
        let missing = self.losses.count + self.held.count
        guard missing > 0 else { return false }
        let all = missing + self.present.count
        return self.present.isEmpty || all >= Self.fewest && missing * 2 > all
    }

    /// Why an instance is gone: one that was in maintenance last left in good order, if nothing else is known.
    private static func reason(_ reason: DepartureReason?, of instance: ServiceInstance) -> DepartureReason {
        switch reason {
        case .deregistered?, .expired?: reason ?? .unknown
        case .unknown?, nil: instance.status == .maintenance ? .deregistered : .unknown
        }
    }
}

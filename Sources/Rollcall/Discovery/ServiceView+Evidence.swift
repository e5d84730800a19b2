import Synchronization

/// What calls, probes and time tell of the instances.
extension ServiceView {
    /// Takes note of how a call went.
    func note(_ consequence: CallConsequence, of instance: ServiceInstance, _ statistics: InstanceStatistics) {
        switch consequence {
        case .none: return
        case .failed: self.noteFailure(of: instance)
        case .ejection:
            self.noteFailure(of: instance)
            self.eject(instance, statistics)
        case .returns:
            self.log(.info, "\(self.service): \(instance.id) answers again, and gets its share of calls")
            self.change { _, _ in [:] }
        }
    }

    /// Takes what a probe found.
    func accept(_ report: ProbeReport) {
        if report.failures > 0 { self.noteFailure(of: report.id) }
        let statistics = self.state.withLock { $0.statistics[report.id] }
        // A probe that passed after the time of an ejection was over is as good as a call.
        let isBack =
            report.verdict == .passing
            && statistics?.withOutliers { outliers -> Bool in
                if case .trial(let since) = outliers.phase, since <= report.checkedAt { return outliers.admit() }
                return false
            } == true
        self.change { state, _ in
            guard state.statistics[report.id] != nil else { return nil }
            let former = state.probes.updateValue(report, forKey: report.id)
            return isBack || (former?.verdict == .failing) != (report.verdict == .failing) ? [:] : nil
        }
    }

    /// Takes a look at the registry that went past all caches.
    ///
    /// - Parameters:
    ///   - read: What it shows.
    ///   - deliveries: How much the watch had delivered when the look began.
    /// - Returns: Whether it showed something that the watch had not told.
    func confirm(_ read: ServiceSnapshot, since deliveries: UInt64) -> Bool {
        var wasWrong = false
        self.change { state, now in
            // The watch told something meanwhile, which may be newer.
            guard state.deliveries == deliveries else { return nil }
            var left = state.guardian.confirm(read.instances)
            if state.delivered?.instances != read.instances, state.delivered?.freshness == .live {
                wasWrong = true
                left.merge(Self.believe(read, &state, at: now)) { $1 }
                state.delivered = read
                return left
            }
            return left.isEmpty ? nil : left
        }
        return wasWrong
    }

    /// Takes what the registry says to the guard.
    ///
    /// - Returns: Those that leave with that, and why.
    static func believe(
        _ said: ServiceSnapshot,
        _ state: inout State,
        at now: TimeSource.Instant
    ) -> [InstanceID: DepartureReason] {
        var left = state.guardian.accept(said.instances, departed: said.departed, at: now)
        // What failed before tells of its end no second time.
        for (id, held) in state.guardian.held {
            let statistics = state.statistics[id]
            let isEjected = statistics?.isEjected == true && statistics?.endpoints == held.instance.endpoints
            guard isEjected || state.probes[id]?.failures ?? 0 > 0 else { continue }
            left.merge(state.guardian.noteFailure(of: id)) { $1 }
        }
        return left
    }

    /// Replaces the local instances.
    func setLocal(_ local: LocalInstances) {
        self.change { state, _ in
            guard state.local != local else { return nil }
            let gone = state.local.instances.map { ($0.id, DepartureReason.deregistered) }
            state.local = local
            return Dictionary(gone) { first, _ in first }
        }
    }

    /// Does what is due.
    func settle() {
        self.change { state, now in
            let left = state.guardian.release(at: now)
            var hasChanged = !left.isEmpty
            if let due = state.fallback?.due, due <= now, self.showFallback(&state, at: now) { hasChanged = true }
            for statistics in state.statistics.values {
                if statistics.withOutliers({ $0.beginTrial(at: now) }) { hasChanged = true }
                if let ramp = statistics.ramp, statistics.gate == .ramp, ramp.upperBound <= now {
                    statistics.openGate()
                    hasChanged = true
                }
            }
            return hasChanged ? left : nil
        }
    }

    /// When something is due that ``settle()`` does.
    var nextDue: TimeSource.Instant? {
        self.state.withLock { state in
            var due = state.guardian.nextRelease
            if state.delivered == nil, !state.isFallbackShown, let fallback = state.fallback?.due {
                due = min(due ?? fallback, fallback)
            }
            for statistics in state.statistics.values {
                guard let next = statistics.nextDue else { continue }
                due = min(due ?? next, next)
            }
            return due
        }
    }

    /// Takes note that a call to an instance failed, which at another address says nothing of one that is held.
    private func noteFailure(of instance: ServiceInstance) {
        let held = self.state.withLock { $0.guardian.held[instance.id]?.instance }
        guard let held, held.endpoints == instance.endpoints else { return }
        self.noteFailure(of: instance.id)
    }

    private func noteFailure(of id: InstanceID) {
        // Nearly always nobody is held.
        guard self.state.withLock({ $0.guardian.held[id] != nil }) else { return }
        self.change { state, _ in
            let left = state.guardian.noteFailure(of: id)
            return left.isEmpty ? nil : left
        }
    }

    private func eject(_ instance: ServiceInstance, _ statistics: InstanceStatistics) {
        guard let rules = self.rules.outliers else { return }
        var until: TimeSource.Instant?
        self.change { state, now in
            // Others that failed at the same time may have had it left out already.
            guard state.statistics[instance.id] === statistics, !statistics.isEjected else { return nil }
            let ejected = state.statistics.values.count { $0.isEjected }
            guard ejected < rules.allowance(of: state.statistics.count) else { return nil }
            until = statistics.withOutliers { $0.eject(at: now, rules) }
            return [:]
        }
        guard let until else { return }
        self.counters.ejections.wrappingAdd(1, ordering: .relaxed)
        let time = self.clock.now.duration(to: until)
        self.log(.warning, "\(self.service): calls to \(instance.id) fail; it is left out for \(time.text)")
    }
}

/// Looks at the registry past the watch.
extension ServiceView {
    /// When the registry should be asked whether those that are held are gone; `nil` while nobody is.
    var nextLook: TimeSource.Instant? {
        self.state.withLock { state in
            guard state.guardian.isInDoubt else { return nil }
            // Four times within the time box, the first time at once: at a moment that is over for every reader of the clock.
            return state.lastLook?.advanced(by: state.guardian.timeBox / 4) ?? TimeSource.Instant(elapsed: .zero)
        }
    }

    /// Notes that a look begins.
    ///
    /// - Returns: What ``confirm(_:since:)`` must be given.
    func beginLook() -> UInt64 {
        self.state.withLock { state in
            state.lastLook = self.clock.now
            return state.deliveries
        }
    }
}

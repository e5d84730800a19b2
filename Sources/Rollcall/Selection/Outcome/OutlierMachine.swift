/// What calls tell of one instance: whether it is to be left out, and when it is tried again.
///
/// Admitted → (failures in a row) → ejected → (time) → trial → admitted, or ejected for longer.
struct OutlierMachine: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        case admitted
        /// Left out since a moment, until another.
        case ejected(since: TimeSource.Instant, until: TimeSource.Instant)
        /// Tried by one call at a time, from a moment on.
        case trial(since: TimeSource.Instant)
    }

    private(set) var phase = Phase.admitted
    /// Failures in a row.
    private(set) var failures = 0
    /// How often in a row it was left out.
    private(set) var ejections = 0
    private(set) var lastFailure: TimeSource.Instant?
    /// How many trials there were, so that a call of a former one is told from that of this one.
    private(set) var trials = 0
    private var hasTrialCall = false

    /// Notes a call that went well.
    ///
    /// - Parameter wasTrial: Whether it was the call of a trial.
    /// - Returns: Whether the instance comes back with that.
    mutating func noteSuccess(wasTrial: Bool) -> Bool {
        self.failures = 0
        if wasTrial { self.hasTrialCall = false }
        guard case .trial = self.phase else {
            // A call that began before the ejection and went well says less than those that made it.
            if self.phase == .admitted { self.ejections = 0 }
            return false
        }
        guard wasTrial else { return false }
        self.phase = .admitted
        return true
    }

    /// Notes a call that failed.
    ///
    /// - Returns: Whether the instance should be left out.
    mutating func noteFailure(
        wasTrial: Bool,
        at now: TimeSource.Instant,
        _ rules: OutlierDetection
    ) -> Bool {
        self.failures += 1
        self.lastFailure = now
        if wasTrial { self.hasTrialCall = false }
        switch self.phase {
        case .admitted: return self.failures >= rules.consecutiveFailures
        case .ejected: return false
        case .trial: return wasTrial
        }
    }

    /// Ends a call of which nothing was learned.
    mutating func noteNothing(wasTrial: Bool) {
        if wasTrial { self.hasTrialCall = false }
    }

    /// Leaves the instance out.
    ///
    /// - Returns: Until when.
    mutating func eject(at now: TimeSource.Instant, _ rules: OutlierDetection) -> TimeSource.Instant {
        self.ejections += 1
        self.failures = 0
        let end = now.advanced(by: rules.time(self.ejections))
        self.phase = .ejected(since: now, until: end)
        return end
    }

    /// Begins the trial of an instance whose time is over.
    ///
    /// - Returns: Whether that is so now.
    mutating func beginTrial(at now: TimeSource.Instant) -> Bool {
        guard case .ejected(_, let until) = self.phase, until <= now else { return false }
        self.phase = .trial(since: now)
        self.trials += 1
        self.hasTrialCall = false
        return true
    }

    /// Takes the one call that a trial allows at a time.
    ///
    /// - Returns: Whether the caller has it, and must note how it ended.
    mutating func takeTrialCall() -> Bool {
        guard case .trial = self.phase, !self.hasTrialCall else { return false }
        self.hasTrialCall = true
        return true
    }

    /// Takes the instance back for a reason of another kind, such as a probe that passed.
    ///
    /// - Returns: Whether that changes anything.
    mutating func admit() -> Bool {
        guard self.phase != .admitted else { return false }
        self.phase = .admitted
        self.failures = 0
        return true
    }
}

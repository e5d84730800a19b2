import Rollcall

/// What the end of a check changed about an endpoint.
private struct Change {
    let startedAt: TimeSource.Instant
    let wasNew: Bool
    let needsExpiry: Bool
    let isNews: Bool
}

extension ProbeTable {
    /// Takes note of how a check ended.
    ///
    /// The outcome is dropped when the endpoint left meanwhile.
    mutating func finish(_ token: ProbeToken, _ outcome: ProbeOutcome, at now: TimeSource.Instant) {
        let rules = self.rules
        let change = self.schedule.update(token) { probe -> Change in
            let (before, wasNew) = (probe.health, probe.isNew)
            probe.isNew = false
            switch outcome {
            case .passed: probe.health.pass(at: now, rules: rules)
            case .failed: probe.health.fail(at: now, rules: rules)
            case .inconclusive: break
            }
            return Change(
                startedAt: probe.startedAt,
                wasNew: wasNew,
                needsExpiry: probe.expiry == nil && probe.health.checkedAt != nil,
                isNews: probe.health.verdict != before.verdict || probe.health.failures != before.failures
            )
        }
        guard let change else { return }
        let next = change.startedAt.advanced(by: self.pause(isFirst: change.wasNew))
        self.schedule.finished(token, next: max(next, now))
        if change.wasNew { self.newCount -= 1 }
        if change.needsExpiry {
            let expiry = self.expiries.insert(token, due: now.advanced(by: rules.maximumAge))
            _ = self.schedule.update(token) { $0.expiry = expiry }
        }
        // Most checks pass as the one before did.
        guard change.isNews, let probe = self.schedule[token] else { return }
        self.revise(probe.place, probe.id, at: now, outcome.message)
    }

    /// Forgets what was found out too long ago.
    mutating func expire(at now: TimeSource.Instant) {
        while let expiry = self.expiries.due(at: now), let token = self.expiries[expiry] {
            guard let probe = self.schedule[token], let checkedAt = probe.health.checkedAt else {
                self.expiries.remove(expiry)
                continue
            }
            let end = checkedAt.advanced(by: self.rules.maximumAge)
            guard end <= now else {
                // It was checked again since.
                self.expiries.finished(expiry, next: end)
                continue
            }
            self.expiries.remove(expiry)
            _ = self.schedule.update(token) { probe in
                probe.health = EndpointHealth()
                probe.expiry = nil
            }
            let message = "nothing was found out for \(self.rules.maximumAge.text)"
            self.revise(probe.place, probe.id, at: now, message)
        }
    }

    /// The time between the starts of two checks.
    private mutating func pause(isFirst: Bool) -> Duration {
        let (interval, jitter) = (self.rules.interval, self.rules.jitter)
        guard jitter > 0 else { return interval }
        // What came together is spread over a whole interval by its second check.
        let share = (isFirst ? jitter : 1 - jitter)...(1 + jitter)
        return interval * Double.random(in: share, using: &self.generator)
    }

    private mutating func revise(
        _ place: RegistryTable.Place,
        _ id: InstanceID,
        at now: TimeSource.Instant,
        _ message: String
    ) {
        guard var member = self.services[place]?[id] else { return }
        let (verdict, failures) = (member.verdict, member.failures)
        self.revise(&member, place, id, at: now, message)
        guard member.verdict != verdict || member.failures != failures else { return }
        self.services[place]?[id] = member
    }

    /// Draws the verdict on an instance from those on its endpoints, and reports it if it changed.
    mutating func revise(
        _ member: inout Member,
        _ place: RegistryTable.Place,
        _ id: InstanceID,
        at now: TimeSource.Instant,
        _ message: String
    ) {
        var failures = 0
        var verdict = member.probes.isEmpty ? ProbeVerdict.unknown : .passing
        for (_, token) in member.probes {
            guard let health = self.schedule[token]?.health else { continue }
            failures = max(failures, health.failures)
            // One that fails decides; one that is not known stands in the way of passing.
            if health.verdict == .failing || verdict == .passing { verdict = health.verdict }
        }
        let isNews = verdict != member.verdict || (failures > 0) != (member.failures > 0)
        member.verdict = verdict
        member.failures = failures
        guard isNews else { return }
        self.reports.append(
            ProbeReport(
                place: place,
                id: id,
                verdict: verdict,
                failures: failures,
                checkedAt: now,
                message: message
            )
        )
    }
}

import Synchronization

/// All that decides about a service's instances, as it was at one moment.
struct SelectionEvidence: Sendable {
    let service: ServiceName
    let filter: InstanceFilter
    let rules: SelectionRules
    let now: TimeSource.Instant
    let inputs: SelectionInputs?
    let probes: [InstanceID: ProbeReport]
    let held: [InstanceID: CollapseGuard.Held]
    let local: LocalInstances
    /// The error that broke the watch last, until it is well again.
    let error: BackendError?
}

extension ServiceView {
    /// What decides now, with a filter.
    func evidence(_ filter: InstanceFilter) -> SelectionEvidence {
        let now = self.clock.now
        return self.state.withLock { state in
            SelectionEvidence(
                service: self.service,
                filter: filter,
                rules: self.rules,
                now: now,
                inputs: state.inputs,
                probes: state.probes,
                held: state.guardian.held,
                local: state.local,
                error: state.lastError
            )
        }
    }
}

extension SelectionEvidence {
    /// Why each instance is or is not chosen from.
    var report: SelectionReport {
        guard let inputs = self.inputs else {
            let text = self.error.map { "nothing is known yet: \($0)" } ?? "nothing is known yet"
            return SelectionReport(
                service: self.service,
                entries: [],
                remarks: [SelectionReport.Remark(text: text, age: nil)],
                source: nil
            )
        }
        let (pool, isPanic) = inputs.pool(where: self.filter, self.rules)
        let chosen = Set(pool.instances.map(\.id))
        let entries = inputs.snapshot.instances.map { instance in
            let statistics = inputs.statistics[instance.id]
            return SelectionReport.Entry(
                instance: instance,
                isIn: chosen.contains(instance.id),
                remarks: self.remarks(on: instance, statistics),
                outstanding: statistics?.outstanding ?? 0,
                averageLatency: statistics?.averageLatency
            )
        }
        return SelectionReport(
            service: self.service,
            entries: entries,
            remarks: self.remarks(on: inputs.snapshot, isPanic: isPanic),
            source: inputs.snapshot.source
        )
    }

    private func remarks(on snapshot: ServiceSnapshot, isPanic: Bool) -> [SelectionReport.Remark] {
        var remarks: [SelectionReport.Remark] = []
        if case .stale(let since) = snapshot.freshness {
            let reason = self.error.map { ": \($0.shortDescription)" } ?? ""
            let age = since.duration(to: self.now)
            remarks.append(.init(text: "stale: the registry cannot be asked\(reason)", age: age))
        }
        if isPanic {
            remarks.append(.init(text: "too few are left that nothing speaks against: all are chosen from", age: nil))
        }
        return remarks
    }

    private func remarks(
        on instance: ServiceInstance,
        _ statistics: InstanceStatistics?
    ) -> [SelectionReport.Remark] {
        var remarks: [SelectionReport.Remark] = []
        if let objection = self.filter.objection(to: instance) { remarks.append(.init(text: objection, age: nil)) }
        if let probe = self.probes[instance.id], probe.verdict == .failing {
            let age = probe.checkedAt.duration(to: self.now)
            remarks.append(.init(text: "its probes fail: \(probe.message)", age: age))
        }
        if let outlier = self.remark(on: statistics?.outliers.phase) { remarks.append(outlier) }
        if statistics?.gate == .ramp, let ramp = statistics?.ramp {
            let text = "new: it gets its share little by little"
            remarks.append(.init(text: text, age: ramp.lowerBound.duration(to: self.now)))
        }
        if let held = self.held[instance.id] {
            let age = held.since.duration(to: self.now)
            remarks.append(.init(text: "held: the registry says that most of the service is gone", age: age))
        }
        if self.local.instances.contains(instance) { remarks.append(.init(text: "local", age: nil)) }
        return remarks
    }

    /// What calls told may be younger than the evidence.
    private func remark(on phase: OutlierMachine.Phase?) -> SelectionReport.Remark? {
        switch phase {
        case .ejected(let since, let until):
            let rest = self.now.duration(to: until)
            let text = "left out: calls to it failed; tried again in \(max(rest, .zero).text)"
            return .init(text: text, age: max(since.duration(to: self.now), .zero))
        case .trial(let since):
            let text = "left out until now: one call at a time tries whether it is back"
            return .init(text: text, age: max(since.duration(to: self.now), .zero))
        case .admitted, nil: return nil
        }
    }
}

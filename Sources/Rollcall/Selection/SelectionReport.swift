import Synchronization

/// Why each instance of a service is or is not among those that a call may go to.
public struct SelectionReport: Hashable, Sendable {
    /// One instance.
    public struct Entry: Hashable, Sendable {
        /// The instance.
        public let instance: ServiceInstance
        /// Whether calls may go to it now.
        public let isIn: Bool
        /// What speaks against it, or what is special about it; nothing for most.
        public let remarks: [Remark]
        /// How many calls to it are under way.
        public let outstanding: Int
        /// The moving average of how long calls took; `nil` before the first.
        public let averageLatency: Duration?
    }

    /// Something that is to be known of an instance.
    public struct Remark: Hashable, Sendable {
        /// What it is.
        public let text: String
        /// Since how long it is so; `nil` where that is not known.
        public let age: Duration?
    }

    /// The service.
    public let service: ServiceName
    /// All its instances, in order of ids.
    public let entries: [Entry]
    /// What is to be known of the view as a whole: that it is stale, or that all is chosen from for want of better.
    public let remarks: [Remark]
    /// The name of the backend that the view came from; `nil` before the first.
    public let source: String?
}

extension Discovery {
    /// Says why each instance of a service is or is not chosen from now.
    ///
    /// The service is watched from now on; before the first view the report has no entries.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - filter: The filter of the call in question; by default as configured.
    /// - Returns: The report.
    public func explain(_ service: ServiceName, where filter: FilterChoice = .configured) -> SelectionReport {
        self.view(of: service, isLookup: true).report(filter.applied(to: self.configuration.filter))
    }
}

extension ServiceView {
    /// Says why each instance is or is not chosen from with a filter.
    func report(_ filter: InstanceFilter) -> SelectionReport {
        let now = self.clock.now
        let (inputs, probes, held, local, error) = self.state.withLock { state in
            (state.inputs, state.probes, state.guardian.held, state.local, state.lastError)
        }
        guard let inputs else {
            let text = error.map { "nothing is known yet: \($0)" } ?? "nothing is known yet"
            return SelectionReport(
                service: self.service,
                entries: [],
                remarks: [SelectionReport.Remark(text: text, age: nil)],
                source: nil
            )
        }
        let (pool, isPanic) = inputs.pool(where: filter, self.rules)
        let chosen = Set(pool.instances.map(\.id))
        let entries = inputs.snapshot.instances.map { instance in
            let statistics = inputs.statistics[instance.id]
            var remarks = Self.remarks(on: instance, filter, statistics, probes[instance.id], at: now)
            if let held = held[instance.id] {
                let age = held.since.duration(to: now)
                remarks.append(.init(text: "held: the registry says that most of the service is gone", age: age))
            }
            if local.instances.contains(instance) { remarks.append(.init(text: "local", age: nil)) }
            return SelectionReport.Entry(
                instance: instance,
                isIn: chosen.contains(instance.id),
                remarks: remarks,
                outstanding: statistics?.outstanding ?? 0,
                averageLatency: statistics?.averageLatency
            )
        }
        var remarks: [SelectionReport.Remark] = []
        if case .stale(let since) = inputs.snapshot.freshness {
            let reason = error.map { ": \($0.shortDescription)" } ?? ""
            remarks.append(.init(text: "stale: the registry cannot be asked\(reason)", age: since.duration(to: now)))
        }
        if isPanic {
            remarks.append(.init(text: "too few are left that nothing speaks against: all are chosen from", age: nil))
        }
        return SelectionReport(
            service: self.service,
            entries: entries,
            remarks: remarks,
            source: inputs.snapshot.source
        )
    }

    private static func remarks(
        on instance: ServiceInstance,
        _ filter: InstanceFilter,
        _ statistics: InstanceStatistics?,
        _ probe: ProbeReport?,
        at now: TimeSource.Instant
    ) -> [SelectionReport.Remark] {
        var remarks: [SelectionReport.Remark] = []
        if let objection = filter.objection(to: instance) { remarks.append(.init(text: objection, age: nil)) }
        if let probe, probe.verdict == .failing {
            let age = probe.checkedAt.duration(to: now)
            remarks.append(.init(text: "its probes fail: \(probe.message)", age: age))
        }
        switch statistics?.outliers.phase {
        case .ejected(let since, let until)?:
            let rest = now.duration(to: until)
            let text = "left out: calls to it failed; tried again in \(max(rest, .zero).text)"
            remarks.append(.init(text: text, age: since.duration(to: now)))
        case .trial(let since)?:
            let text = "left out until now: one call at a time tries whether it is back"
            remarks.append(.init(text: text, age: since.duration(to: now)))
        case .admitted?, nil: break
        }
        if statistics?.gate == .ramp, let ramp = statistics?.ramp {
            let text = "new: it gets its share little by little"
            remarks.append(.init(text: text, age: ramp.lowerBound.duration(to: now)))
        }
        return remarks
    }
}

import Synchronization

extension ServiceView {
    /// Works out what others are to see, after something that it depends on has changed.
    ///
    /// - Parameters:
    ///   - state: What is known.
    ///   - left: Who left with the change, and why.
    ///   - now: The moment.
    /// - Returns: What tables are made of, and whether observers learn anything; `nil` before anything is known.
    func refresh(
        _ state: inout State,
        left: [InstanceID: DepartureReason],
        at now: TimeSource.Instant
    ) -> (inputs: SelectionInputs, isNews: Bool)? {
        guard let snapshot = self.visible(state, left: left, at: now) else { return nil }
        let isNews = state.current.map { !$0.showsSame(as: snapshot) } ?? true
        let isFirst = state.current == nil
        if isNews {
            state.revision += 1
            state.current = snapshot.renumbered(state.revision, keepsDeparted: !isFirst)
        }
        guard let current = state.current else { return nil }
        self.followInstances(of: current, &state, isFirst: isFirst, at: now)
        let inputs = SelectionInputs(
            snapshot: current,
            statistics: state.statistics,
            failing: Set(state.probes.values.filter { $0.verdict == .failing }.map(\.id))
        )
        state.inputs = inputs
        return (inputs, isNews)
    }

    /// What the registry said, those that are held, and those that are local.
    private func visible(
        _ state: State,
        left: [InstanceID: DepartureReason],
        at now: TimeSource.Instant
    ) -> ServiceSnapshot? {
        guard let base = state.delivered ?? self.fallback(state) ?? self.localBase(state, at: now) else { return nil }
        let held = state.guardian.held
        let instances = state.local.merged(with: base.instances + held.values.map(\.instance))
        // Nearly always nobody left and nobody is held: then nobody need be looked for.
        let ids = left.isEmpty && held.isEmpty ? [] : Set(instances.map(\.id))
        return ServiceSnapshot(
            service: self.service,
            instances: instances,
            revision: 0,
            departed: left.filter { !ids.contains($0.key) },
            freshness: base.freshness,
            source: base.source,
            held: Set(held.keys).intersection(ids)
        )
    }

    /// What local instances stand on before anything else is known; also once they were withdrawn, or else nobody would
    /// learn of that.
    private func localBase(_ state: State, at now: TimeSource.Instant) -> ServiceSnapshot? {
        guard !state.local.instances.isEmpty || state.current != nil else { return nil }
        return ServiceSnapshot(
            service: self.service,
            instances: [],
            revision: 0,
            freshness: state.current?.freshness ?? .stale(since: now),
            source: "local"
        )
    }

    /// What the file says, once that is shown.
    private func fallback(_ state: State) -> ServiceSnapshot? {
        guard state.isFallbackShown, let fallback = state.fallback?.value else { return nil }
        return ServiceSnapshot(
            service: self.service,
            instances: fallback.instances,
            revision: 0,
            freshness: .stale(since: fallback.since),
            source: "file"
        )
    }

    /// Shows what the file says, unless the registry has said something.
    ///
    /// - Returns: Whether it is shown from now on.
    func showFallback(_ state: inout State, at now: TimeSource.Instant) -> Bool {
        guard state.delivered == nil, !state.isFallbackShown, let fallback = state.fallback?.value else { return false }
        state.isFallbackShown = true
        // From here on callers go by it, so that a registry that comes back empty is not believed at once.
        _ = state.guardian.accept(fallback.instances, departed: [:], at: now)
        state.remarks.append(
            "\(self.service): the registry has not answered; \(fallback.instances.count) instances are taken from the disk, "
                + "as they were \(fallback.since.duration(to: now).text) ago"
        )
        return true
    }

    /// Takes what the file says.
    func setFallback(_ fallback: Fallback) {
        let due = self.clock.now.advanced(by: Fallback.patience)
        self.state.withLock { $0.fallback = $0.fallback ?? (fallback, due) }
        self.bell.offer((), for: true)
    }

    /// Keeps what is known of those that are there, forgets the others, and begins with those that are new.
    private func followInstances(
        of snapshot: ServiceSnapshot,
        _ state: inout State,
        isFirst: Bool,
        at now: TimeSource.Instant
    ) {
        let isSame =
            state.statistics.count == snapshot.instances.count
            && snapshot.instances.allSatisfy { state.statistics[$0.id]?.endpoints == $0.endpoints }
        // Who is there and where mostly stays, whatever else changes.
        guard !isSame else { return }
        var statistics: [InstanceID: InstanceStatistics] = [:]
        statistics.reserveCapacity(snapshot.instances.count)
        for instance in snapshot.instances {
            if let known = state.statistics[instance.id], known.endpoints == instance.endpoints {
                statistics[instance.id] = known
                continue
            }
            // What is there when the service is first seen is not new.
            let isRamped = !isFirst && self.rules.slowStart > .zero
            let ramp = isRamped ? now..<now.advanced(by: self.rules.slowStart) : nil
            statistics[instance.id] = InstanceStatistics(endpoints: instance.endpoints, ramp: ramp)
        }
        state.statistics = statistics
        state.probes = state.probes.filter { statistics[$0.key] != nil }
    }
}

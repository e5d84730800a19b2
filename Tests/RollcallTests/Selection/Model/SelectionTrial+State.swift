@testable import Rollcall

/// Whether what callers can see is what the model says.
extension SelectionTrial {
    /// What differs now.
    ///
    /// - Parameter isThorough: Whether what is known of each instance is compared too.
    /// - Returns: What it is, or `nil`.
    /// - Throws: When an instance of the history is not a legal one.
    func difference(isThorough: Bool = true) throws -> String? {
        guard let snapshot = self.view.snapshot else {
            return self.model.visible == nil ? nil : "nothing is known, and \(self.model.visible ?? []) should be"
        }
        let visible = self.model.visible ?? []
        guard try snapshot.instances == visible.map({ try $0.instance }) else {
            return "callers see \(snapshot.instances), not \(visible)"
        }
        let held = Set(self.model.visiblyHeld.map { Plain.ids[$0] })
        guard snapshot.held == held else { return "held are \(snapshot.held), not \(held)" }
        let since = self.model.staleSince.map { TimeSource.Instant(elapsed: .milliseconds($0)) }
        let freshness = since.map { ServiceSnapshot.Freshness.stale(since: $0) } ?? .live
        guard snapshot.freshness == freshness else { return "it is \(snapshot.freshness), not \(freshness)" }
        guard isThorough else { return nil }
        self.noteSights(snapshot)
        return try self.differenceOfStatistics() ?? self.differenceOfReport()
    }

    private func noteSights(_ snapshot: ServiceSnapshot) {
        self.note("held", if: !snapshot.held.isEmpty)
        self.note("held and let go", if: !self.model.held.isEmpty && self.model.held.contains { $0.hasFailed })
        self.note("stale", if: snapshot.freshness != .live)
        self.note("local", if: !self.model.local.plains.isEmpty)
        self.note("ramp", if: self.model.known.values.contains { $0.ramp != nil })
        self.note("ejected", if: self.model.known.values.contains { $0.isEjected })
    }

    private func differenceOfStatistics() throws -> String? {
        let statistics = self.view.inputs?.statistics ?? [:]
        guard statistics.count == self.model.known.count else {
            return "calls told of \(statistics.keys), not of \(self.model.known.keys)"
        }
        for (id, known) in self.model.known {
            let phase = statistics[Plain.ids[id]]?.outliers.phase
            let expected: OutlierMachine.Phase =
                switch known.phase {
                case .admitted: .admitted
                case .ejected(let since, let until): .ejected(since: Self.moment(since), until: Self.moment(until))
                case .trial(let since): .trial(since: Self.moment(since))
                }
            guard phase == expected else { return "\(id) is \(String(describing: phase)), not \(expected)" }
        }
        return nil
    }

    private func differenceOfReport() throws -> String? {
        let report = self.discovery.explain(self.service)
        let pool = self.model.configuredPool
        self.note("panic", if: pool.contains { self.model.known[$0.id]?.isEjected == true })
        let chosenFrom = self.discovery.candidates(of: self.service)
        guard try chosenFrom == pool.map({ try $0.instance }) else {
            return "chosen from are \(chosenFrom), not \(pool)"
        }
        for (entry, plain) in zip(report.entries, self.model.visible ?? []) {
            guard entry.isIn == pool.contains(plain) else { return "the report says \(entry.isIn) of \(plain)" }
            let known = self.model.known[plain.id]
            guard entry.outstanding == known?.outstanding else {
                return "\(entry.outstanding) calls to \(plain) are under way, not \(known?.outstanding ?? 0)"
            }
            let (latency, average) = (entry.averageLatency?.inNanoseconds ?? 0, known?.average ?? 0)
            guard abs(latency - average) <= 2 + average * 1e-6 else {
                return "calls to \(plain) take \(latency) ns, not \(average)"
            }
        }
        return nil
    }

    private static func moment(_ milliseconds: Int) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .milliseconds(milliseconds))
    }
}

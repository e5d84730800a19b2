import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What checks have shown of all instances, and who is to be shown as critical for it.
///
/// Not every verdict changes what everybody sees: one that failed too often in a while is held out for a while more, and
/// of one service at most half turn critical within one interval, as many that fail at once point at the hub's own
/// network.
struct CheckBoard: Sendable {
    typealias Place = RegistryTable.Place

    /// One instance.
    struct Entry: Sendable {
        let registeredAt: Date?
        var verdict = ProbeVerdict.unknown
        /// How many checks in a row failed when it was last told.
        var failures = 0
        /// Since when the verdict holds.
        var since: TimeSource.Instant
        var message = "not checked yet"
        var damping = FlapDamping()
        /// Whether everybody sees it as critical.
        var isOut: Bool

        /// Who it is to be, `true` for critical.
        fileprivate func shouldBeOut(at now: TimeSource.Instant, _ rules: FlapDamping.Rules) -> Bool {
            switch self.verdict {
            case .failing: true
            case .passing: self.isOut && self.damping.end(rules).map { now < $0 } ?? false
            case .unknown: self.isOut
            }
        }
    }

    private struct Service: Sendable {
        var entries: [InstanceID: Entry] = [:]
        /// Those whose verdict may differ from what everybody sees.
        var pending: Set<InstanceID> = []
        /// When the present interval began for the limit, and how many turned critical in it.
        var window = (start: TimeSource.Instant(elapsed: .zero), count: 0)
        /// What those did who left, so that one that comes back at once does not begin anew.
        var former: [InstanceID: FlapDamping] = [:]

        var isEmpty: Bool { self.entries.isEmpty && self.former.isEmpty }
    }

    /// How many there are.
    struct Counts: Hashable, Sendable {
        var instances = 0
        var failing = 0
        var held = 0
        var transitions = 0
    }

    /// Below which penalty an instance that left is forgotten.
    private static let negligible = 0.25
    /// How often those are looked for in all services.
    private static let pruningInterval = Duration.seconds(60)

    private let rules: FlapDamping.Rules
    private let interval: Duration
    private var services: [Place: Service] = [:]
    private var transitions = 0
    private var lastPruning = TimeSource.Instant(elapsed: .zero)

    init(rules: FlapDamping.Rules, interval: Duration) {
        self.rules = rules
        self.interval = interval
    }

    /// Whether something of a service is checked, or was a short while ago.
    func knows(_ place: Place) -> Bool { self.services[place] != nil }

    /// What is known of a service's instances.
    func entries(at place: Place) -> [InstanceID: Entry] { self.services[place]?.entries ?? [:] }

    /// How many there are over all services.
    func counts(at now: TimeSource.Instant) -> Counts {
        var counts = Counts(transitions: self.transitions)
        for service in self.services.values {
            counts.instances += service.entries.count
            for entry in service.entries.values where entry.isOut {
                counts.failing += 1
                if entry.verdict == .passing { counts.held += 1 }
            }
        }
        return counts
    }

    /// Makes `records` all that is checked of a service.
    ///
    /// - Returns: Those whose place another registration has taken.
    mutating func sync(
        _ records: [RegistryTable.Record],
        at place: Place,
        now: TimeSource.Instant
    ) -> Set<InstanceID> {
        var service = self.services.removeValue(forKey: place) ?? Service()
        let known = service.entries
        var replaced: Set<InstanceID> = []
        service.entries = [:]
        for record in records {
            let id = record.own.id
            if var entry = known[id], entry.registeredAt == record.own.registeredAt {
                // What everybody sees may have changed otherwise than by what was decided here.
                if entry.isOut != record.failsChecks {
                    entry.isOut = record.failsChecks
                    service.pending.insert(id)
                }
                service.entries[id] = entry
                continue
            }
            if known[id] != nil { replaced.insert(id) }
            var entry = Entry(registeredAt: record.own.registeredAt, since: now, isOut: record.failsChecks)
            entry.damping = known[id]?.damping ?? service.former[id] ?? entry.damping
            // A process that has just begun has the benefit of the doubt, once.
            entry.damping.letIn()
            service.entries[id] = entry
        }
        for (id, entry) in known where service.entries[id] == nil { service.former[id] = entry.damping }
        service.former = service.former.filter { id, damping in
            service.entries[id] == nil && self.isRemembered(damping, at: now)
        }
        service.pending.formIntersection(service.entries.keys)
        if !service.isEmpty { self.services[place] = service }
        self.prune(at: now)
        return replaced
    }

    /// Forgets those who left long ago, also of services of which no further news may ever come.
    private mutating func prune(at now: TimeSource.Instant) {
        guard self.lastPruning.duration(to: now) >= Self.pruningInterval else { return }
        self.lastPruning = now
        self.services = self.services.compactMapValues { service in
            var service = service
            service.former = service.former.filter { self.isRemembered($0.value, at: now) }
            return service.isEmpty ? nil : service
        }
    }

    private func isRemembered(_ damping: FlapDamping, at now: TimeSource.Instant) -> Bool {
        damping.penalty(at: now, self.rules) >= Self.negligible
    }

    /// Takes note of what the prober says.
    mutating func note(_ report: ProbeReport, at now: TimeSource.Instant) {
        guard var entry = self.services[report.place]?.entries[report.id] else { return }
        if entry.verdict != report.verdict {
            entry.since = now
            // What was failing before the hub started, fails on.
            if report.verdict == .failing, !entry.isOut { entry.damping.fail(at: now, self.rules) }
        }
        entry.verdict = report.verdict
        entry.failures = report.failures
        entry.message = report.message
        self.services[report.place]?.entries[report.id] = entry
        self.services[report.place]?.pending.insert(report.id)
    }
}

extension CheckBoard {
    /// Who is to be shown otherwise than now, and when to ask again.
    ///
    /// ``apply(_:at:)`` must follow for those whom the registry took.
    mutating func decide(
        at now: TimeSource.Instant
    ) -> (results: [Place: [RegistryTable.CheckResult]], next: TimeSource.Instant?) {
        var results: [Place: [RegistryTable.CheckResult]] = [:]
        var next: TimeSource.Instant?
        for place in self.services.keys where self.services[place]?.pending.isEmpty == false {
            let (decided, again) = self.decide(place, at: now)
            if !decided.isEmpty { results[place] = decided }
            if let again { next = min(next ?? again, again) }
        }
        return (results, next)
    }

    private mutating func decide(
        _ place: Place,
        at now: TimeSource.Instant
    ) -> ([RegistryTable.CheckResult], TimeSource.Instant?) {
        guard var service = self.services.removeValue(forKey: place) else { return ([], nil) }
        defer { self.services[place] = service }
        if service.window.start.duration(to: now) >= self.interval { service.window = (now, 0) }
        var results: [RegistryTable.CheckResult] = []
        var next: TimeSource.Instant?
        for id in service.pending.sorted() {
            guard let entry = service.entries[id] else { continue }
            let shouldBeOut = entry.shouldBeOut(at: now, self.rules)
            if shouldBeOut == entry.isOut {
                // One that is held out is let in later, if it still passes then.
                if entry.isOut, entry.verdict == .passing, let end = entry.damping.end(self.rules) {
                    next = min(next ?? end, end)
                } else {
                    service.pending.remove(id)
                }
                continue
            }
            if shouldBeOut {
                guard service.window.count < max(1, service.entries.count / 2) else {
                    let end = service.window.start.advanced(by: self.interval)
                    next = min(next ?? end, end)
                    continue
                }
                service.window.count += 1
            }
            results.append(
                RegistryTable.CheckResult(id: id, registeredAt: entry.registeredAt, fails: shouldBeOut)
            )
        }
        return (results, next)
    }

    /// Takes note that the registry shows instances as was decided.
    mutating func apply(_ results: [RegistryTable.CheckResult], at place: Place) {
        for result in results {
            guard self.services[place]?.entries[result.id]?.registeredAt == result.registeredAt else { continue }
            self.services[place]?.entries[result.id]?.isOut = result.fails
            if !result.fails { self.services[place]?.entries[result.id]?.damping.letIn() }
            self.transitions += 1
        }
    }
}

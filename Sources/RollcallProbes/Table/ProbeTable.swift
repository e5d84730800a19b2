import Rollcall

/// Which endpoints of which instances are checked when, and what that has shown.
///
/// `Target` is what a check of an endpoint is done with; the table makes one for each endpoint and keeps it as long as
/// the endpoint stays.
struct ProbeTable<Target> {
    /// A check to be done; ``ProbeTable/finish(_:_:at:)`` must follow.
    struct Attempt {
        let token: ProbeToken
        let target: Target
    }

    /// One endpoint.
    struct Probe {
        let place: RegistryTable.Place
        let id: InstanceID
        let target: Target
        var health = EndpointHealth()
        /// When the check that is under way began, or the last one did.
        var startedAt: TimeSource.Instant
        /// Whether no check has ended yet.
        var isNew = true
        /// When what is known grows too old.
        var expiry: ProbeToken?
    }

    struct Member {
        /// As the instance lists them, those that are not checked included.
        var endpoints: [Endpoint]
        /// What the instance asks for.
        var wish: String?
        var probes: [(endpoint: Endpoint, token: ProbeToken)] = []
        /// What was last reported, or nothing yet.
        var verdict = ProbeVerdict.unknown
        var failures = 0
    }

    let rules: ProbeRules
    private let makeTarget: (Endpoint, String?) -> Target?
    var services: [RegistryTable.Place: [InstanceID: Member]] = [:]
    var schedule = ProbeSchedule<Probe>()
    var expiries = ProbeSchedule<ProbeToken>()
    var reports: [ProbeReport] = []
    var generator: SplitMix64
    /// The number of endpoints that no check has ended of yet.
    var newCount = 0

    /// Creates an empty table.
    ///
    /// - Parameters:
    ///   - rules: What it goes by.
    ///   - generator: Where jitter comes from.
    ///   - makeTarget: Makes what an endpoint is checked with, given what the instance asks for; `nil` for one that is
    ///     not checked.
    init(
        rules: ProbeRules,
        generator: SplitMix64 = SplitMix64(),
        makeTarget: @escaping (Endpoint, String?) -> Target?
    ) {
        self.rules = rules
        self.generator = generator
        self.makeTarget = makeTarget
    }

    /// The number of endpoints that are checked.
    var count: Int { self.schedule.count }

    /// When there is something to do next, but for reports.
    var next: TimeSource.Instant? {
        guard let check = self.schedule.next else { return self.expiries.next }
        return self.expiries.next.map { min($0, check) } ?? check
    }

    /// Whether a change waits to be reported.
    var hasReports: Bool { !self.reports.isEmpty }

    /// The changes since the last call, in order.
    mutating func takeReports() -> [ProbeReport] {
        guard !self.reports.isEmpty else { return [] }
        defer { self.reports = [] }
        return self.reports
    }

    /// Takes a check that is due; `nil` when none is.
    mutating func takeDue(at now: TimeSource.Instant) -> Attempt? {
        guard let token = self.schedule.due(at: now) else { return nil }
        return self.schedule.update(token) { probe in
            probe.startedAt = now
            return Attempt(token: token, target: probe.target)
        }
    }
}

extension ProbeTable.Attempt: Sendable where Target: Sendable {}

extension ProbeTable {
    /// Makes `instances` all that is checked of a service.
    mutating func track(_ instances: [ServiceInstance], of place: RegistryTable.Place, at now: TimeSource.Instant) {
        var former = self.services[place] ?? [:]
        // The members must stand in one place only, or changing them copies them.
        self.services[place] = nil
        var members: [InstanceID: Member] = [:]
        members.reserveCapacity(instances.count)
        for instance in instances.reversed() where members[instance.id] == nil {
            var member = former.removeValue(forKey: instance.id) ?? Member(endpoints: [])
            let wish = instance.metadata[ProbeConfiguration.Kind.metadataKey]
            if member.endpoints != instance.endpoints || member.wish != wish {
                self.adopt(instance.endpoints, wish, &member, of: place, instance.id, at: now)
            }
            members[instance.id] = member
        }
        for member in former.values {
            for (_, token) in member.probes { self.drop(token) }
        }
        if !members.isEmpty { self.services[place] = members }
        self.reports.removeAll { $0.place == place && members[$0.id] == nil }
    }

    /// Forgets what was found out, and makes every check due as if all had just come.
    mutating func reset(at now: TimeSource.Instant) {
        let services = self.services
        self.services = [:]
        self.schedule = ProbeSchedule()
        self.expiries = ProbeSchedule()
        self.reports = []
        self.newCount = 0
        for (place, members) in services {
            self.services[place] = [:]
            for (id, old) in members {
                var member = Member(endpoints: [])
                self.adopt(old.endpoints, old.wish, &member, of: place, id, at: now)
                self.services[place]?[id] = member
            }
        }
    }

    private mutating func adopt(
        _ endpoints: [Endpoint],
        _ wish: String?,
        _ member: inout Member,
        of place: RegistryTable.Place,
        _ id: InstanceID,
        at now: TimeSource.Instant
    ) {
        let former = member.probes
        // Another check may find something else.
        let isKept = member.wish == wish
        member.endpoints = endpoints
        member.wish = wish
        member.probes = []
        for endpoint in endpoints where !member.probes.contains(where: { $0.endpoint == endpoint }) {
            if isKept, let kept = former.first(where: { $0.endpoint == endpoint }) {
                member.probes.append(kept)
            } else if let target = self.makeTarget(endpoint, wish) {
                let probe = Probe(place: place, id: id, target: target, startedAt: now)
                let token = self.schedule.insert(probe, due: self.firstDue(at: now))
                self.newCount += 1
                member.probes.append((endpoint, token))
            }
        }
        for (endpoint, token) in former where !isKept || !endpoints.contains(endpoint) { self.drop(token) }
        self.revise(&member, place, id, at: now, "the endpoints changed")
    }

    private mutating func drop(_ token: ProbeToken) {
        guard let probe = self.schedule.remove(token) else { return }
        if probe.isNew { self.newCount -= 1 }
        if let expiry = probe.expiry { self.expiries.remove(expiry) }
    }

    /// At once, unless many came at the same time: those are spread, so that not all are hit in the same millisecond.
    private mutating func firstDue(at now: TimeSource.Instant) -> TimeSource.Instant {
        let window = self.rules.interval * self.rules.jitter
        let turn = Duration.microseconds(100) * self.newCount
        guard turn > window else { return now.advanced(by: turn) }
        return now.advanced(by: window * Double.random(in: 0..<1, using: &self.generator))
    }
}

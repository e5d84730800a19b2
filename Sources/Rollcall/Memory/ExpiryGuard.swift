/// Keeps a registry from dropping most of a service at once because of a fault that is its own.
///
/// When more than half of at least four leases of a service end within one time-to-live, each judged by its own, then
/// the network in between is more likely to be at fault than all of their holders. They are kept for twice their
/// time-to-live once more, from 5 s to 30 s, and dropped if nobody has renewed them by then.
package struct ExpiryGuard: Sendable {
    /// What is guarded.
    package struct Rules: Hashable, Sendable {
        /// Services whose leases end when they are due, however many.
        package var exempt: Set<ServiceName>

        /// Creates the rules.
        package init(exempt: Set<ServiceName> = []) {
            self.exempt = exempt
        }
    }

    /// What the guard does now, for those who ask.
    package struct Status: Hashable, Sendable {
        /// The services of which instances are kept, with how many.
        package var held: [RegistryTable.Place: Int] = [:]
        /// How often a service came under the guard.
        package var activations = 0

        /// Creates the status of a guard that did nothing yet.
        package init() {}
    }

    static let fewest = 4

    let rules: Rules
    /// Leases that ended and were let go: until when each counts, by its own time-to-live.
    private var recent: [RegistryTable.Place: [TimeSource.Instant]] = [:]
    private(set) var activations = 0

    /// Creates a guard that has seen nothing yet.
    package init(_ rules: Rules = Rules()) {
        self.rules = rules
    }

    /// How long a lease is kept beyond its time.
    static func grace(_ ttl: Duration) -> Duration { min(max(ttl * 2, .seconds(5)), .seconds(30)) }

    /// Judges leases of one service that are due.
    ///
    /// - Parameters:
    ///   - due: Those that are due and were not kept yet.
    ///   - held: How many are kept beyond their time.
    ///   - all: How many there are, with both.
    ///   - place: The service.
    ///   - now: The time.
    /// - Returns: Whether those that are due are to be kept.
    mutating func keeps(
        _ due: [RegistryTable.Record],
        held: Int,
        all: Int,
        at place: RegistryTable.Place,
        now: TimeSource.Instant
    ) -> Bool {
        let lately = self.recent[place, default: []].filter { $0 > now }
        let lost = lately.count + held + due.count
        let total = lately.count + all
        guard !self.rules.exempt.contains(place.service), total >= Self.fewest, lost * 2 > total else {
            let untils = lately + due.map { now.advanced(by: $0.ttl) }
            self.recent[place] = untils.isEmpty ? nil : untils
            return false
        }
        self.recent[place] = lately.isEmpty ? nil : lately
        if held == 0 { self.activations += 1 }
        return true
    }

    /// Forgets what is too old to count.
    mutating func prune(at now: TimeSource.Instant) {
        for (place, untils) in self.recent where !untils.contains(where: { $0 > now }) { self.recent[place] = nil }
    }
}

extension RegistryTable {
    /// What the guard does now.
    package var guardStatus: ExpiryGuard.Status {
        var status = ExpiryGuard.Status()
        guard let expiryGuard = self.expiryGuard else { return status }
        status.activations = expiryGuard.activations
        // Nothing is held that did not come under the guard.
        guard status.activations > 0 else { return status }
        for place in self.places {
            let count = self.records(at: place).count { $0.isHeld }
            if count > 0 { status.held[place] = count }
        }
        return status
    }
}

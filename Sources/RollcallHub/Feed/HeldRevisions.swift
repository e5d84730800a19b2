import Rollcall

/// Which revision of each service the client of a stream has.
struct HeldRevisions: Sendable {
    /// What a change calls for.
    enum Step: Hashable, Sendable {
        /// Nothing: the client has it.
        case nothing
        /// The change's event: the client has what it starts from.
        case event
        /// A snapshot: the client lacks something before.
        case snapshot
    }

    private var revisions: [ServiceName: UInt64]
    /// Services that the stream names, as opposed to those that only a pattern covers.
    private let named: Set<ServiceName>

    init(_ revisions: [ServiceName: UInt64] = [:], named: Set<ServiceName>) {
        self.revisions = revisions
        self.named = named
    }

    /// What a change calls for.
    func step(to change: HubFeed.ServiceChange, of service: ServiceName) -> Step {
        let known = self.revisions[service]
        if let known, change.to <= known { return .nothing }
        return change.event != nil && known == change.from ? .event : .snapshot
    }

    /// Takes note that the client has a change: it is sent, alone or within a snapshot.
    mutating func note(_ change: HubFeed.ServiceChange, of service: ServiceName) {
        if change.isGone, !self.named.contains(service) {
            // Names that only a pattern covers come from strangers without end: who is gone is forgotten.
            self.revisions[service] = nil
        } else {
            self.revisions[service] = max(change.to, self.revisions[service] ?? 0)
        }
    }

    /// Takes note that the client is sent a snapshot.
    ///
    /// - Returns: False if it has that revision.
    mutating func take(_ revision: UInt64, of service: ServiceName) -> Bool {
        guard self.revisions[service] != revision else { return false }
        self.revisions[service] = revision
        return true
    }
}

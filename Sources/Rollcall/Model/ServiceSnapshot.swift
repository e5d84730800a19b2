/// The complete state of one service at one moment, as one watch saw it.
public struct ServiceSnapshot: Hashable, Sendable {
    /// Whether the backend stands behind the snapshot now.
    public enum Freshness: Hashable, Sendable {
        /// The watch is connected: what is here is what the backend holds.
        case live
        /// The watch lost its backend; this is the last good view, as it was then, by the client's clock.
        case stale(since: TimeSource.Instant)
    }

    /// The service.
    public let service: ServiceName
    /// All its instances whatever their status, in order of their ids; empty when there are none.
    public let instances: [ServiceInstance]
    /// A counter of this watch that rises with every snapshot.
    ///
    /// It means nothing to another watch.
    public let revision: UInt64
    /// Instances that were in the previous snapshot that was delivered and are not in this one, with the reason.
    public let departed: [InstanceID: DepartureReason]
    /// Whether the backend stands behind the snapshot now.
    public var freshness: Freshness
    /// The name of the backend that it came from.
    public let source: String
    /// Which of the instances are not in the registry any more, but kept because too many vanished at once.
    ///
    /// See ``CollapseRules``.
    public let held: Set<InstanceID>

    /// Creates a snapshot.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - instances: Its instances, in any order, each id once.
    ///   - revision: A number above that of the watch's previous snapshot.
    ///   - departed: What left since then.
    ///   - freshness: Whether the backend stands behind it.
    ///   - source: The name of the backend.
    ///   - held: Which of the instances are not in the registry any more.
    public init(
        service: ServiceName,
        instances: [ServiceInstance],
        revision: UInt64,
        departed: [InstanceID: DepartureReason] = [:],
        freshness: Freshness = .live,
        source: String,
        held: Set<InstanceID> = []
    ) {
        self.service = service
        self.instances = instances.sorted { $0.id < $1.id }
        self.revision = revision
        self.departed = departed
        self.freshness = freshness
        self.source = source
        self.held = held
    }

    /// The instance with `id`, or `nil`; found by halving, as instances are in order.
    public subscript(id: InstanceID) -> ServiceInstance? {
        var range = self.instances.indices
        while let first = range.first {
            let middle = first + range.count / 2
            let candidate = self.instances[middle]
            if candidate.id == id { return candidate }
            range = candidate.id < id ? middle + 1..<range.upperBound : first..<middle
        }
        return nil
    }

    /// The same state with another revision, and without what left before its reader came.
    package func renumbered(_ revision: UInt64, keepsDeparted: Bool = true) -> ServiceSnapshot {
        ServiceSnapshot(sorted: self, revision: revision, departed: keepsDeparted ? self.departed : [:])
    }

    /// This snapshot for a reader who never saw `earlier`: what left with either counts, unless it is back.
    package func absorbing(_ earlier: ServiceSnapshot) -> ServiceSnapshot {
        let departed = earlier.departed.merging(self.departed) { _, new in new }
        return ServiceSnapshot(
            sorted: self,
            revision: self.revision,
            departed: departed.filter { self[$0.key] == nil }
        )
    }

    private init(sorted other: ServiceSnapshot, revision: UInt64, departed: [InstanceID: DepartureReason]) {
        self.service = other.service
        self.instances = other.instances
        self.revision = revision
        self.departed = departed
        self.freshness = other.freshness
        self.source = other.source
        self.held = other.held
    }
}

/// Why an instance is no longer registered.
public enum DepartureReason: String, Hashable, Sendable {
    /// Its holder, or somebody allowed to, took it out.
    case deregistered
    /// Its holder stopped renewing: it died, hangs, or cannot reach the backend.
    case expired
    /// The backend does not say.
    case unknown
}

/// How many instances of a service there are, by status.
public struct ServiceSummary: Hashable, Sendable {
    /// The service.
    public let service: ServiceName
    /// The number of instances with each status; a status that none has is absent.
    public let counts: [HealthStatus: Int]

    /// Creates a summary.
    public init(service: ServiceName, counts: [HealthStatus: Int]) {
        self.service = service
        self.counts = counts
    }

    /// The number of instances with `status`.
    public subscript(status: HealthStatus) -> Int { self.counts[status] ?? 0 }
}

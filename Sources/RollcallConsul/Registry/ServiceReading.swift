import Rollcall

/// What Consul tells of one service, put together: pure.
enum ServiceReading {
    /// The records of a service, the last of each id, without those whose lease ran out.
    ///
    /// - Parameters:
    ///   - records: What Consul tells under the name, of which it does not tell case apart.
    ///   - service: The service.
    ///   - layout: How they are written.
    /// - Returns: The records that live, by the ids of their instances.
    static func records(
        _ records: [HealthRecord],
        of service: ServiceName,
        layout: any ConsulLayout
    ) -> [InstanceID: InstanceRecord] {
        var byID: [InstanceID: InstanceRecord] = [:]
        let name = layout.name(of: service)
        let mine = records.filter { $0.service.utf8.elementsEqual(name.utf8) }
        let counts = Dictionary(grouping: mine, by: \.id).mapValues(\.count)
        for record in mine {
            let isQualified = counts[record.id].map { $0 > 1 } ?? false
            guard let found = InstanceRecord(record, service: service, layout: layout, isQualified: isQualified),
                !found.isExpired
            else { continue }
            // Two agents may have a record of one id: the one that was registered last counts.
            if let other = byID[found.instance.id], (other.stamp, other.node) >= (found.stamp, found.node) { continue }
            byID[found.instance.id] = found
        }
        return byID
    }
}

/// What a watch of one service knows: a value, without network or clock.
struct ServiceWatchState {
    /// The service.
    let service: ServiceName
    /// The keys of amendments, by id.
    private let amendmentKey: @Sendable (InstanceID) -> String
    private var records: [InstanceID: InstanceRecord]?
    private var amendments: Amendments?
    private var staleSince: TimeSource.Instant?
    private var delivered: (instances: [InstanceID: ServiceInstance], isLive: Bool)?
    private var revision: UInt64 = 0

    /// Creates the state of a watch that knows nothing.
    init(service: ServiceName, amendmentKey: @escaping @Sendable (InstanceID) -> String) {
        self.service = service
        self.amendmentKey = amendmentKey
    }

    /// Takes what the catalog says.
    mutating func take(_ records: [InstanceID: InstanceRecord]) {
        self.records = records
        self.staleSince = nil
    }

    /// Takes note that the catalog said that nothing changed.
    mutating func confirm() { self.staleSince = nil }

    /// Takes what is laid over the records.
    mutating func take(_ amendments: Amendments) { self.amendments = amendments }

    /// Takes note that the way to the catalog broke.
    mutating func interrupt(at now: TimeSource.Instant) { self.staleSince = self.staleSince ?? now }

    /// The next snapshot; `nil` while something is missing, and when it would tell nothing new.
    mutating func next() -> ServiceSnapshot? {
        guard let records = self.records, let amendments = self.amendments else { return nil }
        let instances = records.mapValues { $0.shown(with: amendments[self.amendmentKey($0.instance.id)]) }
        let isLive = self.staleSince == nil
        if let delivered, delivered.instances == instances, delivered.isLive == isLive { return nil }
        var departed: [InstanceID: DepartureReason] = [:]
        for (id, former) in self.delivered?.instances ?? [:] where instances[id] == nil {
            // Whoever said that he would leave has left.
            departed[id] = former.status == .maintenance ? .deregistered : .unknown
        }
        self.delivered = (instances, isLive)
        self.revision += 1
        return ServiceSnapshot(
            service: self.service,
            instances: Array(instances.values),
            revision: self.revision,
            departed: departed,
            freshness: self.staleSince.map { .stale(since: $0) } ?? .live,
            source: ConsulBackend.name
        )
    }
}

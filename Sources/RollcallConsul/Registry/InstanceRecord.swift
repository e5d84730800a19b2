import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One record of Consul, as Rollcall understands it.
struct InstanceRecord: Hashable {
    /// The node that it belongs to.
    let node: String
    /// Its id on that node.
    let rawID: String
    /// The nonce of its lease; `nil` for what another program registered.
    let nonce: String?
    /// What an amendment is bound to, so that it ends with the record.
    let binding: String
    /// The time-to-live of its lease.
    let ttl: Duration?
    /// Whether nobody renewed its lease in time.
    let isExpired: Bool
    /// Whether the agent of its node is gone, so that nobody looks after the record.
    let isOrphaned: Bool
    /// What the checks say that are not Rollcall's own.
    let checked: HealthStatus
    /// The instance by its holder's account.
    let instance: ServiceInstance

    /// When it was registered, in milliseconds since 1970: of two holders of one id on different agents the last wins.
    var stamp: Int64 { self.instance.registeredAt.flatMap(Timestamp.milliseconds(of:)) ?? 0 }

    /// Reads a record, if it is one of an instance: one without a port is not.
    ///
    /// - Parameters:
    ///   - record: What Consul tells.
    ///   - service: The service that it is of.
    ///   - layout: How it is written.
    ///   - isQualified: Whether the node is part of the id of what another program registered, since several nodes have
    ///     the same one.
    init?(_ record: HealthRecord, service: ServiceName, layout: any ConsulLayout, isQualified: Bool = false) {
        self.node = record.node
        self.rawID = record.id
        self.isOrphaned = record.checks.contains { $0.id == "serfHealth" && $0.status == "critical" }
        let nonce = record.meta[InstanceCodec.leaseKey]
        let leaseCheck = layout.leaseCheck(nonce ?? "", rawID: record.id)
        self.isExpired = record.checks.contains { $0.id == leaseCheck && InstanceCodec.isExpired($0) }
        if let nonce, let instance = Self.own(record, service) {
            self.nonce = nonce
            self.binding = nonce
            self.ttl = record.meta[InstanceCodec.ttlKey].flatMap { try? Duration(text: $0, field: "") }
            self.checked = Self.status(
                of: record.checks.filter { InstanceCodec.speaks($0, of: nonce) }
            )
            self.instance = instance
        } else {
            guard let instance = Self.foreign(record, service, layout, isQualified: isQualified) else { return nil }
            self.nonce = nil
            self.binding = "index-\(record.createIndex)"
            self.ttl = nil
            self.checked = Self.status(of: record.checks)
            self.instance = instance
        }
    }

    /// The instance as it is shown: with what is laid over it, and no better than its checks say.
    ///
    /// - Parameter amendment: What is laid over it.
    /// - Returns: The instance.
    func shown(with amendment: Amendment?) -> ServiceInstance {
        var instance = self.instance
        if let amendment, amendment.binding == self.binding {
            // What does not fit any more since the holder changed the record makes way; status and weight always fit.
            let least = InstanceChange(status: amendment.change.status, weight: amendment.change.weight)
            instance = (try? instance.applying(amendment.change)) ?? (try? instance.applying(least)) ?? instance
        }
        guard self.checked.severity > instance.status.severity else { return instance }
        return (try? instance.applying(InstanceChange(status: self.checked))) ?? instance
    }

    private static func status(of checks: [HealthRecord.Check]) -> HealthStatus {
        var worst = HealthStatus.passing
        for check in checks {
            let isMaintenance = check.id == "_node_maintenance" || check.id.hasPrefix("_service_maintenance")
            let status = isMaintenance ? HealthStatus.maintenance : HealthStatus(stored: check.status)
            if status.severity > worst.severity { worst = status }
        }
        return worst
    }

    /// What Rollcall registered: the JSON in `Meta`.
    private static func own(_ record: HealthRecord, _ service: ServiceName) -> ServiceInstance? {
        guard let json = InstanceCodec.json(in: record.meta) else { return nil }
        return try? ServiceInstance(json: json, service: service)
    }

    /// What another program registered.
    private static func foreign(
        _ record: HealthRecord,
        _ service: ServiceName,
        _ layout: any ConsulLayout,
        isQualified: Bool
    ) -> ServiceInstance? {
        let text = record.meta[InstanceCodec.idKey] ?? (isQualified ? "\(record.id)@\(record.node)" : record.id)
        let endpoints = layout.endpoints(of: record)
        guard let id = try? InstanceID(text), !endpoints.isEmpty else { return nil }
        let version = record.meta["version"].flatMap { try? SemanticVersion($0) }
        let weight = min(max(0, record.weight), ServiceInstance.maximumWeight)
        func make(_ tags: [String], _ metadata: [String: String]) -> ServiceInstance? {
            try? ServiceInstance(
                service: service,
                id: id,
                endpoints: endpoints,
                version: version,
                weight: weight,
                tags: tags,
                metadata: metadata
            )
        }
        let metadata = record.meta.filter { !$0.key.hasPrefix(InstanceCodec.ownKeys) }
        let least = metadata.sorted { $0.key < $1.key }.prefix(ServiceInstance.maximumMetadata)
        // The more the other program wrote, the less of it there is room for; the address always is.
        return make(record.tags, metadata)
            ?? make(
                Array(record.tags.prefix(ServiceInstance.maximumTags)),
                Dictionary(uniqueKeysWithValues: least.map { ($0.key, $0.value) })
            )
            ?? make([], [:])
    }
}

extension HealthStatus {
    /// How much speaks against calling: of two the higher one counts.
    fileprivate var severity: Int {
        switch self {
        case .passing: 0
        case .warning: 1
        case .critical: 2
        case .maintenance: 3
        }
    }
}

import Rollcall

/// The layout of go-service-link: names and ids as they are, the ports in `Meta`, and one check of the usual name.
///
///     {"ID":"web-1","Name":"web","Address":"10.0.0.7","Port":8080,
///      "Meta":{"hostname":"a7","host":"10.0.0.7","http_port":"8080","grpc_port":""},
///      "Check":{"TTL":"11s","DeregisterCriticalServiceAfter":"20s"}}
///
/// Its programs step over the other pairs of `Meta`.
struct GoServiceLinkLayout: ConsulLayout {
    func name(of service: ServiceName) -> String { service.text }

    func service(named name: String) -> ServiceName? { try? ServiceName(name) }

    func rawID(of instance: ServiceInstance) -> String { instance.id.text }

    func rawID(of id: InstanceID, in service: ServiceName) -> String? { id.text }

    func leaseCheck(_ nonce: String, rawID: String) -> String { "service:\(rawID)" }

    /// The same for all who hold an id one after the other: who renews must look first.
    var namesLeases: Bool { false }

    func leaseTimes(_ ttl: Duration) -> (limit: Duration, removal: Duration) { (ttl + .seconds(1), ttl * 2) }

    func place(of instance: ServiceInstance) -> Endpoint {
        instance.endpoints.first { $0.scheme == "http" || $0.scheme == "https" } ?? instance.endpoint
    }

    func pairs(of instance: ServiceInstance) -> [String: String] {
        var pairs = GoServiceLinkPairs(instance).metadata
        pairs["hostname"] = instance.metadata["hostname"] ?? "-"
        return pairs
    }

    func endpoints(of record: HealthRecord) -> [Endpoint] {
        var pairs = GoServiceLinkPairs(metadata: record.meta)
        if pairs.host.isEmpty { pairs.host = record.address.isEmpty ? record.nodeAddress : record.address }
        if pairs.httpPort.isEmpty, pairs.grpcPort.isEmpty { return record.usualEndpoints }
        return (try? pairs.endpoints()) ?? record.usualEndpoints
    }
}

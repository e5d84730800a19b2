import Rollcall

/// The layout of discox: one instance of a service on a host, and the agent's check of it by HTTP.
///
///     {"ID":"web_10.0.0.7","Name":"web","Address":"10.0.0.7","Port":8080,
///      "Check":{"HTTP":"http://10.0.0.7:8080/check","Interval":"2s","Timeout":"2s",
///               "DeregisterCriticalServiceAfter":"30s"}}
///
/// Its programs take all pairs of `Meta` for the attributes of the endpoint. A lease stands beside the check, for which
/// they see the same.
struct DiscoxLayout: ConsulLayout {
    var deregisterAfter = Duration.seconds(60)

    func name(of service: ServiceName) -> String { service.text }

    func service(named name: String) -> ServiceName? { try? ServiceName(name) }

    func rawID(of instance: ServiceInstance) -> String { "\(instance.service)_\(instance.endpoint.host)" }

    func rawID(of id: InstanceID, in service: ServiceName) -> String? { nil }

    func leaseCheck(_ nonce: String, rawID: String) -> String { InstanceCodec.leaseCheck(nonce) }

    func leaseTimes(_ ttl: Duration) -> (limit: Duration, removal: Duration) { (ttl, self.deregisterAfter) }

    func agentCheck(_ configured: ConsulBackend.AgentCheck?) -> ConsulBackend.AgentCheck? {
        configured ?? ConsulBackend.AgentCheck(.http(path: "/check"), interval: .seconds(2), timeout: .seconds(2))
    }

    func agentCheckName(_ nonce: String, rawID: String) -> (id: String, removal: Duration?) {
        ("service:\(rawID)", .seconds(30))
    }
}

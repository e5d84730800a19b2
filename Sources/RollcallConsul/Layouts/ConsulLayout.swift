import Rollcall

/// Where records of instances stand in Consul's catalog and how they are written.
///
/// Whatever the layout, the whole instance stands in pairs of `Meta` that Rollcall's readers look for first.
protocol ConsulLayout: Sendable {
    /// The name of a service in the catalog.
    func name(of service: ServiceName) -> String

    /// The service that a name of the catalog stands for; `nil` for one of something else.
    func service(named name: String) -> ServiceName?

    /// The id of an instance on its agent.
    func rawID(of instance: ServiceInstance) -> String

    /// The id of an instance of which only the id is known; `nil` where that does not tell it.
    func rawID(of id: InstanceID, in service: ServiceName) -> String?

    /// The check that a lease is renewed by.
    ///
    /// - Parameters:
    ///   - nonce: What the lease is told by; empty for a record of another program.
    ///   - rawID: The id of the instance on its agent.
    /// - Returns: The id of the check.
    func leaseCheck(_ nonce: String, rawID: String) -> String

    /// Whether the name of that check tells one lease from the next one of the same id.
    var namesLeases: Bool { get }

    /// The check's time, and after how long of being expired Consul is asked to remove the record.
    func leaseTimes(_ ttl: Duration) -> (limit: Duration, removal: Duration)

    /// The endpoint that stands in `Address` and `Port`.
    func place(of instance: ServiceInstance) -> Endpoint

    /// What stands in `Meta` besides what Rollcall puts there for every layout.
    func pairs(of instance: ServiceInstance) -> [String: String]

    /// The check that the agent is asked to make.
    ///
    /// - Parameter configured: What the configuration says.
    /// - Returns: The check; `nil` for none.
    func agentCheck(_ configured: ConsulBackend.AgentCheck?) -> ConsulBackend.AgentCheck?

    /// The name of that check, and after how long of failing Consul is asked to remove the record, if it is.
    func agentCheckName(_ nonce: String, rawID: String) -> (id: String, removal: Duration?)

    /// The endpoints of a record of another program; none for what is no instance.
    func endpoints(of record: HealthRecord) -> [Endpoint]
}

extension ConsulLayout {
    var namesLeases: Bool { true }

    func place(of instance: ServiceInstance) -> Endpoint { instance.endpoint }

    func pairs(of instance: ServiceInstance) -> [String: String] { [:] }

    func agentCheck(_ configured: ConsulBackend.AgentCheck?) -> ConsulBackend.AgentCheck? { configured }

    func agentCheckName(_ nonce: String, rawID: String) -> (id: String, removal: Duration?) {
        (InstanceCodec.agentCheck(nonce), nil)
    }

    func endpoints(of record: HealthRecord) -> [Endpoint] { record.usualEndpoints }
}

/// Rollcall's own layout: names that keep namespaces apart, and what Consul cannot hold or tell apart escaped.
struct RollcallConsulLayout: ConsulLayout {
    /// The namespace as it stands in names; `nil` where Consul itself keeps namespaces apart.
    var namespace: Namespace?
    var deregisterAfter = Duration.seconds(60)

    func name(of service: ServiceName) -> String { ConsulName.service(service, in: self.namespace) }

    func service(named name: String) -> ServiceName? { ConsulName.service(named: name, in: self.namespace) }

    func rawID(of instance: ServiceInstance) -> String {
        ConsulName.id(instance.service, instance.id, in: self.namespace)
    }

    func rawID(of id: InstanceID, in service: ServiceName) -> String? {
        ConsulName.id(service, id, in: self.namespace)
    }

    /// The lease's nonce is in its name, so that a late renewal of a displaced one finds nothing to renew.
    func leaseCheck(_ nonce: String, rawID: String) -> String { InstanceCodec.leaseCheck(nonce) }

    func leaseTimes(_ ttl: Duration) -> (limit: Duration, removal: Duration) { (ttl, self.deregisterAfter) }
}

import HTTPEngine
import Rollcall

/// Where records of instances stand in etcd and how they are written.
///
/// All keys of a service begin with its prefix, which ends in a separator, so that no other service's do.
protocol EtcdLayout: Sendable {
    /// Before all keys of instances.
    var root: String { get }

    /// Whether a record keeps what others lay over it apart from what its holder wrote.
    var keepsAmendments: Bool { get }

    /// Before the keys of a service's instances, the separator included.
    func prefix(of service: ServiceName) -> String

    /// The key of an instance.
    func key(of instance: ServiceInstance) -> String

    /// The key of an instance of which only the id is known; `nil` where that does not tell it.
    func key(of id: InstanceID, in service: ServiceName) -> String?

    /// The service and the id that a key below ``root`` names; `nil` for a key of something else.
    func names(in key: String) -> (service: ServiceName, id: InstanceID)?

    /// What is stored.
    func encode(_ record: StoredInstance) -> [UInt8]

    /// Reads what is stored.
    ///
    /// - Throws: A ``ValidationError`` that names the field.
    func decode(_ value: [UInt8], service: ServiceName, id: InstanceID) throws(ValidationError) -> StoredInstance
}

/// Rollcall's own layout: `/rollcall/<namespace>/services/<service>/<id>`, each segment percent-encoded.
struct RollcallEtcdLayout: EtcdLayout {
    let root: String
    let keepsAmendments = true

    init(prefix: String, namespace: Namespace) {
        self.root = "/\(prefix)/\(PercentEncoding.encode(namespace.text))/services/"
    }

    func prefix(of service: ServiceName) -> String { "\(self.root)\(PercentEncoding.encode(service.text))/" }

    func key(of instance: ServiceInstance) -> String {
        self.prefix(of: instance.service) + PercentEncoding.encode(instance.id.text)
    }

    func key(of id: InstanceID, in service: ServiceName) -> String? {
        self.prefix(of: service) + PercentEncoding.encode(id.text)
    }

    func names(in key: String) -> (service: ServiceName, id: InstanceID)? {
        guard key.hasPrefix(self.root) else { return nil }
        let parts = key.dropFirst(self.root.count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let service = try? ServiceName(try PercentEncoding.decode(parts[0], field: "")),
            let id = try? InstanceID(try PercentEncoding.decode(parts[1], field: ""))
        else { return nil }
        return (service, id)
    }

    func encode(_ record: StoredInstance) -> [UInt8] { record.json }

    func decode(_ value: [UInt8], service: ServiceName, id: InstanceID) throws(ValidationError) -> StoredInstance {
        try StoredInstance(json: value, service: service, id: id)
    }
}

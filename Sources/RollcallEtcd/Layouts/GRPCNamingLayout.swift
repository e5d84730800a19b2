import Rollcall

/// The layout of etcd's naming for gRPC: `<target>/<id>`, where the target is the service.
///
///     {"Op":0,"Addr":"10.0.0.7:9000","Metadata":{…}}
///
/// The metadata, which its programs hand on as they find it, is the whole instance.
struct GRPCNamingLayout: EtcdLayout {
    private let keys: SegmentedKeys
    let keepsAmendments = true

    init(prefix: String) {
        self.keys = SegmentedKeys(root: RollcallEtcd.root(of: prefix))
    }

    var root: String { self.keys.root }

    func prefix(of service: ServiceName) -> String { self.keys.prefix(of: service) }

    func key(of instance: ServiceInstance) -> String { self.keys.key(of: instance.id, in: instance.service) }

    func key(of id: InstanceID, in service: ServiceName) -> String? { self.keys.key(of: id, in: service) }

    func names(in key: String) -> (service: ServiceName, id: InstanceID)? { self.keys.names(in: key) }

    func encode(_ record: StoredInstance) -> [UInt8] {
        let endpoints = record.visible.endpoints
        let endpoint = endpoints.first { $0.scheme == "grpc" } ?? endpoints.first
        var writer = JSONWriter(capacity: 1024)
        writer.object { writer in
            writer.key("Op")
            writer.integer(0)
            writer.key("Addr")
            writer.string(endpoint?.authority ?? "")
            writer.key("Metadata")
            writer.raw(record.json)
        }
        return writer.bytes
    }

    func decode(_ value: [UInt8], service: ServiceName, id: InstanceID) throws(ValidationError) -> StoredInstance {
        var address = ""
        var metadata: [UInt8] = []
        var reader = JSONReader(value)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "Addr": address = try reader.string()
            case "Metadata": metadata = try reader.raw()
            default: try reader.skip()
            }
        }
        try reader.end()
        if let own = try? StoredInstance(json: metadata, service: service, id: id) { return own }
        let endpoint = try Endpoint("grpc://\(address)")
        return StoredInstance(
            try ServiceInstance(service: service, id: id, endpoints: [endpoint], metadata: Self.pairs(metadata))
        )
    }

    /// The members of an object that are texts.
    private static func pairs(_ json: [UInt8]) -> [String: String] {
        var pairs: [String: String] = [:]
        var reader = JSONReader(json)
        try? reader.object { (reader, name) throws(ValidationError) in
            if try reader.isString() { pairs[name] = try reader.string() } else { try reader.skip() }
        }
        return pairs
    }
}

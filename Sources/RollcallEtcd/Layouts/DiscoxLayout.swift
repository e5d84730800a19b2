import Rollcall

/// The layout of discox: `<prefix>/<service>/<endpoint>`, with a text of the caller's as the value.
///
/// The endpoint is all that tells an instance: the id that others see is `host:port`, and what they see beside it is the
/// text, as the pair `attr` of the metadata. Nothing else of an instance is stored.
struct DiscoxLayout: EtcdLayout {
    static let attribute = "attr"

    let root: String
    let keepsAmendments = false

    init(prefix: String) {
        self.root = RollcallEtcd.root(of: prefix)
    }

    func prefix(of service: ServiceName) -> String { "\(self.root)\(RawSegment.encode(service.text))/" }

    func key(of instance: ServiceInstance) -> String { self.prefix(of: instance.service) + instance.endpoint.authority }

    /// An id is what others see: the endpoint.
    func key(of id: InstanceID, in service: ServiceName) -> String? { self.prefix(of: service) + id.text }

    func names(in key: String) -> (service: ServiceName, id: InstanceID)? {
        guard key.hasPrefix(self.root) else { return nil }
        let rest = key.dropFirst(self.root.count)
        guard let slash = rest.firstIndex(of: "/"), let service = try? ServiceName(RawSegment.decode(rest[..<slash])),
            let id = try? InstanceID(rest[slash...].dropFirst())
        else { return nil }
        return (service, id)
    }

    func encode(_ record: StoredInstance) -> [UInt8] {
        Array((record.visible.metadata[Self.attribute] ?? "").utf8)
    }

    func decode(_ value: [UInt8], service: ServiceName, id: InstanceID) throws(ValidationError) -> StoredInstance {
        // An endpoint may be a URL.
        let endpoint = try Endpoint(id.text.contains("://") ? id.text : "tcp://\(id.text)")
        let attribute = String(decoding: value, as: UTF8.self)
        return StoredInstance(
            try ServiceInstance(
                service: service,
                id: id,
                endpoints: [endpoint],
                metadata: attribute.isEmpty ? [:] : [Self.attribute: attribute]
            )
        )
    }
}

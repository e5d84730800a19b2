import Rollcall

/// An instance as Consul's catalog shows it.
struct CatalogEntry {
    let instance: ServiceInstance
    /// What is shown as the data centre of an instance that names no zone.
    let datacenter: String

    func write(to writer: inout JSONWriter) {
        let endpoint = self.instance.endpoint
        let node = self.instance.metadata["hostname"] ?? endpoint.host
        writer.object { writer in
            Self.write("ID", node, to: &writer)
            Self.write("Node", node, to: &writer)
            Self.write("Address", self.address, to: &writer)
            Self.write("Datacenter", self.instance.zone ?? self.datacenter, to: &writer)
            writer.key("NodeMeta")
            Self.write([:], to: &writer)
            Self.write("ServiceAddress", endpoint.scheme == "unix" ? endpoint.path : endpoint.host, to: &writer)
            Self.write("ServiceID", self.instance.id.text, to: &writer)
            Self.write("ServiceName", self.instance.service.text, to: &writer)
            writer.key("ServicePort")
            writer.integer(endpoint.port)
            writer.key("ServiceMeta")
            Self.write(self.meta, to: &writer)
        }
    }

    /// A numeric address, or nothing: a name is in `ServiceAddress`, and nobody is asked what it stands for.
    private var address: String {
        let host = self.instance.endpoint.host
        if host == "localhost" { return "127.0.0.1" }
        return SocketAddress(host: host, port: 0) == nil ? "" : host
    }

    /// The instance's metadata, and what the catalog's shape has no place for.
    private var meta: [String: String] {
        var meta: [String: String] = [:]
        if let version = self.instance.version { meta["version"] = "\(version)" }
        if !self.instance.tags.isEmpty { meta["tags"] = self.instance.tags.joined(separator: ",") }
        meta.merge(self.instance.metadata) { _, own in own }
        // What callers decide by is not for the metadata to say.
        meta["scheme"] = self.instance.endpoint.scheme
        meta["status"] = self.instance.status.rawValue
        return meta
    }

    private static func write(_ key: String, _ value: String, to writer: inout JSONWriter) {
        writer.key(key)
        writer.string(value)
    }

    private static func write(_ pairs: [String: String], to writer: inout JSONWriter) {
        writer.object { writer in
            for (key, value) in pairs.sorted(by: { $0.key < $1.key }) { Self.write(key, value, to: &writer) }
        }
    }
}

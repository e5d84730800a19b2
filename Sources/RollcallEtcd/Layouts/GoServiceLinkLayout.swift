import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The layout of go-service-link: `/services/<service>/<id>`, with the names of Go's fields in the JSON.
///
///     {"InstanceID":"web-1","Host":"10.0.0.7","HTTPPort":"8080","GRPCPort":"","Metadata":{"http_port":"8080",…},
///      "IsHealthy":true,"LastChecked":"0001-01-01T00:00:00Z","FailedChecks":0,"Rollcall":{…}}
///
/// What its programs have no place for stands in the member `Rollcall`, which they step over.
struct GoServiceLinkLayout: EtcdLayout {
    private static let keys = SegmentedKeys(root: "/services/")
    private static let ownMember = "Rollcall"

    var root: String { Self.keys.root }
    let keepsAmendments = true

    func prefix(of service: ServiceName) -> String { Self.keys.prefix(of: service) }

    func key(of instance: ServiceInstance) -> String { Self.keys.key(of: instance.id, in: instance.service) }

    func key(of id: InstanceID, in service: ServiceName) -> String? { Self.keys.key(of: id, in: service) }

    func names(in key: String) -> (service: ServiceName, id: InstanceID)? { Self.keys.names(in: key) }

    func encode(_ record: StoredInstance) -> [UInt8] {
        let instance = record.visible
        let pairs = GoServiceLinkPairs(instance)
        let metadata = instance.metadata.merging(pairs.metadata) { _, own in own }
        var writer = JSONWriter(capacity: 1024)
        writer.object { writer in
            for (name, value) in [
                ("InstanceID", instance.id.text), ("Host", pairs.host), ("HTTPPort", pairs.httpPort),
                ("GRPCPort", pairs.grpcPort),
            ] {
                writer.key(name)
                writer.string(value)
            }
            writer.key("Metadata")
            writer.object { writer in
                for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
                    writer.key(name)
                    writer.string(value)
                }
            }
            writer.key("IsHealthy")
            writer.boolean(instance.status == .passing || instance.status == .warning)
            writer.key("LastChecked")
            writer.string("0001-01-01T00:00:00Z")
            writer.key("FailedChecks")
            writer.integer(0)
            writer.key(Self.ownMember)
            writer.raw(record.json)
        }
        return writer.bytes
    }

    func decode(_ value: [UInt8], service: ServiceName, id: InstanceID) throws(ValidationError) -> StoredInstance {
        var document = Document()
        var own: [UInt8]?
        var reader = JSONReader(value)
        try reader.object { (reader, name) throws(ValidationError) in
            if name == Self.ownMember { own = try reader.raw() } else { try document.read(name, &reader) }
        }
        try reader.end()
        if let own { return try StoredInstance(json: own, service: service, id: id) }
        return StoredInstance(try document.instance(service, id))
    }

    /// A record that one of its own programs wrote.
    private struct Document {
        var host = ""
        var httpPort = ""
        var grpcPort = ""
        var metadata: [String: String] = [:]

        mutating func read(_ name: String, _ reader: inout JSONReader) throws(ValidationError) {
            if try reader.isNull() { return }
            switch name {
            case "Host": self.host = try reader.string()
            case "HTTPPort": self.httpPort = try reader.string()
            case "GRPCPort": self.grpcPort = try reader.string()
            case "Metadata":
                try reader.object { (reader, key) throws(ValidationError) in self.metadata[key] = try reader.string() }
            default: try reader.skip()
            }
        }

        /// Its ports may stand in the metadata alone (G6), and its health is what each reader finds out for himself.
        func instance(_ service: ServiceName, _ id: InstanceID) throws(ValidationError) -> ServiceInstance {
            var pairs = GoServiceLinkPairs(metadata: self.metadata)
            if !self.host.isEmpty { pairs.host = self.host }
            if !self.httpPort.isEmpty { pairs.httpPort = self.httpPort }
            if !self.grpcPort.isEmpty { pairs.grpcPort = self.grpcPort }
            let endpoints = try pairs.endpoints()
            return try ServiceInstance(service: service, id: id, endpoints: endpoints, metadata: self.metadata)
        }
    }
}

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension SnapshotContents {
    /// The version of the JSON that this code writes.
    private static let schema = 1

    /// The contents as JSON, on one line.
    ///
    /// - Returns: The bytes.
    /// - Throws: A ``ValidationError`` for contents that could not be read again.
    func json() throws(ValidationError) -> [UInt8] {
        guard let writtenAt = Timestamp.milliseconds(of: self.writtenAt) else {
            throw ValidationError(field: "writtenAt", message: "\(self.writtenAt) is not in the years 1 to 9999")
        }
        try self.check()
        var writer = JSONWriter(capacity: 128 + self.services.reduce(0) { $0 + 64 + 512 * $1.instances.count })
        writer.object { writer in
            writer.key("schema")
            writer.integer(Self.schema)
            writer.key("namespace")
            writer.string(self.namespace.text)
            writer.key("backend")
            writer.string(self.backend)
            writer.key("writtenAt")
            writer.string(Timestamp.text(writtenAt))
            writer.key("services")
            writer.array { writer in
                for service in self.services { service.write(to: &writer) }
            }
        }
        return writer.bytes
    }

    /// Reads contents; members that this version does not know are ignored.
    ///
    /// - Parameter json: The JSON.
    /// - Throws: A ``ValidationError``; for the field `schema` when the JSON is of another version.
    init(json: some Collection<UInt8>) throws(ValidationError) {
        var draft = Draft()
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            try draft.read(name, from: &reader)
        }
        try reader.end()
        self = try draft.contents()
        try self.check()
    }

    /// Checks that each service is there once with only its own instances, each once.
    private func check() throws(ValidationError) {
        var names: Set<ServiceName> = []
        for service in self.services {
            guard names.insert(service.name).inserted else {
                throw ValidationError(field: "services", message: "the service '\(service.name)' is there twice")
            }
            var ids: Set<InstanceID> = []
            for instance in service.instances {
                guard instance.service == service.name, ids.insert(instance.id).inserted else {
                    throw ValidationError(
                        field: "services",
                        message: "the instance '\(instance.service)/\(instance.id)' is there twice or under another"
                            + " service, '\(service.name)'"
                    )
                }
            }
        }
    }

    /// The members while they are read.
    private struct Draft {
        var namespace: Namespace?
        var backend: String?
        var writtenAt: Int64?
        var services: [Service]?

        mutating func read(_ name: String, from reader: inout JSONReader) throws(ValidationError) {
            switch name {
            case "schema":
                let schema = try reader.integer()
                guard schema == SnapshotContents.schema else {
                    throw ValidationError(
                        field: "",
                        message:
                            "\(schema) is not a schema that this version reads; it reads \(SnapshotContents.schema)"
                    )
                }
            case "namespace": self.namespace = try reader.name()
            case "backend": self.backend = try reader.string()
            case "writtenAt": self.writtenAt = try Timestamp.parse(try reader.string())
            case "services":
                var services: [Service] = []
                try reader.array { (reader) throws(ValidationError) in
                    services.append(try Service.read(from: &reader))
                }
                self.services = services
            default: try reader.skip()
            }
        }

        func contents() throws(ValidationError) -> SnapshotContents {
            let milliseconds = try present(self.writtenAt, "writtenAt")
            return SnapshotContents(
                namespace: try present(self.namespace, "namespace"),
                backend: try present(self.backend, "backend"),
                writtenAt: Date(timeIntervalSince1970: Double(milliseconds) / 1000),
                services: try present(self.services, "services")
            )
        }
    }
}

extension SnapshotContents.Service {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("service")
            writer.string(self.name.text)
            if let moment = self.asOf.flatMap(Timestamp.milliseconds(of:)) {
                writer.key("asOf")
                writer.string(Timestamp.text(moment))
            }
            writer.key("instances")
            writer.array { writer in
                for instance in self.instances { writer.raw(instance.json) }
            }
        }
    }

    fileprivate static func read(from reader: inout JSONReader) throws(ValidationError) -> Self {
        var name: ServiceName?
        var instances: [ServiceInstance]?
        var asOf: Int64?
        try reader.object { (reader, member) throws(ValidationError) in
            switch member {
            case "service": name = try reader.name()
            case "asOf": asOf = try Timestamp.parse(try reader.string())
            case "instances":
                var list: [ServiceInstance] = []
                try reader.array { (reader) throws(ValidationError) in
                    list.append(try ServiceInstance.read(from: &reader, service: name, id: nil))
                }
                instances = list
            default: try reader.skip()
            }
        }
        return Self(
            name: try present(name, "service"),
            instances: try present(instances, "instances"),
            asOf: asOf.map { Date(timeIntervalSince1970: Double($0) / 1000) }
        )
    }
}

private func present<Value>(_ value: Value?, _ field: String) throws(ValidationError) -> Value {
    guard let value else { throw ValidationError(field: field, message: "is missing") }
    return value
}

package import Rollcall

/// What a service says of itself in the heart-beat protocol: `{"Name","Addr","RequiredServices"}`.
package struct HeartbeatServiceInfo: Hashable, Sendable {
    /// The service's name.
    package var name: ServiceName
    /// Where it listens: `host:port`, which is its identity, too.
    package var address: String
    /// The services that it wants to be told of.
    package var requires: [ServiceName]

    /// Creates a description.
    package init(name: ServiceName, address: String, requires: [ServiceName] = []) {
        self.name = name
        self.address = address
        self.requires = requires
    }

    /// Reads a description.
    ///
    /// - Parameter json: One object; members that are not known are stepped over.
    /// - Throws: A ``ValidationError`` that names the field.
    package init(json: some Collection<UInt8>) throws(ValidationError) {
        var reader = JSONReader(json)
        try self.init(from: &reader)
        try reader.end()
    }

    init(from reader: inout JSONReader) throws(ValidationError) {
        var name: ServiceName?
        var address: String?
        var requires: [ServiceName] = []
        try reader.object { (reader, member) throws(ValidationError) in
            switch member {
            case "Name": name = try ServiceName(try reader.string())
            case "Addr": address = try reader.string()
            case "RequiredServices":
                guard try !reader.isNull() else { return }
                try reader.array { (reader) throws(ValidationError) in
                    requires.append(try ServiceName(try reader.string()))
                }
            default: try reader.skip()
            }
        }
        guard let name else { throw ValidationError(field: "Name", message: "is missing") }
        guard let address, !address.isEmpty else { throw ValidationError(field: "Addr", message: "is missing") }
        self.init(name: name, address: address, requires: requires)
    }

    /// The description as JSON.
    package var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("Name")
            writer.string(self.name.text)
            writer.key("Addr")
            writer.string(self.address)
            writer.key("RequiredServices")
            writer.array { writer in
                for service in self.requires { writer.string(service.text) }
            }
        }
        return writer.bytes
    }

    /// The instance that it describes: its id is its address.
    ///
    /// - Throws: A ``ValidationError`` for an address without host or port.
    package func instance() throws(ValidationError) -> ServiceInstance {
        do throws(ValidationError) {
            return try ServiceInstance(
                service: self.name,
                id: InstanceID(self.address),
                endpoints: [Endpoint("http://" + self.address)],
                requires: self.requires
            )
        } catch {
            throw ValidationError(field: "Addr", message: error.message, limit: error.limit)
        }
    }

    /// Reads what a registry answers to a registration: an object of lists by name; `null` is an empty one.
    static func readAnswer(_ json: some Collection<UInt8>) throws(ValidationError) -> [HeartbeatServiceInfo] {
        var infos: [HeartbeatServiceInfo] = []
        var reader = JSONReader(json)
        try reader.object { (reader, _) throws(ValidationError) in
            guard try !reader.isNull() else { return }
            try reader.array { (reader) throws(ValidationError) in
                infos.append(try HeartbeatServiceInfo(from: &reader))
            }
        }
        try reader.end()
        return infos
    }
}

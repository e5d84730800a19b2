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

    /// Reads a description.
    ///
    /// - Parameter reader: Stands at one object; `null` stands for an empty list there.
    /// - Throws: A ``ValidationError`` that names the field.
    package init(from reader: inout JSONReader) throws(ValidationError) {
        var draft = (name: ServiceName?.none, address: String?.none, requires: [ServiceName]())
        try reader.object { (reader, member) throws(ValidationError) in
            // Go, whose programs send this, does not heed case either.
            switch member.lowercased() {
            case "name": draft.name = try reader.name()
            case "addr": draft.address = try reader.string()
            case "requiredservices":
                guard try !reader.isNull() else { return }
                try reader.array { (reader) throws(ValidationError) in
                    draft.requires.append(try reader.name())
                }
            default: try reader.skip()
            }
        }
        guard let name = draft.name else { throw ValidationError(field: "Name", message: "is missing") }
        guard let address = draft.address, !address.isEmpty else {
            throw ValidationError(field: "Addr", message: "is missing")
        }
        self.init(name: name, address: address, requires: draft.requires)
    }

    /// The description as JSON.
    package var json: [UInt8] {
        var writer = JSONWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    /// Writes the description as a JSON object.
    package func write(to writer: inout JSONWriter) {
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
    }

    /// The instance that it describes: its id is its address.
    ///
    /// - Parameter metadata: What is to be known of it beside.
    /// - Returns: The instance.
    /// - Throws: A ``ValidationError`` for an address that is not `HOST:PORT`, or a description beyond a limit.
    package func instance(metadata: [String: String] = [:]) throws(ValidationError) -> ServiceInstance {
        let (id, endpoint) = try self.place()
        return try ServiceInstance(
            service: self.name,
            id: id,
            endpoints: [endpoint],
            metadata: metadata,
            requires: self.requires
        )
    }

    private func place() throws(ValidationError) -> (InstanceID, Endpoint) {
        do throws(ValidationError) {
            let endpoint = try Endpoint("http://" + self.address)
            guard endpoint.authority == self.address else {
                throw ValidationError(field: "", message: "\(self.address.quotedForDisplay) is not HOST:PORT")
            }
            return (try InstanceID(self.address), endpoint)
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

extension ServiceInstance {
    /// The version of the JSON that this code writes.
    static let schema = 1

    /// The instance as JSON, the same in the hub's API, on the command line and in stored records.
    ///
    /// `version`, `zone` and `registeredAt` are left out when they are `nil`. Pairs of metadata stand in order of
    /// their keys, so that equal instances have equal JSON.
    public var json: [UInt8] {
        var writer = JSONWriter(capacity: 512)
        self.fields.write(to: &writer)
        return writer.bytes
    }

    /// Writes the members of the instance's object.
    func writeMembers(to writer: inout JSONWriter) { self.fields.writeMembers(to: &writer) }

    /// Reads an instance from JSON.
    ///
    /// Fields that this version does not know are ignored.
    ///
    /// - Parameters:
    ///   - json: The JSON of one instance.
    ///   - service: The service it must belong to; the JSON need not name it then.
    ///   - id: The id it must have; the JSON need not name it then.
    /// - Throws: A ``ValidationError`` for JSON that is malformed, has a value of the wrong type, breaks a limit, or
    ///   names another service or id.
    public init(
        json: some Collection<UInt8>,
        service: ServiceName? = nil,
        id: InstanceID? = nil
    ) throws(ValidationError) {
        var reader = JSONReader(json)
        let instance = try Self.read(from: &reader, service: service, id: id)
        try reader.end()
        self = instance
    }

    /// Reads an instance.
    ///
    /// - Parameters:
    ///   - reader: Stands at a JSON object.
    ///   - service: The service it must belong to; the JSON need not name it then.
    ///   - id: The id it must have; the JSON need not name it then.
    ///   - isStored: Whether it was taken before: a status that this version does not know is then one that it should
    ///     not call, and an error where somebody asks for it now.
    /// - Returns: The instance.
    /// - Throws: A ``ValidationError`` that names the field.
    package static func read(
        from reader: inout JSONReader,
        service: ServiceName?,
        id: InstanceID?,
        isStored: Bool = true
    ) throws(ValidationError) -> ServiceInstance {
        var draft = Draft(isStored: isStored)
        try reader.object { (reader, name) throws(ValidationError) in
            try draft.read(name, from: &reader)
        }
        return try ServiceInstance(checking: draft.fields(service: service, id: id))
    }

    /// The fields while they are read; those that have no default are optional.
    private struct Draft {
        let isStored: Bool
        var service: ServiceName?
        var id: InstanceID?
        var endpoints: [Endpoint] = []
        var version: SemanticVersion?
        var zone: String?
        var weight = 1
        var tags: [String] = []
        var metadata: [String: String] = [:]
        var status = HealthStatus.passing
        var requires: [ServiceName] = []
        var registeredAt: Int64?

        init(isStored: Bool) {
            self.isStored = isStored
        }

        mutating func read(_ name: String, from reader: inout JSONReader) throws(ValidationError) {
            // An explicit null is the same as an absent field.
            if try reader.isNull() { return }
            switch name {
            case "schema": try Self.check(schema: try reader.integer())
            case "service": self.service = try reader.name()
            case "id": self.id = try reader.name()
            case "endpoints":
                try reader.array { (reader) throws(ValidationError) in
                    self.endpoints.append(try bare { () throws(ValidationError) in try Endpoint(reader.string()) })
                }
            case "version":
                self.version = try bare { () throws(ValidationError) in try SemanticVersion(reader.string()) }
            case "zone": self.zone = try reader.string()
            case "weight": self.weight = try reader.integer()
            case "tags":
                try reader.array { (reader) throws(ValidationError) in self.tags.append(try reader.string()) }
            case "metadata":
                try reader.object { (reader, key) throws(ValidationError) in
                    self.metadata[key] = try reader.string()
                }
            case "status":
                let text = try reader.string()
                self.status = self.isStored ? HealthStatus(stored: text) : try HealthStatus(wished: text)
            case "requires":
                try reader.array { (reader) throws(ValidationError) in
                    self.requires.append(try reader.name())
                }
            case "registeredAt": self.registeredAt = try Timestamp.parse(try reader.string())
            default: try reader.skip()
            }
        }

        func fields(service: ServiceName?, id: InstanceID?) throws(ValidationError) -> Fields {
            Fields(
                service: try Self.agreed(self.service, service, "service"),
                id: try Self.agreed(self.id, id, "id"),
                endpoints: self.endpoints,
                version: self.version,
                zone: self.zone,
                weight: self.weight,
                tags: self.tags,
                metadata: self.metadata,
                status: self.status,
                requires: self.requires,
                registeredAt: self.registeredAt
            )
        }

        private static func agreed<Kind>(
            _ given: ValidatedName<Kind>?,
            _ expected: ValidatedName<Kind>?,
            _ field: String
        ) throws(ValidationError) -> ValidatedName<Kind> {
            guard let name = given ?? expected else {
                throw ValidationError(field: field, message: "is missing")
            }
            guard name == expected ?? name else {
                throw ValidationError(
                    field: field,
                    message: "'\(name)' is not '\(expected ?? name)', which the address names"
                )
            }
            return name
        }

        private static func check(schema: Int) throws(ValidationError) {
            guard schema == ServiceInstance.schema else {
                throw ValidationError(
                    field: "",
                    message: "\(schema) is not a schema that this version reads; it reads 1"
                )
            }
        }
    }
}

/// Runs `body` and takes the field off its error: the reader of JSON puts the whole path there.
private func bare<Value>(_ body: () throws(ValidationError) -> Value) throws(ValidationError) -> Value {
    do {
        return try body()
    } catch {
        throw ValidationError(field: "", message: error.message, limit: error.limit)
    }
}

extension ServiceInstance.Fields {
    /// Writes the instance as a JSON object.
    func write(to writer: inout JSONWriter) {
        writer.object { writer in self.writeMembers(to: &writer) }
    }

    /// Writes the members of that object.
    func writeMembers(to writer: inout JSONWriter) {
        writer.key("schema")
        writer.integer(ServiceInstance.schema)
        writer.key("service")
        writer.string(self.service.text)
        writer.key("id")
        writer.string(self.id.text)
        writer.key("endpoints")
        writer.array { writer in
            for endpoint in self.endpoints { writer.string(endpoint.description) }
        }
        if let version = self.version {
            writer.key("version")
            writer.string(version.description)
        }
        if let zone = self.zone {
            writer.key("zone")
            writer.string(zone)
        }
        writer.key("weight")
        writer.integer(self.weight)
        self.writeRest(to: &writer)
    }

    private func writeRest(to writer: inout JSONWriter) {
        writer.key("tags")
        writer.array { writer in
            for tag in self.tags { writer.string(tag) }
        }
        writer.key("metadata")
        writer.object { writer in
            for (key, value) in self.metadata.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                writer.key(key)
                writer.string(value)
            }
        }
        writer.key("status")
        writer.string(self.status.rawValue)
        writer.key("requires")
        writer.array { writer in
            for service in self.requires { writer.string(service.text) }
        }
        if let date = self.registeredAt {
            writer.key("registeredAt")
            writer.string(Timestamp.text(date))
        }
    }
}

extension ConfigInstance {
    /// The instance as JSON: `{"id":"web-1","service":"web","zone":"a","version":"1.4.2","metadata":{…}}`.
    package var json: [UInt8] {
        var writer = JSONWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    /// Writes the instance as a JSON object, in which what it does not say is absent.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("id")
            writer.string(self.id.text)
            let texts = [
                ("service", self.service?.text), ("zone", self.zone), ("version", self.version?.description),
            ]
            for case (let key, let text?) in texts {
                writer.key(key)
                writer.string(text)
            }
            guard !self.metadata.isEmpty else { return }
            writer.key("metadata")
            writer.object { writer in
                for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) {
                    writer.key(key)
                    writer.string(value)
                }
            }
        }
    }

    /// Reads a document.
    ///
    /// - Parameter json: The document.
    /// - Throws: A ``ValidationError`` that names the field.
    package init(json: [UInt8]) throws(ValidationError) {
        var reader = JSONReader(json)
        self = try Self.read(from: &reader)
        try reader.end()
    }

    /// Reads an instance.
    ///
    /// - Parameter reader: Stands at a JSON object.
    /// - Returns: The instance.
    /// - Throws: A ``ValidationError`` that names the field.
    package static func read(from reader: inout JSONReader) throws(ValidationError) -> ConfigInstance {
        var id: InstanceID?
        var (service, zone, version) = (ServiceName?.none, String?.none, SemanticVersion?.none)
        var metadata: [String: String] = [:]
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "id": id = try reader.name()
            case "service": service = try reader.name()
            case "zone": zone = try reader.string()
            case "version": version = try SemanticVersion(try reader.string())
            case "metadata":
                try reader.object { (reader, key) throws(ValidationError) in metadata[key] = try reader.string() }
            default: try reader.skip()
            }
        }
        guard let id else { throw ValidationError(field: "id", message: "is missing") }
        guard metadata.count <= ConfigAudience.maximumCount else {
            throw ValidationError(
                field: "metadata",
                message: "has \(metadata.count) members, and at most \(ConfigAudience.maximumCount) are allowed",
                limit: ConfigAudience.maximumCount
            )
        }
        return ConfigInstance(id: id, service: service, zone: zone, version: version, metadata: metadata)
    }
}

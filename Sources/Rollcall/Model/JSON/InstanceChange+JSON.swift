extension InstanceChange {
    /// Writes the change as a JSON object, in which what it leaves alone is absent and `null` removes metadata.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            if let status = self.status {
                writer.key("status")
                writer.string(status.rawValue)
            }
            if let weight = self.weight {
                writer.key("weight")
                writer.integer(weight)
            }
            if let tags = self.tags {
                writer.key("tags")
                writer.array { writer in
                    for tag in tags { writer.string(tag) }
                }
            }
            if !self.metadata.isEmpty {
                writer.key("metadata")
                writer.object { writer in
                    for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) {
                        writer.key(key)
                        if let value { writer.string(value) } else { writer.raw("null".utf8) }
                    }
                }
            }
        }
    }

    /// Reads a change.
    ///
    /// A status that is not known is an error here, because somebody asks for it now.
    ///
    /// - Parameter reader: Stands at a JSON object.
    /// - Returns: The change.
    /// - Throws: A ``ValidationError`` that names the field.
    package static func read(from reader: inout JSONReader) throws(ValidationError) -> InstanceChange {
        var change = InstanceChange()
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "status": change.status = try HealthStatus(wished: try reader.string())
            case "weight": change.weight = try reader.integer()
            case "tags":
                var tags: [String] = []
                try reader.array { (reader) throws(ValidationError) in tags.append(try reader.string()) }
                change.tags = tags
            case "metadata":
                try reader.object { (reader, key) throws(ValidationError) in
                    change.metadata[key] = .some(try reader.isNull() ? nil : try reader.string())
                }
            default: try reader.skip()
            }
        }
        return change
    }
}

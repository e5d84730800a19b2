extension ServiceInstance.Fields {
    /// A size in bytes that the JSON does not pass, at a fraction of the cost of writing it.
    var longestSize: Int {
        // A byte takes six at most, as `\u001f`, and each value comes with quotes, commas and names of fields.
        var size = 320 + (self.service.text.utf8.count + self.id.text.utf8.count + (self.zone?.utf8.count ?? 0)) * 6
        for endpoint in self.endpoints {
            size += 32 + (endpoint.scheme.utf8.count + endpoint.host.utf8.count + endpoint.path.utf8.count) * 6
        }
        // Its text form has at most 128 bytes, none of which is escaped.
        if self.version != nil { size += 128 + 16 }
        for tag in self.tags { size += 8 + tag.utf8.count * 6 }
        for (key, value) in self.metadata { size += 8 + (key.utf8.count + value.utf8.count) * 6 }
        for service in self.requires { size += 8 + service.text.utf8.count * 6 }
        return size
    }

    /// Checks all that the types of the fields do not say already, but the encoded size.
    func check() throws(ValidationError) {
        guard !self.endpoints.isEmpty else {
            throw ValidationError(field: "endpoints", message: "at least one is needed, such as http://10.0.0.7:8080")
        }
        guard (0...ServiceInstance.maximumWeight).contains(self.weight) else {
            throw ValidationError(
                field: "weight",
                message: "\(self.weight) is not from 0 (drained) to \(ServiceInstance.maximumWeight)",
                limit: ServiceInstance.maximumWeight
            )
        }
        if let zone = self.zone { try Self.check(zone, field: "zone") }
        try Self.check(count: self.tags.count, of: "tags", limit: ServiceInstance.maximumTags)
        for (index, tag) in self.tags.enumerated() { try Self.check(tag, field: "tags[\(index)]") }
        try Self.check(count: self.requires.count, of: "requires", limit: ServiceInstance.maximumTags)
        try Self.check(count: self.metadata.count, of: "metadata", limit: ServiceInstance.maximumMetadata)
        for (key, value) in self.metadata {
            try Self.check(key, field: "metadata.\(key.quotedForDisplay.dropFirst().dropLast())")
            guard !value.hasControlCharacter else {
                throw ValidationError(field: "metadata.\(key)", message: "the value contains a control character")
            }
        }
    }

    static func check(count: Int, of field: String, limit: Int) throws(ValidationError) {
        guard count <= limit else {
            throw ValidationError(
                field: field,
                message: "there are \(count), and at most \(limit) are allowed",
                limit: limit
            )
        }
    }

    /// A word: a tag, a zone, a key of metadata.
    static func check(_ text: String, field: String) throws(ValidationError) {
        guard !text.isEmpty, text.utf8.count <= 128 else {
            throw ValidationError(
                field: field,
                message: "must have from 1 to 128 bytes, not \(text.utf8.count)",
                limit: 128
            )
        }
        guard !text.hasControlCharacter else {
            throw ValidationError(field: field, message: "\(text.quotedForDisplay) contains a control character")
        }
    }
}

extension InstanceChange {
    /// Checks the change by itself, as an amendment is kept even where it changes nothing.
    func check() throws(ValidationError) {
        try ServiceInstance.Fields.check(count: self.tags?.count ?? 0, of: "tags", limit: ServiceInstance.maximumTags)
        let limit = ServiceInstance.maximumMetadata
        try ServiceInstance.Fields.check(count: self.metadata.count, of: "metadata", limit: limit)
        for key in self.metadata.keys {
            try ServiceInstance.Fields.check(key, field: "metadata.\(key.quotedForDisplay.dropFirst().dropLast())")
        }
    }
}

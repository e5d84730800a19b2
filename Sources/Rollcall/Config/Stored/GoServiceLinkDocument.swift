/// What programs on go-service-link store under a configuration key: `{"name":…,"version":…,"content":…}`.
package enum GoServiceLinkDocument {
    /// What is stored.
    ///
    /// - Parameter envelope: What to store.
    /// - Returns: The document; `nil` for a content that is no text.
    package static func encode(_ envelope: ConfigEnvelope) -> [UInt8]? {
        guard let text = String(validating: envelope.content.bytes, as: UTF8.self) else { return nil }
        var writer = JSONWriter(capacity: 256 + envelope.content.bytes.count)
        writer.object { writer in
            writer.key("name")
            writer.string(envelope.name)
            writer.key("version")
            writer.integer(envelope.version)
            writer.key("content")
            if envelope.content.format == .json, Self.isJSON(envelope.content.bytes) {
                writer.raw(envelope.content.bytes)
            } else {
                writer.string(text)
            }
            // Its programs step over these.
            writer.key("contentType")
            writer.string(envelope.content.format.mediaType)
            writer.key("write")
            writer.string(envelope.write)
        }
        return writer.bytes
    }

    /// Reads what is stored.
    ///
    /// - Parameter value: The document.
    /// - Returns: `nil` for what is none.
    /// - Throws: A ``ValidationError`` for what cannot be understood.
    package static func decode(_ value: [UInt8]) throws(ValidationError) -> ConfigEnvelope? {
        guard value.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else { return nil }
        var (name, write, type) = ("", "", String?.none)
        var (version, content) = (Int64?.none, ConfigContent?.none)
        var reader = JSONReader(value)
        try reader.object { (reader, member) throws(ValidationError) in
            switch member {
            case "name": name = try reader.string()
            case "version": version = Int64(try reader.integer())
            case "content":
                content =
                    try reader.isString()
                    ? ConfigContent(try reader.string()) : ConfigContent(bytes: try reader.raw(), format: .json)
            case "contentType": type = try reader.string()
            case "write": write = try reader.string()
            default: try reader.skip()
            }
        }
        try reader.end()
        guard let version, var content else { return nil }
        if let type { content.format = try ConfigContent.Format(mediaType: type) }
        var draft = ConfigDraft(content, name: name)
        draft.version = version
        return ConfigEnvelope(draft, version: max(1, version), modifiedAt: nil, write: write)
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        var reader = JSONReader(bytes)
        do throws(ValidationError) {
            try reader.skip()
            try reader.end()
            return true
        } catch {
            return false
        }
    }
}

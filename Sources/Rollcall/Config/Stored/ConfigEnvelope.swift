#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// What is stored under a key of a store that knows bytes alone, such as etcd's or Consul's: a line of JSON that says what
/// the content is, and the content as it is.
///
///     {"schema":1,"kind":"rollcall.config","version":7,"contentType":"application/json","write":"9f…"}
///     {"limit": 10}
///
/// The content stands behind the line, not in it, so that people who look into the store can read it, and so that the
/// room that a content needs does not depend on what it says.
package struct ConfigEnvelope: Hashable, Sendable {
    /// The most bytes that the line may take, with the line feed: a name may be written with six bytes for one.
    package static let maximumHeadBytes = 2560
    private static let schema = 1
    private static let kind = "rollcall.config"
    private static let start = Array(#"{"schema":"#.utf8)

    /// What people call it.
    package var name: String
    /// Orders contents.
    package var version: Int64
    /// What is stored.
    package var content: ConfigContent
    /// When it was written, by its writer's clock.
    package var modifiedAt: Date?
    /// What its writer calls the write, to find out later whether it was carried out.
    package var write: String

    /// Puts a draft into an envelope.
    ///
    /// - Parameters:
    ///   - draft: What is to be stored.
    ///   - version: Its version.
    ///   - modifiedAt: The time, where it is known.
    ///   - write: What the write is called; by default something that no other is.
    package init(
        _ draft: ConfigDraft,
        version: Int64,
        modifiedAt: Date?,
        write: String = RandomText.hexadecimal(words: 2)
    ) {
        self.name = draft.name
        self.version = version
        self.content = draft.content
        self.modifiedAt = modifiedAt
        self.write = write
    }

    /// Takes what is stored.
    ///
    /// - Parameter stored: The bytes; the result is `nil` for a content without an envelope, which some other program wrote.
    /// - Throws: A ``ValidationError`` for an envelope that cannot be understood.
    package init?(stored: [UInt8]) throws(ValidationError) {
        guard let head = Self.head(of: stored) else { return nil }
        var (name, version, format) = ("", Int64?.none, ConfigContent.Format.binary)
        var (schema, write, modifiedAt) = (0, "", Date?.none)
        var reader = JSONReader(head)
        try reader.object { (reader, member) throws(ValidationError) in
            switch member {
            case "schema": schema = try reader.integer()
            case "name": name = try reader.string()
            case "version": version = Int64(try reader.integer())
            case "contentType": format = try ConfigContent.Format(mediaType: try reader.string())
            case "modifiedAt": modifiedAt = Self.date(try Timestamp.parse(try reader.string()))
            case "write": write = try reader.string()
            default: try reader.skip()
            }
        }
        try reader.end()
        guard schema == Self.schema else {
            throw ValidationError(
                field: "schema",
                message: "\(schema) is not \(Self.schema): another version of Rollcall wrote it"
            )
        }
        guard let version, version >= 1 else {
            throw ValidationError(field: "version", message: "is missing or below 1")
        }
        self.name = name
        self.version = version
        self.modifiedAt = modifiedAt
        self.write = write
        self.content = ConfigContent(bytes: Array(stored[(head.endIndex + 1)...]), format: format)
    }

    /// What is stored.
    package var stored: [UInt8] {
        var writer = JSONWriter(capacity: 256 + self.content.bytes.count)
        writer.object { writer in
            writer.key("schema")
            writer.integer(Self.schema)
            writer.key("kind")
            writer.string(Self.kind)
            if !self.name.isEmpty {
                writer.key("name")
                writer.string(self.name)
            }
            writer.key("version")
            writer.integer(self.version)
            writer.key("contentType")
            writer.string(self.content.format.mediaType)
            if let milliseconds = self.modifiedAt.flatMap({ Timestamp.milliseconds(of: $0) }) {
                writer.key("modifiedAt")
                writer.string(Timestamp.text(milliseconds))
            }
            writer.key("write")
            writer.string(self.write)
        }
        return writer.bytes + [UInt8(ascii: "\n")] + self.content.bytes
    }

    /// The entry that it is.
    ///
    /// - Parameters:
    ///   - key: Where it is.
    ///   - revision: The store's own token.
    /// - Returns: The entry.
    package func entry(_ key: ConfigKey, revision: ConfigRevision) -> ConfigEntry {
        ConfigEntry(
            key: key,
            name: self.name,
            version: self.version,
            content: self.content,
            revision: revision,
            modifiedAt: self.modifiedAt
        )
    }

    /// The entry that stored bytes are, with an envelope or without.
    ///
    /// - Parameters:
    ///   - stored: The bytes.
    ///   - key: Where they are.
    ///   - revision: The store's own token.
    ///   - version: What orders contents without an envelope; from 1.
    /// - Returns: The entry.
    /// - Throws: A ``ValidationError`` for an envelope that cannot be understood.
    package static func entry(
        stored: [UInt8],
        at key: ConfigKey,
        revision: ConfigRevision,
        version: Int64
    ) throws(ValidationError) -> ConfigEntry {
        if let envelope = try ConfigEnvelope(stored: stored) { return envelope.entry(key, revision: revision) }
        return self.raw(stored, at: key, revision: revision, version: version)
    }

    /// The entry that bytes without an envelope are: a text where they are one.
    ///
    /// - Parameters:
    ///   - stored: The bytes.
    ///   - key: Where they are.
    ///   - revision: The store's own token.
    ///   - version: What orders such contents; from 1.
    /// - Returns: The entry.
    package static func raw(
        _ stored: [UInt8],
        at key: ConfigKey,
        revision: ConfigRevision,
        version: Int64
    ) -> ConfigEntry {
        let content = ConfigContent(bytes: stored, format: .binary)
        return ConfigEntry(
            key: key,
            version: max(version, 1),
            content: ConfigContent(bytes: stored, format: content.text == nil ? .binary : .plain),
            revision: revision
        )
    }

    /// The line, if there is one.
    private static func head(of stored: [UInt8]) -> ArraySlice<UInt8>? {
        guard stored.starts(with: self.start) else { return nil }
        let head = stored.prefix(self.maximumHeadBytes).prefix { $0 != UInt8(ascii: "\n") }
        guard head.endIndex < stored.count, stored[head.endIndex] == UInt8(ascii: "\n") else { return nil }
        var kind: String?
        var reader = JSONReader(head)
        try? reader.object { (reader, member) throws(ValidationError) in
            if member == "kind" { kind = try reader.string() } else { try reader.skip() }
        }
        return kind == self.kind ? head : nil
    }

    private static func date(_ milliseconds: Int64) -> Date {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}

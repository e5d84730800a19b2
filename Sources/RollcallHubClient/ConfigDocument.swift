import HTTPEngine
import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What the hub says of a key, in answers, lists and events.
struct ConfigDocument {
    private(set) var key: ConfigKey?
    private(set) var version: Int64?
    private(set) var isDeleted = false
    /// Who sees a candidate.
    private(set) var audience: ConfigAudience?
    /// Why what is stored cannot be understood.
    private(set) var fault: String?
    private var name = ""
    private var revision: String?
    private var format = ConfigContent.Format.binary
    private var size = 0
    private var modifiedAt: Date?
    private var bytes: [UInt8]?

    /// Reads a document.
    init(json: [UInt8]) throws(ValidationError) {
        var reader = JSONReader(json)
        try self.init(from: &reader)
        try reader.end()
    }

    /// Reads `{"entries":[…]}` and the like.
    static func list(_ member: String, in json: [UInt8]) throws(ValidationError) -> [ConfigDocument] {
        var documents: [ConfigDocument]?
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == member else { return try reader.skip() }
            var list: [ConfigDocument] = []
            try reader.array { (reader) throws(ValidationError) in list.append(try ConfigDocument(from: &reader)) }
            documents = list
        }
        try reader.end()
        guard let documents else { throw ValidationError(field: member, message: "is missing") }
        return documents
    }

    private init(from reader: inout JSONReader) throws(ValidationError) {
        var document = ConfigDocument()
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "key": document.key = try reader.name()
            case "name": document.name = try reader.string()
            case "version": document.version = Int64(try reader.integer())
            case "revision": document.revision = try reader.string()
            case "contentType": document.format = try ConfigContent.Format(mediaType: try reader.string())
            case "size": document.size = try reader.integer()
            case "modifiedAt": document.modifiedAt = try Self.date(try reader.string())
            case "audience": document.audience = try ConfigAudience.read(from: &reader)
            case "fault": document.fault = try reader.string()
            case "deleted": document.isDeleted = try reader.boolean()
            case "content": document.bytes = Array(try reader.string().utf8)
            case "contentBase64":
                guard let data = Data(base64Encoded: try reader.string()) else {
                    throw ValidationError(field: "", message: "is not Base64")
                }
                document.bytes = Array(data)
            default: try reader.skip()
            }
        }
        self = document
    }

    private init() {}

    /// The entry that it is.
    ///
    /// - Parameters:
    ///   - key: Where it is.
    ///   - content: What is stored, where the document does not say.
    /// - Returns: The entry.
    /// - Throws: A ``ValidationError`` for a document that lacks something.
    func entry(_ key: ConfigKey, content: ConfigContent? = nil) throws(ValidationError) -> ConfigEntry {
        guard let version = self.version, version >= 1 else {
            throw ValidationError(field: "version", message: "is missing or below 1")
        }
        guard let revision = self.revision else { throw ValidationError(field: "revision", message: "is missing") }
        guard let content = content ?? self.bytes.map({ ConfigContent(bytes: $0, format: self.format) }) else {
            throw ValidationError(field: "content", message: "is missing")
        }
        return ConfigEntry(
            key: key,
            name: self.name,
            version: version,
            content: content,
            revision: ConfigRevision(revision),
            modifiedAt: self.modifiedAt
        )
    }

    /// The entry without its content.
    func summary() throws(ValidationError) -> ConfigSummary {
        guard let key = self.key else { throw ValidationError(field: "key", message: "is missing") }
        let entry = try self.entry(key, content: ConfigContent(bytes: [], format: self.format))
        return ConfigSummary(
            key: key,
            name: entry.name,
            version: entry.version,
            revision: entry.revision,
            format: self.format,
            size: self.size,
            modifiedAt: entry.modifiedAt
        )
    }

    /// The document of a batch.
    static func batch(_ changes: [ConfigChange]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("changes")
            writer.array { writer in
                for change in changes { writer.object { writer in Self.write(change, to: &writer) } }
            }
        }
        return writer.bytes
    }

    private static func write(_ change: ConfigChange, to writer: inout JSONWriter) {
        writer.key("key")
        writer.string(change.key.text)
        switch change.expectation {
        case .any: break
        case .absent:
            writer.key("expect")
            writer.string("none")
        case .revision(let revision):
            writer.key("expect")
            writer.string(revision.text)
        }
        switch change.action {
        case .delete:
            writer.key("delete")
            writer.boolean(true)
        case .write(let draft): self.write(draft, to: &writer)
        }
    }

    static func write(_ draft: ConfigDraft, to writer: inout JSONWriter) {
        writer.key("contentType")
        writer.string(draft.content.format.mediaType)
        writer.key("name")
        writer.string(draft.name)
        if let version = draft.version {
            writer.key("version")
            writer.integer(version)
        }
        draft.content.writeMember(to: &writer)
    }

    static func date(_ text: String) throws(ValidationError) -> Date {
        Date(timeIntervalSince1970: Double(try Timestamp.parse(text)) / 1000)
    }
}

extension ConfigEntry {
    /// Reads what the hub answers for a key: the content, and headers that say the rest.
    init(_ key: ConfigKey, head: ResponseHead, body: [UInt8]) throws(ValidationError) {
        let fields = head.fields
        guard let version = fields.first("rollcall-version").flatMap({ Int64($0) }), version >= 1 else {
            throw ValidationError(field: "Rollcall-Version", message: "is missing or no whole number from 1")
        }
        guard let tag = fields.first("etag"), tag.count > 2, tag.first == "\"", tag.last == "\"" else {
            throw ValidationError(field: "ETag", message: "is missing or no revision in quotes")
        }
        let name = try PercentEncoding.decode(Substring(fields.first("rollcall-name") ?? ""), field: "Rollcall-Name")
        let type = fields.first("content-type") ?? ConfigContent.Format.binary.mediaType
        self.init(
            key: key,
            name: name,
            version: version,
            content: ConfigContent(bytes: body, format: try ConfigContent.Format(mediaType: type)),
            revision: ConfigRevision(String(tag.dropFirst().dropLast())),
            modifiedAt: try fields.first("rollcall-modified-at").map { (text) throws(ValidationError) in
                try ConfigDocument.date(text)
            }
        )
    }
}

import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The documents of the API's configuration.
enum ConfigDocuments {
    /// Writes `{"entries":[…]}`.
    static func entries(_ summaries: [ConfigSummary]) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 + summaries.count * 160)
        writer.object { writer in
            writer.key("entries")
            writer.array { writer in
                for summary in summaries {
                    writer.object { writer in summary.writeMembers(to: &writer) }
                }
            }
        }
        return writer.bytes
    }

    /// Writes one of the entries.
    static func summary(_ summary: ConfigSummary) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.object { writer in summary.writeMembers(to: &writer) }
        return writer.bytes
    }

    /// Writes `{"states":[…]}`, newest first.
    static func history(_ items: [ConfigHistoryItem]) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 + items.count * 160)
        writer.object { writer in
            writer.key("states")
            writer.array { writer in
                for item in items {
                    writer.object { writer in
                        item.summary.writeMembers(to: &writer)
                        guard item.isDeletion else { return }
                        writer.key("deleted")
                        writer.boolean(true)
                    }
                }
            }
        }
        return writer.bytes
    }

    /// Writes `{"results":[…]}`: what is stored after each change, or `{"key":…,"deleted":…}`.
    static func items(_ changes: [ConfigChange], _ outcomes: [(entry: ConfigEntry?, isDeleted: Bool)]) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 + outcomes.count * 160)
        writer.object { writer in
            writer.key("results")
            writer.array { writer in
                for (change, outcome) in zip(changes, outcomes) {
                    writer.object { writer in
                        if let entry = outcome.entry { return entry.summary.writeMembers(to: &writer) }
                        writer.key("key")
                        writer.string(change.key.text)
                        writer.key("deleted")
                        writer.boolean(outcome.isDeleted)
                    }
                }
            }
        }
        return writer.bytes
    }

    /// Writes a candidate: its state, its content and who sees it.
    static func candidate(_ candidate: ConfigCandidate) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + candidate.entry.content.bytes.count)
        writer.object { writer in
            candidate.entry.summary.writeMembers(to: &writer)
            writer.key("audience")
            candidate.audience.write(to: &writer)
            candidate.entry.content.writeMember(to: &writer)
        }
        return writer.bytes
    }

    /// Writes what is stored under a key, or that nothing is, as the data of an event.
    static func state(_ entry: ConfigEntry?, of key: ConfigKey) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + (entry?.content.bytes.count ?? 0))
        writer.object { writer in
            guard let entry else {
                writer.key("key")
                writer.string(key.text)
                return
            }
            entry.summary.writeMembers(to: &writer)
            entry.content.writeMember(to: &writer)
        }
        return writer.bytes
    }
}

extension ConfigDocuments {
    /// Writes that what is stored under a key cannot be understood, as the data of an event.
    static func fault(_ fault: String, of key: ConfigKey) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.object { writer in
            writer.key("key")
            writer.string(key.text)
            writer.key("fault")
            writer.string(fault)
        }
        return writer.bytes
    }
}

// What is sent to the API.
extension ConfigDocuments {
    /// The most changes of one batch.
    static let maximumChanges = 1024

    /// Reads `{"changes":[{"key":…,"content":…,"contentType":…,"expect":"17"},{"key":…,"delete":true}]}`.
    ///
    /// `expect` is a revision, or `none` for nothing; without it anything may be stored.
    static func changes(from reader: inout JSONReader) throws(ValidationError) -> [ConfigChange] {
        var changes: [ConfigChange]?
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "changes" else { return try reader.skip() }
            var list: [ConfigChange] = []
            try reader.array { (reader) throws(ValidationError) in
                guard list.count < Self.maximumChanges else {
                    throw ValidationError(
                        field: "",
                        message: "a batch has at most \(Self.maximumChanges) changes",
                        limit: Self.maximumChanges
                    )
                }
                list.append(try Self.change(from: &reader))
            }
            changes = list
        }
        guard let changes, !changes.isEmpty else {
            throw ValidationError(field: "changes", message: "at least one change is expected")
        }
        return changes
    }

    private static func change(from reader: inout JSONReader) throws(ValidationError) -> ConfigChange {
        var key: ConfigKey?
        var draft = DraftFields()
        var (isDeletion, expectation) = (false, ConfigExpectation.any)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "key": key = try reader.name()
            case "delete": isDeletion = try reader.boolean()
            case "expect":
                let text = try reader.string()
                expectation = text == "none" ? .absent : .revision(ConfigRevision(text))
            default: try draft.read(name, from: &reader)
            }
        }
        guard let key else { throw ValidationError(field: "key", message: "is missing") }
        guard !isDeletion else {
            guard draft.content == nil else {
                throw ValidationError(field: "content", message: "a change either stores a content or deletes")
            }
            return ConfigChange(key, .delete, expecting: expectation)
        }
        return ConfigChange(key, .write(try draft.draft()), expecting: expectation)
    }

    /// Reads `{"content":…,"contentType":…,"name":…,"audience":{…}}`.
    static func proposal(
        from reader: inout JSONReader
    ) throws(ValidationError) -> (draft: ConfigDraft, audience: ConfigAudience) {
        var draft = DraftFields()
        var audience: ConfigAudience?
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "audience" else { return try draft.read(name, from: &reader) }
            audience = try ConfigAudience.read(from: &reader)
        }
        guard let audience else {
            throw ValidationError(field: "audience", message: "is missing: which instances see the candidate?")
        }
        return (try draft.draft(), audience)
    }

    /// The members of a document that say what is to be stored.
    private struct DraftFields {
        var content: [UInt8]?
        var isText = true
        var format: ConfigContent.Format?
        var name = ""
        var version: Int64?

        mutating func read(_ member: String, from reader: inout JSONReader) throws(ValidationError) {
            switch member {
            case "content": self.content = Array(try reader.string().utf8)
            case "contentBase64":
                guard let data = Data(base64Encoded: try reader.string()) else {
                    throw ValidationError(field: "", message: "is not Base64 (RFC 4648 section 4)")
                }
                self.content = Array(data)
                self.isText = false
            case "contentType":
                do throws(ValidationError) {
                    self.format = try ConfigContent.Format(mediaType: try reader.string())
                } catch {
                    throw ValidationError(field: "", message: error.message)
                }
            case "name": self.name = try reader.string()
            case "version": self.version = Int64(try reader.integer())
            default: try reader.skip()
            }
        }

        func draft() throws(ValidationError) -> ConfigDraft {
            guard let content = self.content else { throw ValidationError(field: "content", message: "is missing") }
            let format = self.format ?? (self.isText ? .plain : .binary)
            return ConfigDraft(ConfigContent(bytes: content, format: format), name: self.name, version: self.version)
        }
    }
}

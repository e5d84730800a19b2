import HTTPEngine
import Rollcall

/// Where contents stand in etcd and how they are written.
protocol EtcdConfigLayout: Sendable {
    /// The key in etcd of a key, or what all keys that begin with a text begin with.
    func path(_ key: String) -> [UInt8]

    /// The key that a key in etcd stands for; `nil` for one of something else.
    func key(_ path: [UInt8]) -> ConfigKey?

    /// What is stored.
    func encode(_ envelope: ConfigEnvelope) -> [UInt8]

    /// Reads what is stored; `nil` for what has no envelope.
    ///
    /// - Throws: A ``ValidationError`` for what cannot be understood.
    func decode(_ value: [UInt8]) throws(ValidationError) -> ConfigEnvelope?
}

extension EtcdConfigLayout {
    /// What a record holds under a key.
    ///
    /// - Throws: A ``ValidationError`` for what cannot be understood.
    func entry(_ record: EtcdRecord, _ key: ConfigKey) throws(ValidationError) -> ConfigEntry {
        let revision = ConfigRevision("\(record.modRevision)")
        if let envelope = try self.decode(record.value) { return envelope.entry(key, revision: revision) }
        return ConfigEnvelope.raw(record.value, at: key, revision: revision, version: record.version)
    }

    /// The version of what a record holds; that of etcd for what cannot be understood.
    func version(_ record: EtcdRecord, _ key: ConfigKey) -> Int64 {
        (try? self.entry(record, key).version) ?? record.version
    }
}

/// Rollcall's own layout: `/rollcall/<namespace>/config/<key>`, whose slashes stay and whose segments are
/// percent-encoded.
struct RollcallEtcdConfigLayout: EtcdConfigLayout {
    private let root: String

    init(prefix: String, namespace: Namespace) {
        self.root = "/\(prefix)/\(PercentEncoding.encode(namespace.text))/config/"
    }

    func path(_ key: String) -> [UInt8] {
        let segments = key.split(separator: "/", omittingEmptySubsequences: false)
        return Array((self.root + segments.map { PercentEncoding.encode(String($0)) }.joined(separator: "/")).utf8)
    }

    func key(_ path: [UInt8]) -> ConfigKey? {
        let text = String(decoding: path, as: UTF8.self)
        guard text.hasPrefix(self.root) else { return nil }
        return try? ConfigKey(try PercentEncoding.decode(text.dropFirst(self.root.count), field: ""))
    }

    func encode(_ envelope: ConfigEnvelope) -> [UInt8] { envelope.stored }

    func decode(_ value: [UInt8]) throws(ValidationError) -> ConfigEnvelope? { try ConfigEnvelope(stored: value) }
}

/// The layout of go-service-link: keys as they are, with the `/` before them that Rollcall's keys do without, and
/// `{"name":…,"version":…,"content":…}` as the value.
struct GoServiceLinkConfigLayout: EtcdConfigLayout {
    func path(_ key: String) -> [UInt8] { Array("/\(key)".utf8) }

    func key(_ path: [UInt8]) -> ConfigKey? {
        guard path.first == UInt8(ascii: "/"), let text = String(validating: path.dropFirst(), as: UTF8.self) else {
            return nil
        }
        return try? ConfigKey(text)
    }

    func encode(_ envelope: ConfigEnvelope) -> [UInt8] {
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
                writer.string(String(decoding: envelope.content.bytes, as: UTF8.self))
            }
            // Its programs step over these.
            writer.key("contentType")
            writer.string(envelope.content.format.mediaType)
            writer.key("write")
            writer.string(envelope.write)
        }
        return writer.bytes
    }

    func decode(_ value: [UInt8]) throws(ValidationError) -> ConfigEnvelope? {
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

import HTTPEngine
import Rollcall

/// Where contents stand in etcd and how they are written.
protocol EtcdConfigLayout: Sendable {
    /// The key in etcd of a key, or what all keys that begin with a text begin with.
    func path(_ key: String) -> [UInt8]

    /// The key that a key in etcd stands for; `nil` for one of something else.
    func key(_ path: [UInt8]) -> ConfigKey?

    /// What is stored.
    ///
    /// - Throws: `invalidArgument` for a content that has no place there.
    func encode(_ envelope: ConfigEnvelope) throws(BackendError) -> [UInt8]

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
    /// What stands beside configuration: Rollcall's own keys, such as locks, and instances.
    private let others: [[UInt8]]

    init(own prefix: String) {
        self.others = ["/\(prefix)/", "/services/"].map { Array($0.utf8) }
    }

    func path(_ key: String) -> [UInt8] { Array("/\(key)".utf8) }

    func key(_ path: [UInt8]) -> ConfigKey? {
        guard path.first == UInt8(ascii: "/"), !self.others.contains(where: path.starts(with:)),
            let text = String(validating: path.dropFirst(), as: UTF8.self), !Self.isLock(text)
        else { return nil }
        return try? ConfigKey(text)
    }

    func encode(_ envelope: ConfigEnvelope) throws(BackendError) -> [UInt8] {
        guard let value = GoServiceLinkDocument.encode(envelope) else {
            throw BackendError(
                .invalidArgument,
                "content: is no UTF-8, and the layout goServiceLink stores texts alone"
            )
        }
        return value
    }

    /// Whether it is one that waits for the lock of a key: `<key>_lock/<lease in hexadecimal>`, as etcd's clients write it.
    private static func isLock(_ text: String) -> Bool {
        guard let slash = text.lastIndex(of: "/"), text[..<slash].hasSuffix("_lock") else { return false }
        return UInt64(text[text.index(after: slash)...], radix: 16) != nil
    }

    func decode(_ value: [UInt8]) throws(ValidationError) -> ConfigEnvelope? {
        try GoServiceLinkDocument.decode(value)
    }
}

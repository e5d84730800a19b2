import HTTPEngine
import Rollcall

/// Where contents stand in Consul's store and how they are written.
enum ConsulConfigLayout: Hashable, Sendable {
    /// Rollcall's own: keys behind a root, escaped where some version of Consul refuses them, and contents behind a line
    /// that says what they are.
    case rollcall(root: String)
    /// That of go-service-link: keys as they are, and `{"name":…,"version":…,"content":…}` as the value.
    ///
    /// - Parameter own: What keys begin with that Rollcall keeps other things under.
    case goServiceLink(own: String)

    /// What stands in Consul for a key.
    func stored(_ key: ConfigKey) -> String {
        switch self {
        case .rollcall(let root): root + ConsulKey.key(key.text)
        case .goServiceLink: key.text
        }
    }

    /// What the keys in Consul begin with whose texts begin with `prefix`, or more than those.
    func beginning(of prefix: String) -> String {
        switch self {
        case .rollcall(let root): root + ConsulKey.beginning(of: prefix)
        case .goServiceLink: prefix
        }
    }

    /// The key that an entry stands for; `nil` for one of something else.
    func key(of entry: KeyValueEntry) -> ConfigKey? {
        switch self {
        case .rollcall(let root):
            guard entry.key.hasPrefix(root), let text = ConsulKey.text(entry.key.dropFirst(root.count)),
                let key = try? ConfigKey(text), key.text == text
            else { return nil }
            return key
        case .goServiceLink(let own):
            // Its programs lock a key by another one beside it, as all clients of Consul do.
            guard !entry.key.hasPrefix(own), entry.flags != ConsulBackend.lockFlags,
                let key = try? ConfigKey(entry.key),
                key.text == entry.key
            else { return nil }
            return key
        }
    }

    /// What is stored.
    ///
    /// - Throws: `invalidArgument` for a content that has no place there, `tooLarge`.
    func encode(_ envelope: ConfigEnvelope) throws(BackendError) -> [UInt8] {
        guard case .goServiceLink = self else { return envelope.stored }
        guard let value = GoServiceLinkDocument.encode(envelope) else {
            throw BackendError(
                .invalidArgument,
                "content: is no UTF-8, and the layout goServiceLink stores texts alone"
            )
        }
        let limit = ConsulBackend.maximumValueBytes
        guard value.count <= limit else {
            var error = BackendError(
                .tooLarge,
                "content: takes \(value.count) bytes as JSON, and at most \(limit) are stored under a key"
            )
            error.limit = limit
            throw error
        }
        return value
    }

    /// Reads what is stored; `nil` for what has no envelope.
    ///
    /// - Throws: A ``ValidationError`` for what cannot be understood.
    func decode(_ value: [UInt8]) throws(ValidationError) -> ConfigEnvelope? {
        switch self {
        case .rollcall: try ConfigEnvelope(stored: value)
        case .goServiceLink: try GoServiceLinkDocument.decode(value)
        }
    }
}

/// Where an edition came from.
public enum ConfigSource: String, Hashable, Sendable, CaseIterable {
    /// The program brought it.
    case local
    /// The backend.
    case remote
    /// The copy on this machine's disk, because the backend was away.
    case file
    /// An earlier edition that this program brought back.
    case rollback
}

/// One edition of a configuration: what a key held at a time.
public struct ConfigEdition: Hashable, Sendable {
    /// Where it is stored.
    public let key: ConfigKey
    /// What people call it.
    public let name: String
    /// Orders editions: the higher one of two is newer.
    ///
    /// 0 for one that the program brought and that is not stored.
    public let version: Int64
    /// What it says.
    public let content: ConfigContent
    /// Where it came from.
    public let source: ConfigSource
    /// When this program took it, by the manager's clock.
    public let takenAt: TimeSource.Instant
    /// Whether the content must not be shown.
    public let isSecret: Bool

    init(
        key: ConfigKey,
        name: String,
        version: Int64,
        content: ConfigContent,
        source: ConfigSource,
        takenAt: TimeSource.Instant,
        isSecret: Bool
    ) {
        self.key = key
        self.name = name
        self.version = version
        self.content = content
        self.source = source
        self.takenAt = takenAt
        self.isSecret = isSecret
    }

    /// Takes what a backend holds.
    init(_ entry: ConfigEntry, from source: ConfigSource, at moment: TimeSource.Instant, isSecret: Bool) {
        self.init(
            key: entry.key,
            name: entry.name,
            version: entry.version,
            content: entry.content,
            source: source,
            takenAt: moment,
            isSecret: isSecret
        )
    }

    /// Whether another edition says the same under the same version.
    func isSame(as other: ConfigEdition?) -> Bool {
        self.version == other?.version && self.content == other?.content && self.name == other?.name
    }

    /// The same content under another version or from another source.
    func with(version: Int64? = nil, source: ConfigSource? = nil, at moment: TimeSource.Instant) -> ConfigEdition {
        ConfigEdition(
            key: self.key,
            name: self.name,
            version: version ?? self.version,
            content: self.content,
            source: source ?? self.source,
            takenAt: moment,
            isSecret: self.isSecret
        )
    }
}

extension ConfigEdition: CustomStringConvertible, CustomReflectable {
    /// Names the edition, without its content.
    public var description: String { "\(self.key) version \(self.version) (\(self.source.rawValue))" }
    /// Shows what `description` shows, and the content of a key that is not secret.
    public var customMirror: Mirror {
        let content: Any = self.isSecret ? "…" : self.content
        return Mirror(self, children: ["key": self.key, "version": self.version, "content": content])
    }
}

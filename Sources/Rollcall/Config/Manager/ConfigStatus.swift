/// How one key stands.
public struct ConfigStatus: Sendable {
    /// Where what is used came from.
    public enum Source: Hashable, Sendable {
        /// Nothing is used yet.
        case none
        /// The program brought it.
        case local
        /// The backend holds it.
        case remote
        /// The disk, because the backend is away; and how long ago the backend confirmed it.
        case file(age: Duration)
        /// This program brought an earlier edition back.
        case rollback
    }

    /// The key.
    public let key: ConfigKey
    /// What is used; `nil` for nothing yet.
    public let current: ConfigEdition?
    /// Where that came from.
    public let source: Source
    /// Whether what is used is what the backend holds now, as far as a watch and a probe that work can tell.
    public let freshness: ServiceSnapshot.Freshness
    /// How long ago the backend last said what it holds; `nil` when it never did.
    public let age: Duration?
    /// What the backend holds, as far as is known.
    public let stored: ConfigStored
    /// What it holds and is not used, and why.
    public let quarantine: ConfigQuarantine?
    /// Whether it holds something else under the same version.
    public let differs: Bool
    /// The last failure to reach or to change it; `nil` since it went well.
    public let lastError: BackendError?
}

/// What a backend holds under a key, as far as is known.
public enum ConfigStored: Hashable, Sendable {
    /// It has not answered yet.
    case unknown
    /// An edition of this version.
    case present(version: Int64)
    /// Nothing: it was deleted, or never written.
    case absent
    /// Something that cannot be understood, and why.
    case undecodable(String)
}

/// An edition that a backend holds and that is not used, because it was refused.
public struct ConfigQuarantine: Hashable, Sendable {
    /// The edition.
    public let edition: ConfigEdition
    /// Why it was refused.
    public let reason: String
    /// Since when, by the manager's clock.
    public let since: TimeSource.Instant
}

/// What is known of a key after something about it changed.
public struct ConfigUpdate: Hashable, Sendable {
    /// The key.
    public let key: ConfigKey
    /// What is used now; `nil` for nothing yet.
    public let current: ConfigEdition?
    /// What the backend holds: also that it was deleted, or cannot be understood.
    public let stored: ConfigStored
    /// What it holds and is not used, and why.
    public let quarantine: ConfigQuarantine?
    /// Whether ``current`` is another edition than in the update before, or this is the first one.
    public let isNewValue: Bool
}

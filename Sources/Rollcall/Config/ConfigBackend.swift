/// The contract of dynamic configuration: versioned contents under keys, and being told when they change.
///
/// The lines C15 to C17 of the contract are proved on every backend by the suite in `RollcallTesting`.
/// Every call throws ``BackendError``; `cancelled` when its task was cancelled.
public protocol ConfigBackend: Backend {
    /// What this backend takes, and what it can do beyond the contract.
    var configCapabilities: ConfigCapabilities { get }

    /// What is stored under a key now; `nil` for nothing.
    ///
    /// - Throws: A ``BackendError``; `protocolViolation` for what cannot be understood.
    func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry?

    /// Stores a content, if what is stored is what is expected: of several writers who expect the same exactly one wins
    /// (C15).
    ///
    /// It is durable, as far as the backend is, and others see it when this returns.
    ///
    /// - Parameters:
    ///   - draft: What to store. A version that it names must be above the stored one.
    ///   - key: Where.
    ///   - expectation: What must be stored there.
    /// - Returns: What is stored.
    /// - Throws: `conflict` with ``BackendError/currentRevision`` when something else is stored, or the version is not
    ///   above it; `tooLarge` or `invalidArgument` before anything is sent (C17).
    func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry

    /// Deletes what is stored under a key, if it is what is expected.
    ///
    /// - Returns: Whether something was stored.
    /// - Throws: `conflict` with ``BackendError/currentRevision`` when something else is stored; `notFound` when a
    ///   revision is expected and nothing is.
    @discardableResult
    func delete(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> Bool

    /// The keys that begin with a text, in order of their bytes; all for the empty text.
    func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary]

    /// Delivers the state of a key, then each change, until the task is cancelled.
    ///
    /// The first is delivered also when nothing is stored. States come in order (C16); of several in a short time only
    /// the last may be delivered. A fault that may pass is retried within.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - deliver: Takes each state, one after the other. It must not block.
    /// - Throws: A ``BackendError``; `cancelled` when the task is cancelled.
    func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never
}

/// A backend that keeps what was stored before.
public protocol ConfigHistoryBackend: ConfigBackend {
    /// What was stored under a key, newest first, without contents; deletions among them.
    ///
    /// Empty for a key that was never written.
    func history(of key: ConfigKey) async throws(BackendError) -> [ConfigHistoryItem]

    /// What was stored as a version; `nil` when that is not kept any more, never was, or was a deletion.
    func entry(for key: ConfigKey, version: Int64) async throws(BackendError) -> ConfigEntry?

    /// Stores the content of an earlier version anew, under a version of its own above all others.
    ///
    /// - Returns: What is stored.
    /// - Throws: `notFound` when the version is not kept; `conflict` as for ``ConfigBackend/write(_:to:expecting:)``.
    func rollBack(
        _ key: ConfigKey,
        to version: Int64,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry
}

/// A backend that makes several changes at once.
public protocol ConfigBatchBackend: ConfigBackend {
    /// Makes all changes or none.
    ///
    /// - Parameter changes: The changes; at most one of each key.
    /// - Returns: What is stored after each; `nil` for a deletion.
    /// - Throws: What the first change that cannot be made throws, with its key; none is made then.
    func apply(_ changes: [ConfigChange]) async throws(BackendError) -> [ConfigEntry?]
}

/// One change of a batch.
public struct ConfigChange: Hashable, Sendable {
    /// What is done.
    public enum Action: Hashable, Sendable {
        /// Stores a content.
        case write(ConfigDraft)
        /// Deletes what is stored.
        case delete
    }

    /// Where.
    public let key: ConfigKey
    /// What is done.
    public let action: Action
    /// What must be stored.
    public let expectation: ConfigExpectation

    /// Creates a change.
    ///
    /// - Parameters:
    ///   - key: Where.
    ///   - action: What is done.
    ///   - expectation: What must be stored; anything by default.
    public init(_ key: ConfigKey, _ action: Action, expecting expectation: ConfigExpectation = .any) {
        self.key = key
        self.action = action
        self.expectation = expectation
    }
}

/// One state that a key had.
public struct ConfigHistoryItem: Hashable, Sendable {
    /// What was stored, without its content.
    public let summary: ConfigSummary
    /// Whether the key was deleted in this version.
    public let isDeletion: Bool

    /// Creates an item.
    public init(_ summary: ConfigSummary, isDeletion: Bool = false) {
        self.summary = summary
        self.isDeletion = isDeletion
    }
}

/// What a backend takes as configuration, and what it can do beyond the contract.
public struct ConfigCapabilities: Hashable, Sendable {
    /// The most bytes of one content.
    public var maximumBytes: Int
    /// Whether a revision is a digest of the content, so that one that was stored before is the same again.
    public var comparesContent: Bool
    /// Whether the version of a deleted key is kept, so that versions never go back.
    public var remembersVersions: Bool

    /// Creates a description of a backend.
    ///
    /// - Parameters:
    ///   - maximumBytes: The most bytes of one content.
    ///   - comparesContent: Whether a revision is a digest of the content.
    ///   - remembersVersions: Whether the version of a deleted key is kept.
    public init(maximumBytes: Int, comparesContent: Bool = false, remembersVersions: Bool = true) {
        self.maximumBytes = maximumBytes
        self.comparesContent = comparesContent
        self.remembersVersions = remembersVersions
    }
}

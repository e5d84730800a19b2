/// A backend that shows some instances a candidate instead of what is stored, and knows who runs what.
public protocol ConfigReleaseBackend: ConfigBackend {
    /// The candidate of a key; `nil` for none.
    func candidate(for key: ConfigKey) async throws(BackendError) -> ConfigCandidate?

    /// Has some instances see another content than the one that is stored.
    ///
    /// - Parameters:
    ///   - draft: What they are to see; its version goes above all that were given.
    ///   - audience: Who they are.
    ///   - key: Where.
    ///   - expectation: Which candidate must be there; one that is makes way.
    /// - Returns: The candidate.
    /// - Throws: `conflict` with ``BackendError/currentRevision`` when another candidate is there.
    func propose(
        _ draft: ConfigDraft,
        for audience: ConfigAudience,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigCandidate

    /// Stores the content of a key's candidate for all.
    ///
    /// - Returns: What is stored.
    /// - Throws: `notFound` without a candidate; `conflict` when it is another than expected.
    @discardableResult
    func promote(_ key: ConfigKey, expecting expectation: ConfigExpectation) async throws(BackendError) -> ConfigEntry

    /// Takes a key's candidate back.
    ///
    /// Where it was above what is stored, that is stored anew above it, as readers take nothing below what they have.
    ///
    /// - Returns: What is stored; `nil` for nothing.
    /// - Throws: `notFound` without a candidate; `conflict` when it is another than expected.
    @discardableResult
    func abandon(_ key: ConfigKey, expecting expectation: ConfigExpectation) async throws(BackendError) -> ConfigEntry?

    /// What an instance sees under a key; `nil` for nothing.
    func entry(for key: ConfigKey, as instance: ConfigInstance) async throws(BackendError) -> ConfigEntry?

    /// Delivers what an instance sees under a key, then each change, as ``ConfigBackend/watch(_:deliver:)`` does.
    func watch(
        _ key: ConfigKey,
        as instance: ConfigInstance,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never

    /// Says which version of each key an instance has in use; to be said again each 30 s.
    func report(_ uses: [ConfigKey: Int64], as instance: ConfigInstance) async throws(BackendError)

    /// Which instances run which version of a key, of those that have reported lately.
    func readers(of key: ConfigKey) async throws(BackendError) -> [ConfigReaderStatus]
}

/// What an instance runs of a key, and what it is to run.
public struct ConfigReaderStatus: Hashable, Sendable {
    /// The instance.
    public let instance: ConfigInstance
    /// The version that it is to run; 0 where nothing is stored.
    public let expected: Int64
    /// The version that it says it runs.
    public let actual: Int64

    /// Creates a status.
    public init(instance: ConfigInstance, expected: Int64, actual: Int64) {
        self.instance = instance
        self.expected = expected
        self.actual = actual
    }

    /// Whether it runs what it is to run.
    public var isCurrent: Bool { self.expected == self.actual }
}

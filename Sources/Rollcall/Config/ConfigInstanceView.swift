/// A backend as one instance sees it: with its candidates in place of what is stored for others.
///
/// A ``ConfigManager`` over it follows candidates, and tells the backend which versions are in use while it runs.
public struct ConfigInstanceView: ConfigBackend {
    /// How often it is said what is in use, when nothing changes.
    static let reportInterval = Duration.seconds(30)

    let base: any ConfigReleaseBackend
    /// Who sees it.
    public let instance: ConfigInstance

    /// The kind of backend.
    public var name: String { self.base.name }
    /// What the backend does differently where the contract leaves room.
    public var capabilities: BackendCapabilities { self.base.capabilities }
    /// What the backend takes.
    public var configCapabilities: ConfigCapabilities { self.base.configCapabilities }

    /// See ``Backend/run()``.
    public func run() async throws(BackendError) { try await self.base.run() }

    /// See ``Backend/health()``.
    public func health() async -> BackendHealth { await self.base.health() }

    /// What the instance sees under a key.
    public func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry? {
        try await self.base.entry(for: key, as: self.instance)
    }

    /// Stores a content for all, also when what the instance has seen is a candidate.
    public func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        try await self.base.write(draft, to: key, expecting: try await self.stored(expectation, key))
    }

    /// Deletes what is stored for all, also when what the instance has seen is a candidate.
    @discardableResult
    public func delete(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> Bool {
        try await self.base.delete(key, expecting: try await self.stored(expectation, key))
    }

    /// See ``ConfigBackend/keys(under:)``; candidates are not among them.
    public func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary] {
        try await self.base.keys(under: prefix)
    }

    /// Delivers what the instance sees under a key, then each change.
    public func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        try await self.base.watch(key, as: self.instance, deliver: deliver)
    }

    /// What must be stored for all when the instance expects what it has seen.
    private func stored(
        _ expectation: ConfigExpectation,
        _ key: ConfigKey
    ) async throws(BackendError) -> ConfigExpectation {
        guard case .revision(let seen) = expectation,
            try await self.base.candidate(for: key)?.entry.revision == seen
        else { return expectation }
        return try await self.base.entry(for: key).map { .revision($0.revision) } ?? .absent
    }
}

extension ConfigReleaseBackend {
    /// The backend as one instance sees it.
    ///
    /// - Parameter instance: Who reads.
    /// - Returns: The view, to make a ``ConfigManager`` over.
    public func seen(by instance: ConfigInstance) -> ConfigInstanceView {
        ConfigInstanceView(base: self, instance: instance)
    }
}

extension ConfigManager {
    /// Tells a backend which versions are in use, at once, when they change, and again and again, until the task is
    /// cancelled.
    func keepReporting(to view: ConfigInstanceView) async {
        let clock = self.configuration.clock
        var told: [ConfigKey: Int64] = [:]
        var due = clock.now
        while !Task.isCancelled {
            let uses = self.uses
            if uses != told || clock.now >= due {
                do throws(BackendError) {
                    try await view.base.report(uses, as: view.instance)
                    told = uses
                    due = clock.now.advanced(by: ConfigInstanceView.reportInterval)
                } catch {
                    // Who cannot be told now is told soon.
                    self.log(.debug, "what is in use could not be reported: \(error)")
                    due = clock.now.advanced(by: .seconds(5))
                }
            }
            try? await clock.sleep(for: .seconds(1))
        }
    }

    /// The version in use of each key that has one.
    private var uses: [ConfigKey: Int64] {
        var uses: [ConfigKey: Int64] = [:]
        for key in self.keys { uses[key] = self.value(for: key)?.version }
        return uses
    }
}

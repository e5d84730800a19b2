import Rollcall
import Synchronization

/// A backend of configurations that fails, hesitates and says what the test says.
final class ScriptedConfigBackend: ConfigBackend {
    struct Write: Sendable {
        let key: ConfigKey
        let draft: ConfigDraft
        let expectation: ConfigExpectation
    }

    private struct State {
        var entries: [ConfigKey: ConfigEntry] = [:]
        var revision = 0
        var readErrors: [ConfigKey: BackendError] = [:]
        var isAway = false
        var isDeaf = false
        var hangs = false
        var isSilent = false
        var watchError: BackendError?
        var reads = 0
        var healthCalls = 0
        var writes: [Write] = []
        var beforeWrite: (@Sendable () -> Void)?
        var loseAnswers = false
        var watchers: [UInt64: (key: ConfigKey, deliver: @Sendable (ConfigState) -> Void)] = [:]
        var next: UInt64 = 0
        var breakage = Signal()
    }

    let name = "scripted"
    let capabilities = BackendCapabilities(ttl: .milliseconds(1)...(.seconds(86400)), expirySlack: .zero)
    let configCapabilities = ConfigCapabilities(maximumBytes: 1 << 20, remembersVersions: false)
    private let state = Mutex(State())

    var reads: Int { self.state.withLock { $0.reads } }
    var healthCalls: Int { self.state.withLock { $0.healthCalls } }
    var writes: [Write] { self.state.withLock { $0.writes } }
    var watchCount: Int { self.state.withLock { $0.watchers.count } }

    func stored(_ key: ConfigKey) -> ConfigEntry? { self.state.withLock { $0.entries[key] } }

    /// Stores something as somebody else would, and tells those who watch.
    func put(_ text: String, version: Int64, at key: ConfigKey, format: ConfigContent.Format = .plain) {
        self.state.withLock { state in
            state.revision += 1
            let entry = ConfigEntry(
                key: key,
                version: version,
                content: ConfigContent(text, format: format),
                revision: ConfigRevision("\(state.revision)")
            )
            state.entries[key] = entry
            if !state.isDeaf { Self.tell(.present(entry), key, state) }
        }
    }

    /// Deletes something as somebody else would.
    func clear(_ key: ConfigKey) {
        self.state.withLock { state in
            state.entries[key] = nil
            Self.tell(.absent, key, state)
        }
    }

    /// Tells those who watch, whatever is stored.
    func tell(_ state: ConfigState, of key: ConfigKey) { self.state.withLock { Self.tell(state, key, $0) } }

    func failReads(of key: ConfigKey, _ error: BackendError?) { self.state.withLock { $0.readErrors[key] = error } }
    func setDeaf(_ isDeaf: Bool) { self.state.withLock { $0.isDeaf = isDeaf } }
    func setHanging(_ hangs: Bool) { self.state.withLock { $0.hangs = hangs } }
    func failWatches(_ error: BackendError?) { self.state.withLock { $0.watchError = error } }
    func setSilent(_ isSilent: Bool) { self.state.withLock { $0.isSilent = isSilent } }
    func setLosingAnswers(_ loses: Bool) { self.state.withLock { $0.loseAnswers = loses } }
    func beforeWrites(_ body: (@Sendable () -> Void)?) { self.state.withLock { $0.beforeWrite = body } }

    /// Refuses everything and, if told so, breaks all watches; or takes everybody back.
    func setAway(_ isAway: Bool, breakingWatches: Bool = true) {
        let breakage = self.state.withLock { state -> Signal? in
            state.isAway = isAway
            guard breakingWatches else { return nil }
            defer { state.breakage = Signal() }
            return state.breakage
        }
        breakage?.raise()
    }

    func run() async throws(BackendError) { await Signal().wait() }

    func health() async -> BackendHealth {
        let isAway = self.state.withLock { state in
            state.healthCalls += 1
            return state.isAway
        }
        guard isAway else { return BackendHealth(isReachable: true, latency: .zero, canRead: true, canWrite: true) }
        return BackendHealth(unreachable: BackendError(.unavailable, "away"))
    }

    func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry? {
        if self.state.withLock({ $0.hangs }) {
            await Signal().wait()
            throw BackendError(.cancelled, "the task was cancelled")
        }
        let result = self.state.withLock { state -> Result<ConfigEntry?, BackendError> in
            state.reads += 1
            guard !state.isAway else { return .failure(BackendError(.unavailable, "away")) }
            if let error = state.readErrors[key] { return .failure(error) }
            return .success(state.entries[key])
        }
        return try result.get()
    }

    func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        let hook = self.state.withLock { state in
            state.writes.append(Write(key: key, draft: draft, expectation: expectation))
            return state.beforeWrite
        }
        hook?()
        let result = self.state.withLock { state -> Result<ConfigEntry, BackendError> in
            guard !state.isAway else { return .failure(BackendError(.unavailable, "away")) }
            guard Self.holds(expectation, state.entries[key]) else {
                var error = BackendError(.conflict, "something else is stored")
                error.currentRevision = state.entries[key]?.revision.text
                return .failure(error)
            }
            state.revision += 1
            let entry = ConfigEntry(
                key: key,
                name: draft.name,
                version: draft.version ?? (state.entries[key]?.version ?? 0) + 1,
                content: draft.content,
                revision: ConfigRevision("\(state.revision)")
            )
            state.entries[key] = entry
            Self.tell(.present(entry), key, state)
            guard !state.loseAnswers else {
                return .failure(BackendError(.timeout, "the answer was lost", applied: .unknown))
            }
            return .success(entry)
        }
        return try result.get()
    }

    func delete(_ key: ConfigKey, expecting expectation: ConfigExpectation) async throws(BackendError) -> Bool {
        self.clear(key)
        return true
    }

    func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary] { [] }

    func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        if let error = self.state.withLock({ $0.watchError }) { throw error }
        let (id, breakage) = self.state.withLock { state -> (UInt64?, Signal) in
            guard !state.isAway else { return (nil, state.breakage) }
            state.next += 1
            state.watchers[state.next] = (key, deliver)
            if !state.isSilent { deliver(state.entries[key].map { .present($0) } ?? .absent) }
            return (state.next, state.breakage)
        }
        guard let id else { throw BackendError(.unavailable, "away") }
        await breakage.wait()
        self.state.withLock { $0.watchers[id] = nil }
        throw BackendError(Task.isCancelled ? .cancelled : .unavailable, "the watch broke")
    }

    private static func holds(_ expectation: ConfigExpectation, _ entry: ConfigEntry?) -> Bool {
        switch expectation {
        case .any: true
        case .absent: entry == nil
        case .revision(let revision): entry?.revision == revision
        }
    }

    private static func tell(_ shown: ConfigState, _ key: ConfigKey, _ state: borrowing State) {
        for watcher in state.watchers.values where watcher.key == key { watcher.deliver(shown) }
    }
}

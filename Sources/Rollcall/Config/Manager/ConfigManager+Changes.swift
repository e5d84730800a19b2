import Synchronization

/// What became of a ``ConfigManager/refresh(_:)``.
public enum ConfigRefresh: Hashable, Sendable {
    /// The item replaced the one before, and all keys are synced in the background.
    case taken
    /// The key is not kept, and nothing happened.
    case unknownKey
    /// The item's own validator, or the one before, refuses its content, and nothing happened.
    case refused(reason: String)
}

/// What the program itself changes.
extension ConfigManager {
    /// Replaces what the program brings for a key, and has ``run()`` sync all keys.
    ///
    /// The content is in force at once; a higher version that is stored takes its place with the sync. An item without
    /// a validator keeps the one before.
    ///
    /// - Parameter item: The item.
    /// - Returns: What became of it.
    @discardableResult
    public func refresh(_ item: ConfigItem) -> ConfigRefresh {
        guard let former = self.state.withLock({ $0.machine.entries[item.key]?.item }) else {
            self.log(.warning, "\(item.key) is not kept by this manager, and was not refreshed")
            return .unknownKey
        }
        var judged = item
        judged.validate = item.validate ?? former.validate
        judged.isSecret = item.isSecret || former.isSecret
        let now = self.now
        if let edition = judged.edition(at: now) {
            switch judged.verdict(on: edition) {
            case .passes: break
            case .skipped(let reason), .refused(let reason):
                self.log(.error, "\(item.key) was not refreshed, because the new content is refused: \(reason)")
                return .refused(reason: reason)
            }
        }
        self.change(item.key) { $0.refresh(judged, at: now) }
        self.syncRequests.offer(false, for: true)
        return .taken
    }

    /// Brings an earlier edition back: stores its content as a new version above all others, and uses it.
    ///
    /// The edition is taken from ``history(of:)``, or from the backend where that keeps one. It must pass the validator.
    /// It is stored only on what was read: when somebody else wrote in between, it is read anew.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - version: The version of the edition.
    /// - Returns: The version that it has now.
    /// - Throws: `notFound` for a key that is not kept or a version that nobody remembers; `invalidArgument` for a content
    ///   that is refused by now; `conflict` when others wrote each time; what the backend throws.
    @discardableResult
    public func rollBack(_ key: ConfigKey, to version: Int64) async throws(BackendError) -> Int64 {
        guard let item = self.state.withLock({ $0.machine.entries[key]?.item }) else {
            throw BackendError(.notFound, "the key is not kept by this manager", operation: "roll back", key: key.text)
        }
        let edition = try await self.edition(of: item, version: version)
        switch item.verdict(on: edition) {
        case .passes: break
        case .skipped(let reason), .refused(let reason):
            throw BackendError(
                .invalidArgument,
                "version \(version) is refused by now: \(reason)",
                operation: "roll back",
                key: key.text
            )
        }
        var last: BackendError?
        var versionIsTaken = false
        for _ in 0..<Self.maximumTries {
            guard let entry = self.state.withLock({ $0.machine.entries[key] }), !self.shutdown.isRaised else {
                throw BackendError(.closed, "the manager was closed", operation: "roll back", key: key.text)
            }
            let (finding, _) = try await self.read(key, after: entry.lessons)
            do throws(BackendError) {
                var (draft, expectation) = try edition.draft(over: finding, own: entry.own?.version ?? 0)
                if versionIsTaken { draft.version = nil }
                return try await self.write(draft, to: key, expecting: expectation, from: .rollback)
            } catch  where error.code == .conflict {
                // A backend that remembers what was deleted wants a version above that.
                versionIsTaken = finding == .absent && error.currentRevision == nil
                last = error
            }
        }
        throw last ?? BackendError(.conflict, "others wrote each time", operation: "roll back", key: key.text)
    }

    private func edition(of item: ConfigItem, version: Int64) async throws(BackendError) -> ConfigEdition {
        let key = item.key
        if let edition = self.history(of: key).first(where: { $0.version == version }) { return edition }
        if let backend = self.backend as? any ConfigHistoryBackend {
            let stored = try await withDeadline(self.configuration.timeout, clock: self.configuration.clock) {
                () async throws(BackendError) in try await backend.entry(for: key, version: version)
            }
            if let stored { return ConfigEdition(stored, from: .remote, at: self.now, isSecret: item.isSecret) }
        }
        throw BackendError(
            .notFound,
            "version \(version) is remembered neither here nor by the backend",
            backend: self.backend.name,
            operation: "roll back",
            key: key.text
        )
    }
}

extension ConfigEdition {
    /// The content as a new edition above what is stored and what is used.
    fileprivate func draft(
        over finding: ConfigRules.Finding,
        own: Int64
    ) throws(BackendError) -> (ConfigDraft, ConfigExpectation) {
        var draft = ConfigDraft(self.content, name: self.name)
        let (stored, expectation): (Int64, ConfigExpectation) =
            switch finding {
            case .present(let entry): (entry.version, .revision(entry.revision))
            case .absent: (0, .absent)
            }
        guard max(stored, own) < .max else {
            throw BackendError(.invalidArgument, "version: \(Int64.max) is the highest there is", key: self.key.text)
        }
        if own > stored { draft.version = own + 1 }
        return (draft, expectation)
    }
}

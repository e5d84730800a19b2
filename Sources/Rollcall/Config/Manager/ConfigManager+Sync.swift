import Synchronization

/// Keeping what is used and what is stored in step, both ways.
extension ConfigManager {
    /// How often a key that changes meanwhile is judged anew.
    static let maximumTries = 8
    /// How many keys are synced at a time.
    private static let width = 16

    /// Compares every key with the backend: takes what is newer there, and stores what is newer here.
    ///
    /// All keys are done whatever happens to one of them. What is stored is stored only on what was read: when somebody
    /// else wrote in between, it is read and judged anew. What somebody deleted is stored again.
    ///
    /// - Returns: What was done with each key, also where both have different contents under one version.
    /// - Throws: A ``ConfigSyncError`` with why each key failed, and what was done with the others.
    @discardableResult
    public func sync() async throws(ConfigSyncError) -> ConfigSyncReport {
        try await self.sync(asked: true)
    }

    /// Has ``run()`` sync, as soon as it runs; what fails is logged and tried again when the backend is back.
    public func syncInBackground() {
        self.syncRequests.offer(true, for: true)
    }

    /// Syncs whenever that was asked for.
    func serveSyncRequests() async {
        while let asked = try? await self.syncRequests.next() { await self.syncAndTell(asked: asked) }
    }

    /// Syncs and logs what fails.
    func syncAndTell(asked: Bool) async {
        do throws(ConfigSyncError) {
            _ = try await self.sync(asked: asked)
        } catch {
            guard !Task.isCancelled else { return }
            // Quarantine was told already, louder.
            for (key, error) in error.errors.sorted(by: { $0.key < $1.key }) where !(error.cause is ConfigRefusal) {
                let isNew = self.state.withLock { $0.machine.tellsFailure(error, of: key) }
                self.log(isNew ? .warning : .debug, "\(key) could not be synced: \(error)")
            }
        }
    }

    func sync(asked: Bool) async throws(ConfigSyncError) -> ConfigSyncReport {
        let results = await withTaskGroup(of: (ConfigKey, Result<ConfigSyncReport.Outcome, BackendError>).self) {
            group in
            var results: [ConfigKey: Result<ConfigSyncReport.Outcome, BackendError>] = [:]
            for (index, key) in self.keys.enumerated() {
                if index >= Self.width, let (key, result) = await group.next() { results[key] = result }
                group.addTask {
                    do throws(BackendError) {
                        return (key, .success(try await self.sync(key, asked: asked)))
                    } catch {
                        return (key, .failure(error))
                    }
                }
            }
            for await (key, result) in group { results[key] = result }
            return results
        }
        var report = ConfigSyncReport()
        var errors: [ConfigKey: BackendError] = [:]
        for (key, result) in results {
            switch result {
            case .success(let outcome): report.outcomes[key] = outcome
            case .failure(let error): errors[key] = error
            }
        }
        self.state.withLock { $0.machine.synced(failures: Array(errors.values)) }
        guard errors.isEmpty else { throw ConfigSyncError(errors: errors, report: report) }
        return report
    }

    /// Does one key by the table of ``ConfigRules``.
    private func sync(_ key: ConfigKey, asked: Bool) async throws(BackendError) -> ConfigSyncReport.Outcome {
        var versionIsTaken = false
        for _ in 0..<Self.maximumTries {
            guard !self.shutdown.isRaised else { throw BackendError(.closed, "the manager was closed", key: key.text) }
            guard let entry = self.state.withLock({ $0.machine.entries[key] }) else { break }
            let (finding, stored) = try await self.read(key, after: entry.lessons)
            if case .present(let found) = finding, self.isOwnWrite(found, from: .read(after: entry.lessons)) {
                return .unchanged(version: found.version)
            }
            let own = ConfigRules.Own(edition: entry.own, sawDeletion: entry.sawDeletion, mayRestore: asked)
            let ruling = ConfigRules(item: entry.item, now: self.now).judge(finding, against: own)
            if case .upload(let edition, let expectation) = ruling.action {
                let version = versionIsTaken ? nil : edition.version
                do throws(BackendError) {
                    let draft = ConfigDraft(edition.content, name: edition.name, version: version)
                    return .uploaded(
                        version: try await self.write(draft, to: key, expecting: expectation, from: .local)
                    )
                } catch  where error.code == .conflict {
                    // A backend that remembers what was deleted wants a version above that.
                    versionIsTaken = expectation == .absent && error.currentRevision == nil
                    continue
                }
            }
            guard self.note(ruling, finding, stored, entry) else { continue }
            if case .quarantine = ruling.action { self.useSaved(of: key) }
            return try ruling.outcome(of: key)
        }
        throw BackendError(
            .conflict,
            "it changed each of the \(Self.maximumTries) times that it was read",
            backend: self.backend.name,
            operation: "sync",
            key: key.text
        )
    }

    /// Notes what a read found.
    ///
    /// - Returns: False when something else was learnt since the read began.
    private func note(
        _ ruling: ConfigRules.Ruling,
        _ finding: ConfigRules.Finding,
        _ stored: ConfigStored,
        _ entry: ConfigMachine.Entry
    ) -> Bool {
        let (key, now) = (entry.item.key, self.now)
        let origin = ConfigMachine.Origin.read(after: entry.lessons)
        return self.change(key) { machine in
            if finding == .absent { return machine.foundNothing(of: key, from: origin, at: now) }
            return machine.apply(ruling, found: stored, of: key, from: origin, at: now)
        }
    }

    /// Reads a key; what cannot be understood is noted, and is an error as well.
    func read(
        _ key: ConfigKey,
        after lessons: UInt64
    ) async throws(BackendError) -> (ConfigRules.Finding, ConfigStored) {
        do throws(BackendError) {
            let entry = try await withDeadline(self.configuration.timeout, clock: self.configuration.clock) {
                () async throws(BackendError) in try await self.backend.entry(for: key)
            }
            return entry.map { (.present($0), .present(version: $0.version)) } ?? (.absent, .absent)
        } catch {
            var error = error
            let now = self.now
            if self.isSecret(key), error.code == .protocolViolation { error.message = ConfigItem.withheld }
            if error.code == .protocolViolation {
                self.change(key) { $0.foundRubbish(error.message, of: key, from: .read(after: lessons), at: now) }
            }
            if error.code != .cancelled { self.state.withLock { $0.machine.failed(error, of: key) } }
            throw error
        }
    }

    private func isSecret(_ key: ConfigKey) -> Bool {
        self.state.withLock { $0.machine.entries[key]?.item.isSecret ?? false }
    }

    /// Stores a content if what is stored is what is expected.
    ///
    /// - Returns: The version that it got.
    /// - Throws: What the backend throws.
    func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation,
        from source: ConfigSource
    ) async throws(BackendError) -> Int64 {
        self.state.withLock { $0.machine.writing(draft, to: key) }
        do throws(BackendError) {
            let stored = try await withDeadline(self.configuration.timeout, clock: self.configuration.clock) {
                () async throws(BackendError) in try await self.backend.write(draft, to: key, expecting: expectation)
            }
            let now = self.now
            self.change(key) { $0.wrote(stored, for: draft, from: source, at: now) }
            return stored.version
        } catch {
            self.state.withLock { $0.machine.failedToWrite(draft, to: key, error) }
            throw error
        }
    }
}

/// Marks an error as that of an edition that was refused.
struct ConfigRefusal: Error, CustomStringConvertible {
    let description: String
}

extension ConfigRules.Ruling {
    /// What a sync reports.
    fileprivate func outcome(of key: ConfigKey) throws(BackendError) -> ConfigSyncReport.Outcome {
        switch self.action {
        case .leaveAlone(let reason): return .leftAlone(reason: reason)
        case .adopt(let edition): return .adopted(version: edition.version)
        case .upload(let edition, _): return .uploaded(version: edition.version)
        case .keep(let edition, let isSame):
            return isSame ? .unchanged(version: edition.version) : .differs(version: edition.version)
        case .refuseOwn(let reason):
            throw BackendError(.invalidArgument, "what the program brings is refused: \(reason)", key: key.text)
        case .quarantine(let edition, let reason):
            throw BackendError(
                .invalidArgument,
                "version \(edition.version), which is stored, is refused: \(reason)",
                key: key.text,
                cause: ConfigRefusal(description: reason)
            )
        }
    }
}

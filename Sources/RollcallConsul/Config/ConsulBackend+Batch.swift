import HTTPEngine
public import Rollcall

extension ConsulBackend: ConfigBatchBackend {
    /// The most operations of one transaction that every version takes.
    private static let maximumOperations = 64
    /// The most bytes of a transaction as it is sent, where nobody configured it.
    private static let maximumTransactionBytes = 512 << 10
    /// The most bytes of a value that a transaction has room for, as Base64 beside its key.
    static let maximumTransactedBytes = 360 << 10
    /// How often a batch is tried while others change its keys, too.
    private static let maximumBatchAttempts = 16

    /// See ``ConfigBatchBackend/apply(_:)``.
    ///
    /// At most 64 changes, which may take 512 KiB as they are sent: about 370 KiB of contents.
    public func apply(_ changes: [ConfigChange]) async throws(BackendError) -> [ConfigEntry?] {
        try self.check(changes)
        guard !changes.isEmpty else { return [] }
        try self.checkSize(changes)
        let given = changes.lazy.compactMap(\.draft?.writeID).first
        let write = given ?? RandomText.hexadecimal(words: 2)
        if given != nil, let results = try await self.madeBefore(changes, write) { return results }
        var generator = SplitMix64()
        for number in 1...Self.maximumBatchAttempts {
            let plan = try await self.plan(changes, write)
            do throws(BackendError) {
                if let results = try await self.carryOut(plan) { return results }
            } catch  where error.applied == .unknown && error.code != .cancelled {
                if let results = await self.settled(plan, write) { return results }
                throw error
            }
            if let results = await self.settled(plan, write) { return results }
            let backoff = Backoff(base: .milliseconds(2), factor: 2, cap: .milliseconds(100))
            try await self.clock.pause(for: backoff.pause(before: number, using: &generator))
        }
        throw BackendError(.conflict, "others change the keys all the time", backend: self.name, operation: "batch")
    }

    /// What is stored, if the changes were made before by somebody who sends them again and nobody wrote over any.
    private func madeBefore(
        _ changes: [ConfigChange],
        _ write: String
    ) async throws(BackendError) -> [ConfigEntry?]? {
        var results: [ConfigEntry?] = []
        for change in changes {
            guard change.draft != nil else {
                results.append(nil)
                continue
            }
            let stored = try await self.stored(change.key, "batch")
            guard stored.isWritten(by: write) else { return nil }
            results.append(try? stored.entry())
        }
        return results
    }

    private func checkSize(_ changes: [ConfigChange]) throws(BackendError) {
        var error: BackendError?
        if changes.count > Self.maximumOperations {
            error = BackendError(
                .tooLarge,
                "there are \(changes.count) changes, and at most \(Self.maximumOperations) are made at once"
            )
            error?.limit = Self.maximumOperations
        }
        let size = changes.reduce(0) { size, change in
            guard case .write(let draft) = change.action else { return size }
            let base64 = (draft.content.bytes.count + ConfigEnvelope.maximumHeadBytes + 2) / 3 * 4
            return size + base64 + self.configKey(change.key).utf8.count + 128
        }
        if size > Self.maximumTransactionBytes {
            error = BackendError(
                .tooLarge,
                "the changes take \(size) bytes as they are sent, and at most \(Self.maximumTransactionBytes) are written at once"
            )
            error?.limit = Self.maximumTransactionBytes
        }
        guard var error else { return }
        (error.backend, error.operation) = (self.name, "batch")
        throw error
    }

    /// One change with what it is to be made of.
    private struct Step {
        let key: ConfigKey
        let envelope: ConfigEnvelope?
        let operation: KeyValueOperation
    }

    /// Reads all keys and decides what is to be done.
    private func plan(_ changes: [ConfigChange], _ write: String) async throws(BackendError) -> [Step] {
        var steps: [Step] = []
        for change in changes {
            let stored = try await self.stored(change.key, "batch")
            do throws(BackendError) {
                steps.append(try self.step(change, stored, write))
            } catch {
                throw self.placed(error, "batch", change.key)
            }
        }
        return steps
    }

    private func step(_ change: ConfigChange, _ stored: StoredConfig, _ write: String) throws(BackendError) -> Step {
        let key = self.configKey(change.key)
        switch change.action {
        case .write(let draft):
            try stored.check(change.expectation)
            let version = try stored.nextVersion(draft.version)
            let envelope = ConfigEnvelope(draft, version: version, modifiedAt: Self.now, write: write)
            let operation = KeyValueOperation(
                .compareAndSet,
                key,
                value: try self.configLayout.encode(envelope),
                index: stored.index
            )
            return Step(key: change.key, envelope: envelope, operation: operation)
        case .delete:
            if stored.stored == nil, case .revision = change.expectation {
                throw BackendError(.notFound, "nothing is stored under \(change.key.text.quotedForDisplay)")
            }
            try stored.check(change.expectation)
            let operation =
                stored.stored == nil
                ? KeyValueOperation(.checkAbsence, key) : KeyValueOperation(.compareAndDelete, key, index: stored.index)
            return Step(key: change.key, envelope: nil, operation: operation)
        }
    }

    /// Makes all changes; returns `nil` when something else is stored by now.
    private func carryOut(_ steps: [Step]) async throws(BackendError) -> [ConfigEntry?]? {
        let outcome = try await self.transact(steps.map(\.operation), "batch", nil)
        guard case .done(let entries) = outcome else { return nil }
        let indices = Dictionary(entries.map { ($0.key, $0.modifyIndex) }) { _, last in last }
        var results: [ConfigEntry?] = []
        for step in steps {
            guard let envelope = step.envelope else {
                results.append(nil)
                continue
            }
            guard let index = indices[step.operation.key] else {
                throw self.lost(.protocolViolation, "Results: a key is not in the answer", "batch", step.key.text)
            }
            results.append(envelope.entry(step.key, revision: ConfigRevision("\(index)")))
        }
        return results
    }

    /// What the changes returned if they were made, by what is stored now: all of them were, or none.
    private func settled(_ steps: [Step], _ write: String) async -> [ConfigEntry?]? {
        var results: [ConfigEntry?] = []
        var isMade = false
        for step in steps {
            guard let now = try? await self.stored(step.key, "batch") else { return nil }
            guard let envelope = step.envelope else {
                results.append(nil)
                continue
            }
            let isThere = now.isWritten(by: write)
            isMade = isMade || isThere
            results.append(
                envelope.entry(step.key, revision: (isThere ? now.revision : nil) ?? ConfigRevision(write))
            )
        }
        return isMade ? results : nil
    }
}

extension ConfigChange {
    /// What is to be written; `nil` for a deletion.
    fileprivate var draft: ConfigDraft? {
        guard case .write(let draft) = self.action else { return nil }
        return draft
    }
}

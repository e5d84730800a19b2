import HTTPEngine
public import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ConsulBackend: ConfigBackend {
    /// The most bytes of a value, as Consul's `kv_max_value_size` is where nobody configured it.
    static let maximumValueBytes = 512 << 10
    /// How often a change that expects nothing is tried while others change the key, too.
    private static let maximumAttempts = 64

    /// What Consul takes: 512 KiB under a key, of which an envelope takes some.
    ///
    /// Deleting a key ends its versions.
    public var configCapabilities: ConfigCapabilities {
        ConfigCapabilities(
            maximumBytes: Self.maximumValueBytes - ConfigEnvelope.maximumHeadBytes,
            remembersVersions: false
        )
    }

    /// The time to the millisecond, as it is stored, so that a writer is told what readers are.
    static var now: Date {
        let now = Date()
        return Timestamp.milliseconds(of: now).map { Date(timeIntervalSince1970: Double($0) / 1000) } ?? now
    }

    func configKey(_ key: ConfigKey) -> String { self.configLayout.stored(key) }

    /// Reads a key as the leader has it.
    func stored(_ key: ConfigKey, _ operation: String) async throws(BackendError) -> StoredConfig {
        let entry = try await self.keyValue(self.configKey(key), operation, key.text, freshness: [])
        return StoredConfig(key: key, layout: self.configLayout, stored: entry)
    }

    /// See ``ConfigBackend/entry(for:)``.
    public func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry? {
        let freshness = self.freshness
        let entry = try await self.keyValue(self.configKey(key), "read", key.text, freshness: freshness)
        return try ConsulCalls.reading("read", key.text) { () throws(ValidationError) in
            try StoredConfig(key: key, layout: self.configLayout, stored: entry).entry()
        }
    }

    /// See ``ConfigBackend/write(_:to:expecting:)``.
    ///
    /// When the answer is lost, what is stored shows by the name of the write whether it was made.
    public func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        try self.check([ConfigChange(key, .write(draft))])
        let write = draft.writeID ?? RandomText.hexadecimal(words: 2)
        let isRepeated = draft.writeID != nil
        return try await self.changing(key, "write", expecting: expectation, isRepeated) {
            stored throws(BackendError) in
            let version = try stored.nextVersion(draft.version)
            let envelope = ConfigEnvelope(draft, version: version, modifiedAt: Self.now, write: write)
            return try await self.put(envelope, at: key, index: stored.index).map { .done($0) } ?? .refused
        } settled: { stored in
            guard stored.isWritten(by: write) else { return nil }
            return (try? stored.entry()).flatMap(\.self)
        }
    }

    /// See ``ConfigBackend/delete(_:expecting:)``.
    @discardableResult
    public func delete(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> Bool {
        try await self.changing(key, "delete", expecting: expectation) { stored throws(BackendError) in
            guard stored.stored != nil else { return .done(false) }
            let encoded = self.configKey(key)
            let isDone = try await self.deleteKey(encoded, index: stored.index, "delete", key.text)
            return isDone ? .done(true) : .refused
        } settled: { stored in
            // It was there a moment ago, and is gone as it should be.
            stored.stored == nil ? true : nil
        }
    }

    /// What became of an attempt.
    enum ChangeOutcome<Value: Sendable>: Sendable {
        case done(Value)
        /// Somebody else changed the key meanwhile, or this was sent twice.
        case refused
    }

    /// Changes a key from what is stored there, and again while others are quicker and nothing is expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - operation: What errors name.
    ///   - expectation: What must be stored.
    ///   - isRepeated: Whether it may have been made before.
    ///   - attempt: Makes the change, if what it is given is still stored.
    ///   - settled: What the change returns if it was made, by what is stored now.
    /// - Returns: What the change returns.
    /// - Throws: A ``BackendError``.
    private func changing<Value: Sendable>(
        _ key: ConfigKey,
        _ operation: String,
        expecting expectation: ConfigExpectation,
        _ isRepeated: Bool = false,
        _ attempt: (StoredConfig) async throws(BackendError) -> ChangeOutcome<Value>,
        settled: (StoredConfig) -> Value?
    ) async throws(BackendError) -> Value {
        var generator = SplitMix64()
        var stored = try await self.stored(key, operation)
        if isRepeated, let value = settled(stored) { return value }
        do throws(BackendError) {
            if operation == "delete", stored.stored == nil, case .revision = expectation {
                throw BackendError(.notFound, "nothing is stored under \(key.text.quotedForDisplay)")
            }
            for number in 1...Self.maximumAttempts {
                try stored.check(expectation)
                do throws(BackendError) {
                    if case .done(let value) = try await attempt(stored) { return value }
                } catch  where error.applied == .unknown && error.code != .cancelled {
                    // The answer was lost: what is stored tells, if that can be read.
                    if let now = try? await self.stored(key, operation), let value = settled(now) { return value }
                    throw error
                }
                stored = try await self.stored(key, operation)
                if let value = settled(stored) { return value }
                let backoff = Backoff(base: .milliseconds(2), factor: 2, cap: .milliseconds(100))
                try await self.clock.pause(for: backoff.pause(before: number, using: &generator))
            }
            throw stored.conflict("others change it all the time")
        } catch {
            throw self.placed(error, operation, key)
        }
    }

    /// Stores an envelope, if what is stored has an index.
    ///
    /// - Returns: The entry; `nil` when something else is stored.
    private func put(
        _ envelope: ConfigEnvelope,
        at key: ConfigKey,
        index: UInt64
    ) async throws(BackendError) -> ConfigEntry? {
        let value = try self.configLayout.encode(envelope)
        let operation = KeyValueOperation(.compareAndSet, self.configKey(key), value: value, index: index)
        // A transaction tells the new index; it takes less, as it is sent as text.
        guard value.count <= Self.maximumTransactedBytes else {
            return try await self.putLarge(envelope, value, at: key, index: index)
        }
        guard case .done(let entries) = try await self.transact([operation], "write", key.text) else { return nil }
        guard let entry = entries.first else {
            throw self.lost(.protocolViolation, "Results: the key is not in the answer", "write", key.text)
        }
        return envelope.entry(key, revision: ConfigRevision("\(entry.modifyIndex)"))
    }

    private func putLarge(
        _ envelope: ConfigEnvelope,
        _ value: [UInt8],
        at key: ConfigKey,
        index: UInt64
    ) async throws(BackendError) -> ConfigEntry? {
        let answer = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: Self.path(ofKey: self.configKey(key)),
                operation: "write",
                key: key.text,
                query: [("cas", "\(index)")],
                body: value
            )
        )
        guard try Self.truth(answer, "write", key.text) else { return nil }
        // Where somebody wrote over it already, or it cannot be read now, its index is not known; it was written all the same.
        let stored = try? await self.stored(key, "write")
        let isThere = stored?.isWritten(by: envelope.write) ?? false
        return envelope.entry(key, revision: (isThere ? stored?.revision : nil) ?? ConfigRevision(envelope.write))
    }

    func check(_ changes: [ConfigChange]) throws(BackendError) {
        do throws(BackendError) {
            try changes.check(limit: self.configCapabilities.maximumBytes)
        } catch {
            var error = error
            error.backend = self.name
            throw error
        }
    }

    func placed(_ error: BackendError, _ operation: String, _ key: ConfigKey) -> BackendError {
        var error = error
        error.backend = self.name
        error.operation = operation
        error.key = error.key ?? key.text
        return error
    }
}

public import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EtcdBackend: ConfigBackend {
    /// What is taken under a key: 1 MiB, of the 1.5 MiB that etcd takes in one request by its usual settings.
    ///
    /// etcd forgets the version of a key that is deleted.
    public var configCapabilities: ConfigCapabilities {
        ConfigCapabilities(maximumBytes: 1 << 20, remembersVersions: false)
    }

    /// See ``ConfigBackend/entry(for:)``.
    public func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry? {
        try self.entry(try await self.record(key, "read"), key, "read")
    }

    /// See ``ConfigBackend/write(_:to:expecting:)``.
    ///
    /// What is stored is read, and written over by a transaction that holds only if it is still that. When the answer is
    /// lost, what is stored tells whether it was carried out.
    public func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        try self.check([ConfigChange(key, .write(draft), expecting: expectation)])
        for _ in 0..<Self.maximumAttempts {
            let record = try await self.record(key, "write")
            if let entry = self.entry(key, record, writtenAs: draft.writeID) { return entry }
            let edit = try EtcdConfigEdit(ConfigChange(key, .write(draft), expecting: expectation), record, self.keys)
            try self.checkSize([edit], "write")
            if let entry = try await self.carryOut(edit, "write") { return entry }
        }
        throw self.crowded("write", key)
    }

    /// See ``ConfigBackend/delete(_:expecting:)``.
    @discardableResult
    public func delete(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> Bool {
        for _ in 0..<Self.maximumAttempts {
            let record = try await self.record(key, "delete")
            let edit = try EtcdConfigEdit(ConfigChange(key, .delete, expecting: expectation), record, self.keys)
            guard record != nil else { return false }
            if try await self.client.transact(edit.transaction, "delete", key: key.text).succeeded { return true }
        }
        throw self.crowded("delete", key)
    }

    /// See ``ConfigBackend/keys(under:)``.
    public func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary] {
        let range = EtcdRange(prefix: self.keys.path(prefix))
        return try await self.client.readAll(range, "keys", key: nil).records.compactMap { record in
            guard let key = self.keys.key(record.key) else { return nil }
            return (try? self.keys.entry(record, key).summary) ?? record.unreadableSummary(key)
        }.sorted { $0.key < $1.key }
    }

    /// See ``ConfigBackend/watch(_:deliver:)``.
    public func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        var latest: EtcdRecord??
        func tell(_ record: EtcdRecord?) {
            // What a new list shows may be what was told before; a store that was made anew may give the same revision to
            // something else.
            guard latest != .some(record) else { return }
            latest = .some(record)
            guard let record else { return deliver(.absent) }
            do throws(ValidationError) {
                deliver(.present(try self.keys.entry(record, key)))
            } catch {
                deliver(.undecodable("\(error)"))
            }
        }
        try await self.follow(EtcdRange(key: self.keys.path(key.text)), "watch of \(key)") { told in
            switch told {
            case .all(let records): tell(records.first)
            case .changes(let events): for event in events { tell(event.isDeletion ? nil : event.record) }
            case .live, .interrupted: return
            }
        }
    }

    func record(_ key: ConfigKey, _ operation: String) async throws(BackendError) -> EtcdRecord? {
        let read = EtcdRead(range: EtcdRange(key: self.keys.path(key.text)))
        return try await self.client.read(read, operation, key: key.text).records.first
    }

    func entry(
        _ record: EtcdRecord?,
        _ key: ConfigKey,
        _ operation: String
    ) throws(BackendError) -> ConfigEntry? {
        do throws(ValidationError) {
            return try record.map { (record) throws(ValidationError) in try self.keys.entry(record, key) }
        } catch {
            var fault = self.fault(.protocolViolation, "what is stored cannot be understood", operation, key.text)
            fault.cause = error
            throw fault
        }
    }

    /// Makes a change, and finds out whether it was made where no answer came.
    ///
    /// - Returns: What is stored; `nil` when something else was written meanwhile.
    private func carryOut(_ edit: EtcdConfigEdit, _ operation: String) async throws(BackendError) -> ConfigEntry? {
        do throws(BackendError) {
            let outcome = try await self.client.transact(edit.transaction, operation, key: edit.key.text)
            return outcome.succeeded ? edit.entry(at: outcome.header.revision) : nil
        } catch {
            guard error.applied == .unknown, error.code != .cancelled else { throw error }
            guard let record = try? await self.record(edit.key, operation),
                let envelope = try? self.keys.decode(record.value), envelope.write == edit.envelope?.write
            else { throw error }
            return envelope.entry(edit.key, revision: ConfigRevision("\(record.modRevision)"))
        }
    }

    /// What is stored, if it is what somebody named a write before who sends it again.
    func entry(_ key: ConfigKey, _ record: EtcdRecord?, writtenAs write: String?) -> ConfigEntry? {
        guard let write, let record, let envelope = try? self.keys.decode(record.value), envelope.write == write else {
            return nil
        }
        return envelope.entry(key, revision: ConfigRevision("\(record.modRevision)"))
    }

    func crowded(_ operation: String, _ key: ConfigKey?) -> BackendError {
        self.fault(.unavailable, "others wrote \(Self.maximumAttempts) times meanwhile", operation, key?.text)
    }

    /// How many bytes a request may have by etcd's usual settings (`--max-request-bytes`), less what is around the changes.
    static let maximumRequestBytes = 3 << 19 - 4096

    /// Checks that changes go into one request as they are stored.
    ///
    /// - Throws: `tooLarge`.
    func checkSize(_ edits: [EtcdConfigEdit], _ operation: String) throws(BackendError) {
        let count = edits.reduce(0) { $0 + $1.byteCount }
        guard count > Self.maximumRequestBytes else { return }
        var error = self.fault(
            .tooLarge,
            "the change takes \(count) bytes as it is stored, and at most \(Self.maximumRequestBytes) go into one request",
            operation,
            edits.count == 1 ? edits.first?.key.text : nil
        )
        error.limit = Self.maximumRequestBytes
        throw error
    }

    func check(_ changes: [ConfigChange]) throws(BackendError) {
        do throws(BackendError) {
            try changes.check(limit: self.configCapabilities.maximumBytes, maximumCount: Self.maximumChanges)
        } catch {
            var error = error
            error.backend = self.name
            throw error
        }
    }
}

extension EtcdRecord {
    /// What can be told of a record that cannot be understood.
    fileprivate func unreadableSummary(_ key: ConfigKey) -> ConfigSummary {
        ConfigSummary(
            key: key,
            name: "",
            version: max(1, self.version),
            revision: ConfigRevision("\(self.modRevision)"),
            format: .binary,
            size: self.value.count,
            modifiedAt: nil
        )
    }
}

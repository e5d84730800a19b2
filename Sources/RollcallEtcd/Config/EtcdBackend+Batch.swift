public import Rollcall

extension EtcdBackend: ConfigBatchBackend {
    /// How many keys a transaction may change by etcd's usual settings.
    static let maximumChanges = 128

    /// See ``ConfigBatchBackend/apply(_:)``.
    ///
    /// - Throws: `tooLarge` for more than 128 changes, and for more than 1.5 MiB as they are stored.
    public func apply(_ changes: [ConfigChange]) async throws(BackendError) -> [ConfigEntry?] {
        try self.check(changes)
        guard !changes.isEmpty else { return [] }
        let reads = changes.map { EtcdOperation.read(EtcdRead(range: EtcdRange(key: self.keys.path($0.key.text)))) }
        for _ in 0..<Self.maximumAttempts {
            let look = EtcdTransaction(conditions: [], success: reads)
            let records = try await self.client.transact(look, "batch", key: nil).reads
            guard records.count == changes.count else {
                throw self.fault(
                    .protocolViolation,
                    "the answer has \(records.count) of \(changes.count)",
                    "batch",
                    nil
                )
            }
            if let entries = self.madeBefore(changes, records.map(\.records.first)) { return entries }
            var edits: [EtcdConfigEdit] = []
            for (change, found) in zip(changes, records) {
                edits.append(try EtcdConfigEdit(change, found.records.first, self.keys))
            }
            try self.checkSize(edits, "batch")
            if let entries = try await self.carryOut(edits) { return entries }
        }
        throw self.crowded("batch", nil)
    }

    /// What is stored, if the changes were made before by somebody who sends them again and nobody wrote over any.
    private func madeBefore(_ changes: [ConfigChange], _ records: [EtcdRecord?]) -> [ConfigEntry?]? {
        var entries: [ConfigEntry?] = []
        for (change, record) in zip(changes, records) {
            guard case .write(let draft) = change.action else {
                entries.append(nil)
                continue
            }
            guard let entry = self.entry(change.key, record, writtenAs: draft.writeID) else { return nil }
            entries.append(entry)
        }
        return entries.contains { $0 != nil } ? entries : nil
    }

    /// Makes all changes, and finds out whether they were made where no answer came.
    private func carryOut(_ edits: [EtcdConfigEdit]) async throws(BackendError) -> [ConfigEntry?]? {
        let transaction = EtcdTransaction(conditions: edits.map(\.condition), success: edits.map(\.operation))
        do throws(BackendError) {
            let outcome = try await self.client.transact(transaction, "batch", key: nil)
            return outcome.succeeded ? edits.map { $0.entry(at: outcome.header.revision) } : nil
        } catch {
            // All were made if one was; a deletion does not tell who made it.
            guard error.applied == .unknown, error.code != .cancelled,
                let edit = edits.first(where: { $0.envelope != nil }),
                let record = try? await self.record(edit.key, "batch"),
                let envelope = try? self.keys.decode(record.value), envelope.write == edit.envelope?.write
            else { throw error }
            return edits.map { $0.entry(at: record.modRevision) }
        }
    }
}

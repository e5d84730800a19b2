import Rollcall
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

// Registrations: what survives the process.
extension HubStore {
    /// Makes a change, notes it in the order of changes, and returns once it is in the file.
    func change<Value: Sendable>(
        _ operation: (inout RegistryTable) throws(BackendError) -> (Value, RegistryTable.Change?, [JournalRecord])
    ) throws(BackendError) -> Value {
        // While what came before cannot be written, nothing is added to it.
        try self.journal?.retryFailedWrite()
        let value = try self.registry.perform { table throws(BackendError) in
            let (value, change, records) = try operation(&table)
            self.caches.note(change, table)
            for record in records { self.journal?.note(record, revision: table.revision) }
            return (value, change)
        }
        try self.journal?.flush()
        return value
    }

    /// Says when the guard began to keep what ended.
    func reportGuard(since activations: inout Int) {
        let status = self.guardStatus
        guard status.activations > activations else { return }
        activations = status.activations
        let services = status.services.map { "\($0.count) of \($0.place.service)" }.joined(separator: ", ")
        self.log(.warning, "most leases of a service ended at once; kept for a while beyond their time: \(services)")
    }

    /// Writes what ended with its time, and the journal anew when most of it is history.
    func maintain() {
        guard let journal = self.journal else { return }
        do throws(BackendError) {
            try journal.flush()
            let limit = max(Self.compactionThreshold, self.compactedLength.load(ordering: .relaxed) * 4)
            if journal.length > limit { try self.compact() }
        } catch {
            self.log(.error, "the journal cannot be written: \(error)")
        }
    }

    /// Writes the journal anew.
    func compact() throws(BackendError) {
        guard let journal = self.journal else { return }
        let now = self.registry.clock.now
        try self.registry.perform { table throws(BackendError) in
            let records = JournalReplay.records(of: table, at: now, date: Date())
            journal.noteAll(epoch: self.epoch, records, revision: table.revision)
            return ((), nil)
        }
        try journal.flush()
        self.compactedLength.store(journal.length, ordering: .relaxed)
        if let failure = journal.takeFailedRewrite() {
            self.log(.warning, "the journal could not be written anew and goes on growing: \(failure)")
        }
    }
}

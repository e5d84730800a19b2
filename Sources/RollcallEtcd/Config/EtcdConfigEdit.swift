import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A change of a key, worked out from what is stored there: which transaction makes it, if that is still so.
struct EtcdConfigEdit: Sendable {
    let key: ConfigKey
    /// What is stored afterwards; `nil` for nothing.
    let envelope: ConfigEnvelope?
    /// What must still hold.
    let condition: EtcdCondition
    /// What is done.
    let operation: EtcdOperation

    /// Works a change out.
    ///
    /// - Parameters:
    ///   - change: The change.
    ///   - record: What is stored.
    ///   - keys: Where contents stand.
    ///   - date: The time.
    /// - Throws: `conflict` when what is stored is not what is expected, or the version is not above it; `notFound` when
    ///   a revision is to be deleted and nothing is stored; `invalidArgument` above the highest version, and for a content
    ///   that the layout has no place for; `protocolViolation` when what is stored cannot be understood.
    init(
        _ change: ConfigChange,
        _ record: EtcdRecord?,
        _ keys: any EtcdConfigLayout,
        date: Date = Date()
    ) throws(BackendError) {
        self.key = change.key
        try Self.check(change, record)
        let path = keys.path(change.key.text)
        self.condition = EtcdCondition(key: path, target: .modRevision(record?.modRevision ?? 0))
        switch change.action {
        case .delete:
            self.envelope = nil
            self.operation = .delete(EtcdRange(key: path))
        case .write(let draft):
            let version = try Self.version(draft.version, change.key, record, keys)
            let envelope = ConfigEnvelope(
                draft,
                version: version,
                modifiedAt: date.wholeMilliseconds,
                write: draft.writeID ?? RandomText.hexadecimal(words: 2)
            )
            self.envelope = envelope
            self.operation = .put(EtcdPut(key: path, value: try Self.encode(envelope, change.key, keys)))
        }
    }

    /// How many bytes it takes of a request, at most.
    var byteCount: Int {
        // The key stands in the condition, too; numbers and tags take less than the rest.
        guard case .put(let put) = self.operation else { return self.condition.key.count * 2 + 64 }
        return put.key.count * 2 + put.value.count + 64
    }

    private static func encode(
        _ envelope: ConfigEnvelope,
        _ key: ConfigKey,
        _ keys: any EtcdConfigLayout
    ) throws(BackendError) -> [UInt8] {
        do throws(BackendError) {
            return try keys.encode(envelope)
        } catch {
            var error = error
            error.backend = EtcdBackend.name
            error.key = key.text
            throw error
        }
    }

    /// The transaction that makes this change alone.
    var transaction: EtcdTransaction { EtcdTransaction(conditions: [self.condition], success: [self.operation]) }

    /// What is stored once it was made at a revision; `nil` for nothing.
    func entry(at revision: Int64) -> ConfigEntry? {
        self.envelope?.entry(self.key, revision: ConfigRevision("\(revision)"))
    }

    private static func check(_ change: ConfigChange, _ record: EtcdRecord?) throws(BackendError) {
        switch change.expectation {
        case .any: return
        case .absent:
            guard record != nil else { return }
            throw self.conflict(change.key, record, "something is stored already")
        case .revision(let revision):
            guard let record else {
                guard change.action != .delete else {
                    throw BackendError(.notFound, "nothing is stored", backend: EtcdBackend.name, key: change.key.text)
                }
                throw self.conflict(change.key, nil, "nothing is stored any more")
            }
            guard revision.text != "\(record.modRevision)" else { return }
            throw self.conflict(change.key, record, "something else is stored")
        }
    }

    private static func version(
        _ wished: Int64?,
        _ key: ConfigKey,
        _ record: EtcdRecord?,
        _ keys: any EtcdConfigLayout
    ) throws(BackendError) -> Int64 {
        let stored: Int64
        do throws(ValidationError) {
            stored = try record.map { (record) throws(ValidationError) in try keys.entry(record, key).version } ?? 0
        } catch {
            // It may be what a newer Rollcall wrote.
            throw BackendError(
                .protocolViolation,
                "what is stored cannot be understood, and is not written over: delete it first",
                backend: EtcdBackend.name,
                operation: "write",
                key: key.text,
                cause: error
            )
        }
        if let wished {
            guard wished > stored else {
                throw self.conflict(key, record, "version \(wished) is not above \(stored), which is stored")
            }
            return wished
        }
        guard stored < .max else {
            throw BackendError(
                .invalidArgument,
                "version: \(stored) is the highest there is; nothing goes above it",
                backend: EtcdBackend.name,
                key: key.text
            )
        }
        return stored + 1
    }

    private static func conflict(_ key: ConfigKey, _ record: EtcdRecord?, _ message: String) -> BackendError {
        var error = BackendError(.conflict, message, backend: EtcdBackend.name, operation: "write", key: key.text)
        error.currentRevision = record.map { "\($0.modRevision)" }
        return error
    }
}

extension Date {
    /// As it is stored.
    fileprivate var wholeMilliseconds: Date {
        Date(timeIntervalSince1970: (self.timeIntervalSince1970 * 1000).rounded() / 1000)
    }
}

import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What stands under one key of Consul's store.
struct KeyValueEntry: Hashable {
    var key = ""
    var value: [UInt8] = []
    var flags: UInt64 = 0
    /// The index at which it was changed last: its token for comparing and setting.
    var modifyIndex: UInt64 = 0
    /// The session that holds it as a lock; `nil` while it is free.
    var session: String?

    init() {}

    /// Reads an answer of `/v1/kv`.
    ///
    /// - Parameter json: An array of entries, `null` for none.
    /// - Returns: The entries.
    /// - Throws: A ``ValidationError`` that names the field.
    static func list(json: [UInt8]) throws(ValidationError) -> [KeyValueEntry] {
        var entries: [KeyValueEntry] = []
        var reader = JSONReader(json)
        if try !reader.isNull() {
            try reader.array { (reader) throws(ValidationError) in entries.append(try KeyValueEntry(from: &reader)) }
        }
        try reader.end()
        return entries
    }

    /// Reads an entry.
    init(from reader: inout JSONReader) throws(ValidationError) {
        var entry = KeyValueEntry()
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "Key": entry.key = try reader.string()
            case "Value":
                guard let data = Data(base64Encoded: try reader.optionalString()) else {
                    throw ValidationError(field: "", message: "is not Base64")
                }
                entry.value = Array(data)
            case "Flags": entry.flags = try reader.unsigned()
            case "ModifyIndex": entry.modifyIndex = try reader.unsigned()
            case "Session":
                let session = try reader.optionalString()
                entry.session = session.isEmpty ? nil : session
            default: try reader.skip()
            }
        }
        guard !entry.key.isEmpty else { throw ValidationError(field: "Key", message: "is missing") }
        guard entry.modifyIndex > 0 else { throw ValidationError(field: "ModifyIndex", message: "is missing or 0") }
        self = entry
    }
}

/// One operation of a transaction on the store.
struct KeyValueOperation: Hashable {
    /// What is done.
    enum Verb: String {
        case set
        case get
        /// Stores, if the index is that of what is stored; 0 for nothing.
        case compareAndSet = "cas"
        case delete
        case compareAndDelete = "delete-cas"
        case lock
        case checkSession = "check-session"
        case checkIndex = "check-index"
        case checkAbsence = "check-not-exists"
    }

    let verb: Verb
    let key: String
    var value: [UInt8]?
    var flags: UInt64 = 0
    var index: UInt64?
    var session: String?

    /// Creates an operation.
    init(
        _ verb: Verb,
        _ key: String,
        value: [UInt8]? = nil,
        flags: UInt64 = 0,
        index: UInt64? = nil,
        session: String? = nil
    ) {
        self.verb = verb
        self.key = key
        self.value = value
        self.flags = flags
        self.index = index
        self.session = session
    }

    /// The document of a transaction.
    static func json(_ operations: [KeyValueOperation]) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + operations.reduce(0) { $0 + ($1.value?.count ?? 0) * 4 / 3 + 256 })
        writer.array { writer in
            for operation in operations {
                writer.object { writer in
                    writer.key("KV")
                    writer.object { writer in operation.write(to: &writer) }
                }
            }
        }
        return writer.bytes
    }

    private func write(to writer: inout JSONWriter) {
        writer.member("Verb", self.verb.rawValue)
        writer.member("Key", self.key)
        if let value = self.value { writer.member("Value", Data(value).base64EncodedString()) }
        if self.flags != 0 {
            writer.key("Flags")
            writer.integer(self.flags)
        }
        if let index = self.index {
            writer.key("Index")
            writer.integer(index)
        }
        if let session = self.session { writer.member("Session", session) }
    }
}

/// What became of a transaction.
enum TransactionOutcome: Hashable {
    /// All was done; what is told of the keys, of which deletions tell nothing.
    case done([KeyValueEntry])
    /// Nothing was: the operations that could not be, and why.
    case refused([Refusal])

    /// An operation that could not be done.
    struct Refusal: Hashable {
        let operation: Int
        let reason: String
    }

    /// Reads an answer of `/v1/txn`.
    ///
    /// - Parameter json: The answer, whether its status is 200 or 409.
    /// - Throws: A ``ValidationError`` that names the field.
    init(json: [UInt8]) throws(ValidationError) {
        var entries: [KeyValueEntry] = []
        var refusals: [Refusal] = []
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "Results" || name == "Errors" else { return try reader.skip() }
            guard try !reader.isNull() else { return }
            try reader.array { (reader) throws(ValidationError) in
                if name == "Errors" { return refusals.append(try Self.refusal(from: &reader)) }
                try reader.object { (reader, kind) throws(ValidationError) in
                    guard kind == "KV" else { return try reader.skip() }
                    if try !reader.isNull() { entries.append(try KeyValueEntry(from: &reader)) }
                }
            }
        }
        try reader.end()
        self = refusals.isEmpty ? .done(entries) : .refused(refusals)
    }

    private static func refusal(from reader: inout JSONReader) throws(ValidationError) -> Refusal {
        var (operation, reason) = (0, "")
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "OpIndex": operation = try reader.integer()
            case "What": reason = try reader.optionalString()
            default: try reader.skip()
            }
        }
        return Refusal(operation: operation, reason: reason)
    }
}

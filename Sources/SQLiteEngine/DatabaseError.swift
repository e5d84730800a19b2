import CSQLite
package import Rollcall

/// Why SQLite did not do something.
package struct DatabaseError: Error, Hashable, Sendable {
    /// What to make of it.
    package enum Kind: Hashable, Sendable {
        /// The file is no database, or is damaged.
        case damaged
        /// There is no room left.
        case full
        /// Another process uses the file.
        case busy
        /// Anything else, mostly of the system.
        case failed
    }

    /// What to make of it.
    package let kind: Kind
    /// SQLite's extended result code.
    package let code: Int32
    /// What SQLite says, without any value that was stored.
    package let message: String

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - code: SQLite's extended result code.
    ///   - message: What SQLite says.
    package init(code: Int32, message: String) {
        self.code = code
        self.message = message
        self.kind =
            switch code & 0xFF {
            case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_SCHEMA: .damaged
            case SQLITE_FULL: .full
            case SQLITE_BUSY, SQLITE_LOCKED: .busy
            default: .failed
            }
    }

    /// Creates an error for contents that cannot be what was written.
    ///
    /// - Parameter message: What is wrong.
    package init(damaged message: String) {
        self.init(code: SQLITE_CORRUPT, message: message)
    }

    /// Says the same of a backend.
    ///
    /// - Parameters:
    ///   - what: What could not be done: `the state cannot be written`.
    ///   - path: Of which file.
    /// - Returns: `protocolViolation` for what is damaged, else `unavailable`.
    package func backendError(_ what: String, path: String) -> BackendError {
        let reason =
            switch self.kind {
            case .damaged: "the file is damaged or no database (\(self.message))"
            case .full: "the disk is full"
            case .busy: "another process uses the file"
            case .failed: "\(self.message) (SQLite error \(self.code))"
            }
        return BackendError(self.kind == .damaged ? .protocolViolation : .unavailable, "\(what) at \(path): \(reason)")
    }
}

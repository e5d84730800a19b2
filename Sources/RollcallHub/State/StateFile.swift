import Rollcall
import SQLiteEngine
import Synchronization

/// The file that holds what must survive a power cut: configuration with its history, candidates, and who holds locks.
///
/// A database of SQLite with a write-ahead log that is synced with each commit. Whoever calls it may have to wait for
/// the disk.
final class StateFile: Sendable {
    /// The file's name within the data folder.
    static let name = "state.sqlite"

    /// Where it is.
    let path: String
    private let writer: Mutex<StateTables>

    private init(path: String, tables: sending StateTables) {
        self.path = path
        self.writer = Mutex(tables)
    }

    /// Opens the file of a folder, and makes it where it is missing.
    ///
    /// - Parameters:
    ///   - folder: The data folder, which the caller has locked; `nil` for one that keeps nothing.
    ///   - historyLimit: How many states of a key are kept, the present one among them.
    /// - Returns: The file and what it has.
    /// - Throws: `protocolViolation` for a file that is damaged, newer or something else; `unavailable`.
    static func open(
        folder: String?,
        historyLimit: Int = ConfigTable.usualHistoryLimit
    ) throws(BackendError) -> (file: StateFile, contents: StateContents) {
        let path = folder.map { $0 + "/" + Self.name } ?? Database.memoryPath
        if let folder {
            try HubBackup.checkFolder(folder)
            try BackupFile.makePrivateFile(at: path)
        }
        let database = try Self.database(path)
        try StateSchema.prepare(database, path: path)
        do throws(DatabaseError) {
            let tables = try StateTables(database, historyLimit: historyLimit)
            let contents = try tables.contents()
            return (StateFile(path: path, tables: tables), contents)
        } catch {
            throw error.backendError("the configuration cannot be read", path: path)
        }
    }

    private static func database(_ path: String) throws(BackendError) -> Database {
        do throws(DatabaseError) {
            let database = try Database(path: path)
            // One process has the folder, so that the log needs no shared memory beside it.
            try database.execute("PRAGMA locking_mode = EXCLUSIVE")
            if path != Database.memoryPath {
                guard try database.text("PRAGMA journal_mode = WAL") == "wal" else {
                    throw DatabaseError(code: 1, message: "no write-ahead log can be kept there")
                }
            }
            try database.execute("PRAGMA synchronous = FULL")
            // 16 MB: pages that are written again and again go into the file once in a while only.
            try database.execute("PRAGMA wal_autocheckpoint = 4000")
            return database
        } catch {
            throw error.backendError("the configuration cannot be opened", path: path)
        }
    }

    /// Checks a backup's file that is to be put in place, and moves its counts on.
    ///
    /// - Parameter path: The file.
    /// - Returns: How many keys have something stored.
    /// - Throws: `protocolViolation` for a file that is damaged, newer or something else.
    static func prepareRestored(at path: String) throws(BackendError) -> Int {
        let database = try Self.database(path)
        try StateSchema.prepare(database, path: path)
        do throws(DatabaseError) {
            let contents = try StateTables(database, historyLimit: ConfigTable.usualHistoryLimit).contents()
            let step = StateSchema.restoreStep
            try database.transaction { () throws(DatabaseError) in
                try database.execute("DELETE FROM locks")
                try database.execute(
                    """
                    UPDATE meta SET value = \(Int64(clamping: contents.revision) + step) WHERE name = 'revision';
                    UPDATE meta SET value = \(Int64(clamping: contents.lastToken) + step) WHERE name = 'token';
                    """
                )
            }
            // Nothing of it must be left in a log of another name.
            try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            try database.execute("PRAGMA journal_mode = DELETE")
            return contents.states.count { !$0.item.isDeletion }
        } catch {
            throw error.backendError("the backup cannot be read", path: path)
        }
    }

    /// Writes records, all or none, and returns once they are on the disk.
    ///
    /// - Throws: `unavailable`, `applied` unknown.
    func commit(_ records: [StateRecord]) throws(BackendError) {
        try self.perform("written") { tables throws(DatabaseError) in try tables.commit(records) }
    }

    /// The states that a key had, newest first, without contents.
    func history(at place: ConfigTable.Place) throws(BackendError) -> [ConfigHistoryItem] {
        try self.perform("read") { tables throws(DatabaseError) in try tables.history(at: place) }
    }

    /// A state that a key had; `nil` when it is not kept.
    func item(at place: ConfigTable.Place, version: Int64) throws(BackendError) -> ConfigTable.Item? {
        try self.perform("read") { tables throws(DatabaseError) in try tables.item(at: place, version: version) }
    }

    /// The state that a write left; `nil` when it is not kept.
    func item(at place: ConfigTable.Place, writtenAs write: WriteID) throws(BackendError) -> ConfigTable.Item? {
        try self.perform("read") { tables throws(DatabaseError) in try tables.item(at: place, writtenAs: write) }
    }

    /// Writes all that there is into a new file.
    func copy(into path: String) throws(BackendError) {
        try self.perform("copied") { tables throws(DatabaseError) in try tables.database.copy(into: path) }
    }

    private func perform<Value: Sendable>(
        _ verb: String,
        _ body: @Sendable (StateTables) throws(DatabaseError) -> Value
    ) throws(BackendError) -> Value {
        let result = self.writer.withLock { tables -> Result<Value, DatabaseError> in
            do throws(DatabaseError) {
                return .success(try body(tables))
            } catch {
                return .failure(error)
            }
        }
        do throws(DatabaseError) {
            return try result.get()
        } catch {
            var fault = error.backendError("the configuration cannot be \(verb)", path: self.path)
            fault.applied = .unknown
            throw fault
        }
    }
}

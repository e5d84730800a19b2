import Rollcall
import SQLiteEngine

/// The tables of the file, and how a file is told from others.
enum StateSchema {
    /// Says in the file's head whose it is: `Roll`.
    static let application: Int64 = 0x526F_6C6C
    /// The version of the tables; a file of a higher one is refused.
    static let version: Int64 = 2

    /// How far counts are moved on when a backup is put back: what was given out after it must not be given again.
    ///
    /// More than a hub writes in thirty years at a million writes a minute would be needed to reach it.
    static let restoreStep: Int64 = 1 << 44

    private static let tables = """
        CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE places (id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, key TEXT NOT NULL);
        CREATE TABLE states (
            revision INTEGER PRIMARY KEY, place INTEGER NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,
            format TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL, deletion INTEGER NOT NULL,
            checksum INTEGER NOT NULL, write_high INTEGER NOT NULL, write_low INTEGER NOT NULL, bytes BLOB NOT NULL
        );
        CREATE TABLE candidates (
            place INTEGER PRIMARY KEY, revision INTEGER NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,
            format TEXT NOT NULL, modified INTEGER NOT NULL, audience TEXT NOT NULL, bytes BLOB NOT NULL,
            checksum INTEGER NOT NULL
        );
        CREATE TABLE locks (
            namespace TEXT NOT NULL, name TEXT NOT NULL, proof TEXT NOT NULL, token INTEGER NOT NULL,
            ttl INTEGER NOT NULL, PRIMARY KEY (namespace, name)
        ) WITHOUT ROWID;
        INSERT INTO meta VALUES ('revision', 0), ('token', 0);
        """

    /// Makes the tables of a new file; checks those of one that was there.
    ///
    /// - Parameters:
    ///   - database: The open file.
    ///   - path: Where it is.
    /// - Throws: `protocolViolation` for a file that is damaged, newer, or something else; `unavailable`.
    static func prepare(_ database: Database, path: String) throws(BackendError) {
        let refusal: String?
        do throws(DatabaseError) {
            let application = try database.integer("PRAGMA application_id")
            let version = try database.integer("PRAGMA user_version")
            let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
            if isEmpty, application == 0, version == 0 { return try Self.make(database) }
            let foreign = Self.refusal(application, version)
            refusal = if let foreign { foreign } else { try Self.damage(database) }
        } catch {
            throw error.backendError("the configuration cannot be read", path: path)
        }
        if let refusal { throw BackendError(.protocolViolation, "\(path) \(refusal)") }
    }

    private static func make(_ database: Database) throws(DatabaseError) {
        try database.transaction { () throws(DatabaseError) in
            try database.execute(Self.tables)
            try database.execute("PRAGMA application_id = \(Self.application)")
            try database.execute("PRAGMA user_version = \(Self.version)")
        }
    }

    private static func refusal(_ application: Int64, _ version: Int64) -> String? {
        guard application == Self.application else { return "is a database of something else than Rollcall" }
        guard version != Self.version else { return nil }
        return "has version \(version) and this program knows version \(Self.version): "
            + "use the Rollcall that wrote it, or one that is newer"
    }

    private static func damage(_ database: Database) throws(DatabaseError) -> String? {
        let verdict = try database.text("PRAGMA integrity_check(1)")
        guard verdict != "ok" else { return nil }
        return
            "is damaged (\(verdict)): put a backup back with 'rollcall hub restore', or move the file away to begin anew"
    }
}

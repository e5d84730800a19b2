import CSQLite

/// An open database of SQLite.
///
/// It belongs to one thread at a time; whoever shares it puts it behind a lock.
package final class Database {
    /// Lives in memory, and is gone with the last use.
    package static let memoryPath = ":memory:"

    let handle: OpaquePointer

    /// Opens a database, and makes it where there is none.
    ///
    /// - Parameter path: Its file, or ``memoryPath``.
    /// - Throws: A ``DatabaseError``.
    package init(path: String) throws(DatabaseError) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let status = sqlite3_open_v2(path, &handle, flags, nil)
        guard let handle else { throw DatabaseError(code: SQLITE_NOMEM, message: "out of memory") }
        self.handle = handle
        guard status == SQLITE_OK else { throw self.error(status) }
        try self.check(csqlite_disable_double_quoted_strings(handle))
        try self.check(csqlite_be_defensive(handle))
    }

    deinit {
        // Statements keep their database alive, so that none is left.
        sqlite3_close_v2(self.handle)
    }

    /// Runs statements that return nothing.
    ///
    /// - Parameter sql: The statements.
    /// - Throws: A ``DatabaseError``.
    package func execute(_ sql: String) throws(DatabaseError) {
        try self.check(sqlite3_exec(self.handle, sql, nil, nil, nil))
    }

    /// Prepares a statement for use again and again.
    ///
    /// - Parameter sql: One statement.
    /// - Returns: The statement.
    /// - Throws: A ``DatabaseError``.
    package func prepare(_ sql: String) throws(DatabaseError) -> Statement {
        try Statement(sql, of: self)
    }

    /// Runs `body` in a transaction, which is taken back when it throws.
    ///
    /// - Parameter body: Makes the changes.
    /// - Returns: What `body` returns.
    /// - Throws: A ``DatabaseError``; of the changes none is made then.
    package func transaction<Value>(_ body: () throws(DatabaseError) -> Value) throws(DatabaseError) -> Value {
        try self.execute("BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            let value = try body()
            try self.execute("COMMIT")
            return value
        } catch {
            // Some failures end the transaction by themselves (SQLite, "Response To Errors Within A Transaction").
            if sqlite3_get_autocommit(self.handle) == 0 { try? self.execute("ROLLBACK") }
            throw error
        }
    }

    /// The first column of the first row that a statement returns, as a whole number.
    ///
    /// - Parameter sql: The statement.
    /// - Returns: The number; 0 where there is no row.
    /// - Throws: A ``DatabaseError``.
    package func integer(_ sql: String) throws(DatabaseError) -> Int64 {
        let statement = try self.prepare(sql)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// The first column of the first row that a statement returns, as a text.
    ///
    /// - Parameter sql: The statement.
    /// - Returns: The text; empty where there is no row.
    /// - Throws: A ``DatabaseError``.
    package func text(_ sql: String) throws(DatabaseError) -> String {
        let statement = try self.prepare(sql)
        return try statement.step() ? statement.text(0) : ""
    }

    /// Writes all that is in the database into a new file, without gaps.
    ///
    /// - Parameter path: The file, which must not be there.
    /// - Throws: A ``DatabaseError``.
    package func copy(into path: String) throws(DatabaseError) {
        let statement = try self.prepare("VACUUM INTO ?")
        try statement.bind(path, 1)
        _ = try statement.step()
    }

    func check(_ status: Int32) throws(DatabaseError) {
        guard status == SQLITE_OK else { throw self.error(status) }
    }

    func error(_ status: Int32) -> DatabaseError {
        DatabaseError(code: status, message: String(cString: sqlite3_errmsg(self.handle)))
    }
}

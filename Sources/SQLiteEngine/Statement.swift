import CSQLite

/// A prepared statement.
package final class Statement {
    private let database: Database
    private let handle: OpaquePointer

    init(_ sql: String, of database: Database) throws(DatabaseError) {
        var handle: OpaquePointer?
        try database.check(
            sqlite3_prepare_v3(database.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        )
        guard let handle else { throw DatabaseError(code: SQLITE_MISUSE, message: "the statement is empty") }
        self.database = database
        self.handle = handle
    }

    deinit {
        sqlite3_finalize(self.handle)
    }

    /// Sets a parameter.
    ///
    /// - Parameters:
    ///   - value: The number.
    ///   - index: Which parameter, from 1.
    /// - Throws: A ``DatabaseError``.
    package func bind(_ value: Int64, _ index: Int32) throws(DatabaseError) {
        try self.database.check(sqlite3_bind_int64(self.handle, index, value))
    }

    /// Sets a parameter.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - index: Which parameter, from 1.
    /// - Throws: A ``DatabaseError``.
    package func bind(_ text: String, _ index: Int32) throws(DatabaseError) {
        var text = text
        let status = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { chars in
                csqlite_bind_text(self.handle, index, chars.baseAddress, Int32(chars.count))
            }
        }
        try self.database.check(status)
    }

    /// Sets a parameter.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - index: Which parameter, from 1.
    /// - Throws: A ``DatabaseError``.
    package func bind(_ bytes: [UInt8], _ index: Int32) throws(DatabaseError) {
        let status = bytes.withUnsafeBytes {
            csqlite_bind_blob(self.handle, index, $0.baseAddress, Int32($0.count))
        }
        try self.database.check(status)
    }

    /// Takes the next row.
    ///
    /// - Returns: Whether there is one.
    /// - Throws: A ``DatabaseError``.
    package func step() throws(DatabaseError) -> Bool {
        switch sqlite3_step(self.handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let status:
            let error = self.database.error(status)
            sqlite3_reset(self.handle)
            throw error
        }
    }

    /// Runs the statement, which returns no rows, and makes it ready for the next time.
    ///
    /// - Throws: A ``DatabaseError``.
    package func run() throws(DatabaseError) {
        _ = try self.step()
        self.reset()
    }

    /// Makes the statement ready for the next time; parameters keep their values.
    package func reset() {
        // It repeats the error of the last step, which was thrown already.
        sqlite3_reset(self.handle)
    }

    /// A column of the present row as a whole number, from 0.
    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(self.handle, column) }

    /// A column of the present row as a text, from 0.
    package func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(self.handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(self.handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// A column of the present row as bytes, from 0.
    package func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(self.handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(self.handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}

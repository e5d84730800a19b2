#include <sqlite3.h>

// SQLITE_TRANSIENT is a cast that Swift does not import.

static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int length) {
    // No text at all would stand for NULL.
    return sqlite3_bind_text(statement, index, length == 0 ? "" : text, length, SQLITE_TRANSIENT);
}

static inline int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int length) {
    return length == 0 ? sqlite3_bind_zeroblob(statement, index, 0)
                       : sqlite3_bind_blob(statement, index, bytes, length, SQLITE_TRANSIENT);
}

// Variadic functions are not imported either.

static inline int csqlite_disable_double_quoted_strings(sqlite3 *database) {
    int status = sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, (void *)0);
    return status ? status : sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DDL, 0, (void *)0);
}

// A file that was tampered with runs nothing of its own.
static inline int csqlite_be_defensive(sqlite3 *database) {
    int status = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (void *)0);
    return status ? status : sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (void *)0);
}

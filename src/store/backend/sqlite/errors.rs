//! The words of SQLite's errors (<https://www.sqlite.org/rescode.html>).

use crate::store::backend::known_error::{COLUMN, KnownError, MIGRATE, OWN_TABLES, USERS};

/// Errors with a hint.
pub const KNOWN: &[KnownError] = &[
    KnownError::transient(
        &["database is locked"],
        "another program has been writing to the file for a long time; let it finish, or end it",
    ),
    KnownError::transient(&["database or disk is full"], "free space on the disk of the file"),
    KnownError::permanent(
        &["readonly database"],
        "let this user write to the file and to its directory, where SQLite keeps its -wal and -shm files",
    ),
    KnownError::permanent(
        &["file is not a database"],
        "DATABASE_URL names a file of another kind; name another file",
    ),
    KnownError::permanent(
        &["unable to open"],
        "check that DATABASE_URL names a file, and that this user may write to it and to its directory",
    ),
    KnownError::about_table(&["no such table: events"], OWN_TABLES),
    KnownError::about_table(&["no such table: participants"], OWN_TABLES),
    KnownError::about_table(&["no such table: users"], USERS),
    KnownError::about_table(&["no such table"], MIGRATE),
    KnownError::about_table(&["no such column"], COLUMN),
    KnownError::transient(
        &["disk I/O error"],
        "check that the disk is not full, that the file is still there, and the system's log for disk errors",
    ),
    KnownError::permanent(
        &["disk image is malformed"],
        "the file is damaged; restore it from a backup, and do not copy it while fanmail runs",
    ),
];

/// Of a transaction that another one was in the way of. diesel knows them all.
pub const CONFLICTS: &[&str] = &[];

/// Of a lost connection: a file has none to lose.
pub const CONNECTION_LOST: &[&str] = &[];

#[cfg(test)]
mod tests {
    use crate::store::error::StoreError;

    #[test]
    fn transient_errors_are_told_from_permanent_ones() {
        let is_transient = |cause: &str| StoreError::new("test", &cause).is_transient();
        for cause in ["database is locked", "database or disk is full", "timed out waiting for connection"] {
            assert!(is_transient(cause), "{cause}");
        }
        for cause in ["file is not a database", "no such table: events", "out of order"] {
            assert!(!is_transient(cause), "{cause}");
        }
    }
}

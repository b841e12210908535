//! The words of errors of `MySQL` and `MariaDB` and of their client libraries, in English: a server that speaks another
//! language is not understood.

use crate::store::backend::known_error::{
    COLUMN, DISK, KnownError, MIGRATE, OWN_TABLES, START, USERS, server,
};

const TLS: &str = "give the server TLS, or ask for less with ssl_mode in DATABASE_URL";

/// Errors with a hint.
pub const KNOWN: &[KnownError] = &[
    // Cause: CONC-821, diesel issue 5091.
    KnownError::misconfiguration(
        &["reads wrong data", "has \"", "but \"\" was read"],
        "MariaDB Connector/C 3.3.19 and 3.4.9 return texts empty. Debian's libmariadb3 10.11.18 has 3.3.19. \
         Install another version. On Debian 12, add the security suite to the sources of apt \
         (deb http://deb.debian.org/debian-security bookworm-security main) and run \
         apt-get update && apt-get install libmariadb3; nothing is read or mailed with this version",
    ),
    // TLS.
    KnownError::permanent(&["TLS is required by ssl_mode"], TLS),
    KnownError::permanent(&["SSL is required, but the server does not support it"], TLS),
    KnownError::permanent(&["certificate verify failed"], server::CERTIFICATE),
    KnownError::permanent(&["self-signed certificate"], server::CERTIFICATE),
    KnownError::permanent(&["Certificate verification failure"], server::CERTIFICATE),
    KnownError::permanent(&["TLS/SSL error: No such file"], server::CERTIFICATE),
    // The login.
    KnownError::permanent(
        &["Access denied for user", "to database"],
        "grant the user of DATABASE_URL all rights on that database",
    ),
    KnownError::permanent(&["Access denied for user"], server::LOGIN),
    KnownError::permanent(&["Unknown database"], server::NO_DATABASE),
    KnownError::permanent(
        &["Authentication plugin"],
        "install the plugins of the client library (Debian: libmariadb3), or let the user log in with a password",
    ),
    KnownError::transient(&["Too many connections"], server::MANY),
    // The server is away.
    KnownError::transient(&["Can't connect to"], START),
    KnownError::transient(&["Unknown", "server host"], server::NAME),
    KnownError::transient(&["gone away"], server::LOST),
    KnownError::transient(&["Lost connection"], server::LOST),
    // A statement fails.
    KnownError::transient(&["Lock wait timeout"], server::LOCK),
    KnownError::transient(&["Deadlock found"], server::DEADLOCK),
    KnownError::transient(&["The table '", "is full"], DISK),
    KnownError::permanent(&["read-only"], server::READ_ONLY),
    KnownError::transient(&["Query execution was interrupted"], server::INTERRUPTED),
    KnownError::about_table(&["command denied to user"], server::DENIED),
    KnownError::about_table(&["Table '", ".events' doesn't exist"], OWN_TABLES),
    KnownError::about_table(&["Table '", ".participants' doesn't exist"], OWN_TABLES),
    KnownError::about_table(&["Table '", ".users' doesn't exist"], USERS),
    KnownError::about_table(&["Table '", "' doesn't exist"], MIGRATE),
    KnownError::about_table(&["Unknown column"], COLUMN),
];

/// Of a transaction that another one was in the way of, beside those that diesel knows: a deadlock or a wait for a lock,
/// and `MariaDB`'s changed row.
pub const CONFLICTS: &[&str] = &["try restarting transaction", "Record has changed since last read"];

/// Of a connection that is lost. diesel has no kind of error for it.
pub const CONNECTION_LOST: &[&str] = &["server has gone away", "Lost connection"];

#[cfg(test)]
mod tests {
    use crate::store::error::StoreError;

    #[test]
    fn transient_errors_are_told_from_permanent_ones() {
        let is_transient = |cause: &str| StoreError::new("test", &cause).is_transient();
        for cause in [
            "Can't connect to server on 'db' (115)",
            "Lost connection to server during query",
            "Deadlock found when trying to get lock; try restarting transaction",
        ] {
            assert!(is_transient(cause), "{cause}");
        }
        for cause in [
            "Access denied for user 'me'@'db' (using password: YES)",
            "Unknown database 'app'",
            "out of order",
        ] {
            assert!(!is_transient(cause), "{cause}");
        }
    }
}

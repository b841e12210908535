//! The words of errors of `PostgreSQL` and of its client library, in English: a server that speaks another language is not
//! understood.

use crate::store::backend::known_error::{COLUMN, KnownError, MIGRATE, OWN_TABLES, START, USERS, server};

const TLS: &str = "give the server TLS, or ask for less with sslmode in DATABASE_URL";

/// A table or view was changed after a statement was prepared. All connections have prepared it.
const STALE_PLAN: &str = "cached plan must not change result type";

/// Errors with a hint.
pub const KNOWN: &[KnownError] = &[
    // TLS.
    KnownError::permanent(&["server does not support SSL"], TLS),
    KnownError::permanent(&["certificate verify failed"], server::CERTIFICATE),
    KnownError::permanent(&["self-signed certificate"], server::CERTIFICATE),
    KnownError::permanent(&["server certificate for"], server::CERTIFICATE),
    KnownError::permanent(&["root certificate file"], server::CERTIFICATE),
    // The login.
    KnownError::permanent(&["password authentication failed"], server::LOGIN),
    KnownError::permanent(&["no password supplied"], server::LOGIN),
    KnownError::permanent(&["pg_hba.conf"], server::LOGIN),
    KnownError::permanent(&["role ", " does not exist"], server::LOGIN),
    KnownError::permanent(&["FATAL:", "database ", " does not exist"], server::NO_DATABASE),
    KnownError::permanent(
        &["invalid connection option"],
        "remove it from DATABASE_URL, or update PostgreSQL's client library",
    ),
    KnownError::transient(&["too many clients"], server::MANY),
    KnownError::transient(&["remaining connection slots"], server::MANY),
    KnownError::transient(&["too many connections"], server::MANY),
    // The server is away.
    KnownError::transient(&["the database system is"], "wait until it is ready"),
    KnownError::transient(&["timeout expired"], START),
    KnownError::transient(&["could not translate host name"], server::NAME),
    KnownError::transient(&["server closed the connection"], server::LOST),
    KnownError::transient(&["terminating connection"], server::LOST),
    KnownError::transient(&["could not receive data"], server::LOST),
    // A statement fails.
    KnownError::transient(
        &[STALE_PLAN],
        "a table or view was changed; the next statement reads it as it is now",
    ),
    KnownError::transient(&["lock timeout"], server::LOCK),
    KnownError::transient(&["deadlock detected"], server::DEADLOCK),
    KnownError::transient(&["canceling statement due to"], server::INTERRUPTED),
    KnownError::permanent(&["read-only"], server::READ_ONLY),
    KnownError::about_table(&["permission denied for"], server::DENIED),
    KnownError::permanent(&["must be owner of"], "run `fanmail migrate` as the user that owns the tables"),
    KnownError::about_table(&["relation \"events\" does not exist"], OWN_TABLES),
    KnownError::about_table(&["relation \"participants\" does not exist"], OWN_TABLES),
    KnownError::about_table(&["relation \"users\" does not exist"], USERS),
    KnownError::about_table(&["relation ", " does not exist"], MIGRATE),
    KnownError::about_table(&["column ", " does not exist"], COLUMN),
];

/// Of a transaction that another one was in the way of, beside those that diesel knows.
pub const CONFLICTS: &[&str] = &["deadlock detected"];

/// Of a connection that is lost, or of no use any more.
pub const CONNECTION_LOST: &[&str] =
    &["server closed the connection", "terminating connection", "could not receive data", STALE_PLAN];

#[cfg(test)]
mod tests {
    use crate::store::error::StoreError;

    #[test]
    fn transient_errors_are_told_from_permanent_ones() {
        let is_transient = |cause: &str| StoreError::new("test", &cause).is_transient();
        for cause in [
            "connection to server at \"10.0.0.1\", port 5432 failed: timeout expired",
            "FATAL: the database system is starting up",
        ] {
            assert!(is_transient(cause), "{cause}");
        }
        for cause in [
            "must be owner of table notifications",
            "FATAL: password authentication failed for user \"me\"",
            "FATAL: database \"app\" does not exist",
            "out of order",
        ] {
            assert!(!is_transient(cause), "{cause}");
        }
    }
}

//! What an error of a database means: whether it is known, whether the transaction may be repeated, whether the
//! connection is lost. The words that decide stand in the folders of the databases.

use diesel::result::{DatabaseErrorKind, Error};

use crate::store::backend::any::{AnyConnection, dispatch, of_every_database};
use crate::store::backend::known_error::{COMMON, KnownError};

/// The first known error that fits. A cause names no database, but its words do.
pub fn find_known(cause: &str) -> Option<&'static KnownError> {
    let tables = of_every_database!(errors::KNOWN);
    tables.into_iter().flatten().chain(COMMON).find(|known| known.matches(cause))
}

/// Whether a transaction failed only because another one was in its way: repeated, it may succeed.
pub fn is_conflict(connection: &AnyConnection, error: &Error) -> bool {
    match error {
        Error::DatabaseError(
            DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation,
            _,
        ) => true,
        Error::DatabaseError(_, cause) => {
            contains_any(cause.message(), dispatch!(connection, AnyConnection => errors::CONFLICTS))
        }
        _ => false,
    }
}

/// A row is not any more as it was read, which counts as a conflict.
pub fn changed_by_another_worker() -> Error {
    let cause = "another worker has changed a row that was read".to_owned();
    Error::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(cause))
}

/// Whether a statement failed over what it had to read: the database works, and no other transaction was in the way. Errors
/// whose words are not known count.
pub fn is_unreadable(connection: &AnyConnection, error: &Error) -> bool {
    match error {
        Error::DeserializationError(_) => true,
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _) => false,
        Error::DatabaseError(_, cause) => {
            find_known(cause.message()).is_none_or(|known| known.is_about_table)
                && !is_conflict(connection, error)
                && !is_connection_lost(connection, error)
        }
        _ => false,
    }
}

/// Whether the connection is lost, or of no use any more.
pub fn is_connection_lost(connection: &AnyConnection, error: &Error) -> bool {
    match error {
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
            _,
        ) => true,
        Error::DatabaseError(_, cause) => {
            contains_any(cause.message(), dispatch!(connection, AnyConnection => errors::CONNECTION_LOST))
        }
        _ => false,
    }
}

fn contains_any(message: &str, words: &[&str]) -> bool {
    words.iter().any(|words| message.contains(words))
}

//! The error of every database operation: what was tried, the cause, and a hint for the reader.

use std::error::Error;
use std::fmt;
use std::path::Path;

use crate::exit_code::{FAILED, HasExitCode, MISCONFIGURED};
use crate::store::backend::errors;
use crate::store::backend::grants::missing_right;
use crate::store::backend::known_error::{COLUMN, USERS};
use crate::text::clean::one_line;
use crate::version::VERSION;

/// What libpq asks and supposes behind the cause. The hint says what to do.
const QUESTIONS: [&str; 3] = [
    " Is the server running on that host and accepting TCP/IP connections?",
    " Is the server running locally and accepting connections on that socket?",
    " This probably means the server terminated abnormally before or while processing the request.",
];

/// An error of diesel with its causes: it names a column that cannot be read, and its cause says why.
pub(super) fn with_causes(error: &diesel::result::Error) -> String {
    let mut text = error.to_string();
    let mut cause: Option<&dyn Error> = match error {
        diesel::result::Error::DeserializationError(outer) => outer.source(),
        _ => None,
    };
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A failed database operation. It may always be repeated later.
#[derive(Debug, thiserror::Error)]
pub struct StoreError {
    operation: String,
    cause: String,
    hint: Option<String>,
    transient: bool,
    misconfigured: bool,
    unreadable: bool,
}

impl StoreError {
    /// `operation` completes "could not …". The words of the cause decide about the hint.
    pub(crate) fn new(operation: &str, cause: &dyn fmt::Display) -> Self {
        let cause = QUESTIONS
            .iter()
            .fold(one_line(&cause.to_string()), |cause, question| cause.replace(question, ""));
        let known = errors::find_known(&cause);
        Self {
            operation: operation.to_owned(),
            hint: known.map(|known| known.hint.to_owned()),
            transient: known.is_some_and(|known| known.is_transient),
            misconfigured: known.is_some_and(|known| known.is_misconfiguration),
            unreadable: false,
            cause,
        }
    }

    /// The same of a statement that failed over what it had to read.
    pub(crate) fn unreadable(operation: &str, cause: &dyn fmt::Display) -> Self {
        Self { unreadable: true, ..Self::new(operation, cause) }
    }

    /// A newer fanmail has made the tables.
    pub(super) fn newer_tables(found: &str, wanted: &str) -> Self {
        let cause = format!(
            "the tables have version {found}, made by a newer fanmail; fanmail {VERSION} needs version {wanted}"
        );
        let hint = format!(
            "install the newer fanmail, or restore the backup that was made before the update to version {found}"
        );
        Self { misconfigured: true, ..Self::new("use the tables", &cause).with_hint(hint) }
    }

    /// No database is configured, and there is none at the default place.
    pub(super) fn no_default_file(path: &Path) -> Self {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let cause = format!("DATABASE_URL is not set, and there is no {}", whole.display());
        let hint = "start fanmail in the directory of your .env, or set DATABASE_URL; `fanmail migrate` makes this file";
        Self { misconfigured: true, ..Self::new("open the database", &cause).with_hint(hint.to_owned()) }
    }

    /// The table or view `name` lacks these columns, of all that fanmail reads there.
    pub(super) fn missing_columns(name: &str, missing: &[&str], all: &[&str]) -> Self {
        let columns = if missing.len() == 1 { "column" } else { "columns" };
        let cause = format!("it has no {columns} {}", missing.join(", "));
        if name == "users" {
            return Self::unreadable("read users", &cause).with_hint(USERS.to_owned());
        }
        let hint = format!(
            "a view of your own must have every column that fanmail reads: {} (write NULL AS {} where you have no such value); \
             if fanmail made the table, run `fanmail migrate`",
            all.join(", "),
            missing.first().unwrap_or(&"url"),
        );
        Self::unreadable(&format!("read {name}"), &cause).with_hint(hint)
    }

    /// Whether a column is missing, if the words of the cause are known.
    pub(super) fn is_about_column(&self) -> bool {
        self.hint.as_deref() == Some(COLUMN)
    }

    /// Whether the application has no table of users, if the words of the cause are known.
    pub(super) fn is_about_users(&self) -> bool {
        self.hint.as_deref() == Some(USERS)
    }

    /// The same error, with the statement that grants the right that is missing.
    pub(super) fn with_grant(self, user: Option<&str>) -> Self {
        match missing_right(&self.cause, user) {
            Some(grant) => self.with_hint(format!("as the owner of the table or view, run: {grant}")),
            None => self,
        }
    }

    /// The tables have to be migrated first.
    pub(super) fn older_tables(found: &str, wanted: &str) -> Self {
        let cause = format!("the tables have version {found}; fanmail {VERSION} needs version {wanted}");
        let hint = "stop the workers of the older fanmail, then run `fanmail migrate`".to_owned();
        Self::new("use the tables", &cause).with_hint(hint)
    }

    /// Another program uses names of new tables.
    pub(super) fn names_in_use(names: &[&str]) -> Self {
        let cause = format!(
            "fanmail creates new tables, but tables or views of another program have these names: {}; no table was \
             changed",
            names.join(", ")
        );
        let hint =
            "rename those tables or views, or let DATABASE_URL name a database or schema of fanmail's own";
        Self { misconfigured: true, ..Self::new("update the tables", &cause).with_hint(hint.to_owned()) }
    }

    /// The row of `installation` is gone.
    pub(super) fn no_installation() -> Self {
        let hint = "restore the row from a backup: with another tag, a mail that is sent again gets another Message-ID";
        Self::new("read the tag of this installation", &"the table installation is empty")
            .with_hint(hint.to_owned())
    }

    /// Whether waiting may help: the database restarts, it is locked, its disk is full. Otherwise it does not work as it
    /// is configured, or the cause is not known.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// Whether a statement has failed over what it had to read, although the database works: a value that no type takes, a
    /// view that fails, a table or column that is gone, a right that is missing. Errors whose words are not known count, in
    /// whatever language: what is set aside for such an error is tried again, so that a wrong guess costs a minute.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// The cause with what the reader can do, without what was tried.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.cause),
            None => self.cause.clone(),
        }
    }

    /// The same error with a hint that only the caller knows.
    #[must_use]
    pub(super) fn with_hint(self, hint: String) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl HasExitCode for StoreError {
    /// A database that this fanmail cannot use as it is counts as a wrong configuration.
    fn exit_code(&self) -> u8 {
        if self.misconfigured { MISCONFIGURED } else { FAILED }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database: could not {}: {}", self.operation, self.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("Error deserializing field 'id'")]
    struct Field(#[source] std::num::ParseIntError);

    #[test]
    fn the_questions_of_libpq_are_left_out() {
        let cause = "connection to server at \"10.0.0.7\", port 5432 failed: Connection refused\n\tIs the server running on that host \
                     and accepting TCP/IP connections?\n";
        assert_eq!(
            StoreError::new("open", &cause).to_string(),
            "database: could not open: connection to server at \"10.0.0.7\", port 5432 failed: Connection refused; start the \
             database server, or correct host and port in DATABASE_URL"
        );
    }

    #[test]
    fn the_cause_behind_a_column_is_told() {
        let cause = "x".parse::<i64>().unwrap_err();
        let error = diesel::result::Error::DeserializationError(Box::new(Field(cause)));
        assert_eq!(with_causes(&error), "Error deserializing field 'id': invalid digit found in string");
        assert_eq!(with_causes(&diesel::result::Error::NotFound), "Record not found");
    }
}

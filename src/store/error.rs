//! What went wrong in the database, for the person who has to mend it: what was tried, the cause, the cure.

use std::fmt;

/// What went wrong in the database. Whatever it was, the statement may be repeated later.
#[derive(Debug, thiserror::Error)]
pub struct StoreError {
    doing: String,
    cause: String,
    cure: Option<String>,
}

impl StoreError {
    /// `doing` completes "could not …"; the cure is looked up by the words of the cause.
    pub(crate) fn new(doing: &str, cause: &dyn fmt::Display) -> Self {
        let cause = cause.to_string();
        let cure =
            CURES.into_iter().find(|(words, _)| cause.contains(words)).map(|(_, cure)| cure.to_owned());
        Self { doing: doing.to_owned(), cause, cure }
    }

    /// The same with a cure that only the caller knows.
    #[must_use]
    pub(super) fn with_cure(self, cure: String) -> Self {
        Self { cure: Some(cure), ..self }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database: could not {}: {}", self.doing, self.cause)?;
        match &self.cure {
            Some(cure) => write!(f, "; {cure}"),
            None => Ok(()),
        }
    }
}

/// SQLite's own words (<https://www.sqlite.org/rescode.html>) and what helps.
const CURES: [(&str, &str); 9] = [
    ("database is locked", "another program has been writing to the file for long; let it finish, or end it"),
    ("database or disk is full", "free space on the disk of the file"),
    (
        "readonly database",
        "let this user write to the file and to its directory, where SQLite keeps its -wal and -shm files",
    ),
    ("file is not a database", "DATABASE_URL names a file of another kind; name another file"),
    (
        "unable to open",
        "check that DATABASE_URL names a file, and that this user may write to it and to its directory",
    ),
    ("no such table", "run `fanmail migrate`"),
    ("no such column", "run `fanmail migrate`; a view of your own must have every column that fanmail reads"),
    (
        "disk I/O error",
        "look into the system's log for trouble with the disk, and that the file is still there",
    ),
    ("malformed", "the file is damaged; restore it from a backup, and do not copy it while fanmail runs"),
];

//! What went wrong in the database, for the person who has to mend it: what was tried, the cause, the cure.

use std::fmt;

/// What went wrong in the database. Whatever it was, the statement may be repeated later.
#[derive(Debug, thiserror::Error)]
pub struct StoreError {
    doing: String,
    cause: String,
    cure: Option<String>,
    passing: bool,
}

impl StoreError {
    /// `doing` completes "could not …"; the cure is looked up by the words of the cause.
    pub(crate) fn new(doing: &str, cause: &dyn fmt::Display) -> Self {
        let cause = cause.to_string();
        let known = KNOWN.iter().find(|known| cause.contains(known.words));
        Self {
            doing: doing.to_owned(),
            cure: known.map(|known| known.cure.to_owned()),
            passing: known.is_some_and(|known| known.passing),
            cause,
        }
    }

    /// Whether the database is only away for now (it restarts, it is locked, its disk is full), so that waiting
    /// helps. Otherwise it does not work as it is configured, or the cause is not known.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.passing
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

/// A cause that is known by its words.
struct Known {
    /// Part of what the database says.
    words: &'static str,
    /// Whether it may be over by itself.
    passing: bool,
    cure: &'static str,
}

/// SQLite's own words (<https://www.sqlite.org/rescode.html>) and what helps.
const KNOWN: [Known; 9] = [
    Known {
        words: "database is locked",
        passing: true,
        cure: "another program has been writing to the file for long; let it finish, or end it",
    },
    Known { words: "database or disk is full", passing: true, cure: "free space on the disk of the file" },
    Known {
        words: "readonly database",
        passing: false,
        cure: "let this user write to the file and to its directory, where SQLite keeps its -wal and -shm files",
    },
    Known {
        words: "file is not a database",
        passing: false,
        cure: "DATABASE_URL names a file of another kind; name another file",
    },
    Known {
        words: "unable to open",
        passing: false,
        cure: "check that DATABASE_URL names a file, and that this user may write to it and to its directory",
    },
    Known { words: "no such table", passing: false, cure: "run `fanmail migrate`" },
    Known {
        words: "no such column",
        passing: false,
        cure: "run `fanmail migrate`; a view of your own must have every column that fanmail reads",
    },
    Known {
        words: "disk I/O error",
        passing: true,
        cure: "look into the system's log for trouble with the disk, and that the file is still there",
    },
    Known {
        words: "malformed",
        passing: false,
        cure: "the file is damaged; restore it from a backup, and do not copy it while fanmail runs",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_may_be_over_by_itself_from_what_will_not() {
        let is_passing = |cause: &str| StoreError::new("test", &cause).is_passing();
        for cause in ["database is locked", "database or disk is full"] {
            assert!(is_passing(cause), "{cause}");
        }
        for cause in ["file is not a database", "no such table: events", "out of order"] {
            assert!(!is_passing(cause), "{cause}");
        }
    }
}

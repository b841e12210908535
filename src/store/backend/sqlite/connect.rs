//! How a SQLite file is opened.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::result::Error;
use diesel::{Connection as _, ConnectionError, QueryResult, SqliteConnection};

use crate::store::error::StoreError;

/// Said first on every connection. NORMAL is safe with WAL when a process dies, and loses at most the last commits
/// when the machine does (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON";

/// How long others may hold up the switch to WAL.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks what SQLite would explain badly.
pub fn check_path(path: &Path) -> Result<(), StoreError> {
    let doing = format!("open {}", path.display());
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.is_dir()
    {
        let cause = format!("there is no directory {}", parent.display());
        return Err(StoreError::new(&doing, &cause)
            .with_cure("create it, or name another file in DATABASE_URL".to_owned()));
    }
    if path.to_str().is_none() {
        return Err(StoreError::new(&doing, &"its name is not UTF-8")
            .with_cure("name another file in DATABASE_URL".to_owned()));
    }
    Ok(())
}

/// Fails unless the file is there.
pub fn must_exist(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Err(StoreError::new("open the database", &format!("there is no {}", absolute.display())).with_cure(
        "a relative path in DATABASE_URL begins in the current directory; `fanmail migrate` makes a new one"
            .to_owned(),
    ))
}

/// Opens the file, which is created if it is not there.
pub fn open(path: &Path) -> Result<SqliteConnection, diesel::r2d2::Error> {
    let Some(path) = path.to_str() else {
        return Err(ConnectionError::BadConnection("its name is not UTF-8".to_owned()).into());
    };
    let mut sqlite = SqliteConnection::establish(path)?;
    sqlite.batch_execute(PRAGMAS)?;
    switch_to_wal(&mut sqlite)?;
    Ok(sqlite)
}

/// WAL lets readers and the one writer work side by side, and the file remembers it. While another process
/// switches the same new file, SQLite refuses at once, whatever its timeout.
fn switch_to_wal(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match sqlite.batch_execute("PRAGMA journal_mode = WAL") {
            Err(Error::DatabaseError(_, cause))
                if cause.message().contains("locked") && began.elapsed() < SWITCH_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

//! Opens SQLite files, and begins transactions.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _};
use diesel::result::Error;
use diesel::{Connection as _, ConnectionError, QueryResult, SqliteConnection};

use crate::store::backend::any::{AnyConnection, Preparation};
use crate::store::error::StoreError;

/// Sent first on every connection. NORMAL is safe with WAL when a process dies, and loses at most the last commits
/// when the machine does (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON";

/// How long other processes may delay the switch to WAL.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The statement that has the plans of prepared statements made again. Tables of any size have the same plans.
pub const DISCARD_PLANS: Option<&str> = None;

/// It is compiled in.
pub const CLIENT_LIBRARIES: &[&str] = &[];

/// Whether writers exclude each other.
pub const HAS_ONE_WRITER: bool = true;

/// Checks what SQLite would explain badly.
pub fn check(path: &Path, preparation: Preparation) -> Result<(), StoreError> {
    check_name(path)?;
    match preparation {
        Preparation::Prepare => {
            create_private(path);
            Ok(())
        }
        Preparation::LeaveAsIs => check_exists(path),
    }
}

fn check_name(path: &Path) -> Result<(), StoreError> {
    let doing = format!("open {}", path.display());
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.is_dir()
    {
        let cause = format!("there is no directory {}", parent.display());
        return Err(StoreError::new(&doing, &cause)
            .with_hint("create it, or name another file in DATABASE_URL".to_owned()));
    }
    if path.to_str().is_none() {
        return Err(StoreError::new(&doing, &"its name is not UTF-8")
            .with_hint("name another file in DATABASE_URL".to_owned()));
    }
    Ok(())
}

/// Creates a file that does not exist, so that only its owner may read it; SQLite gives its other files the same mode. If that
/// fails, SQLite fails as well, and says why.
fn create_private(path: &Path) {
    if path.exists() {
        return;
    }
    let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    if let Err(error) = created {
        log::debug!("cannot create {}: {error}", path.display());
    }
}

fn check_exists(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Err(StoreError::new("open the database", &format!("there is no {}", absolute.display())).with_hint(
        "a relative path in DATABASE_URL starts at the current directory; `fanmail migrate` creates a new database"
            .to_owned(),
    ))
}

/// Opens the file. One that is prepared is created if it does not exist, and switched to WAL.
pub fn open(path: &Path, preparation: Preparation) -> Result<AnyConnection, diesel::r2d2::Error> {
    let Some(path) = path.to_str() else {
        return Err(ConnectionError::BadConnection("its name is not UTF-8".to_owned()).into());
    };
    let mut sqlite = SqliteConnection::establish(path)?;
    sqlite.batch_execute(PRAGMAS)?;
    if preparation == Preparation::Prepare {
        switch_to_wal(&mut sqlite)?;
    }
    Ok(AnyConnection::Sqlite(sqlite))
}

/// Begins a transaction that sees one state of the database.
pub fn begin_read(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN")
}

/// Begins a transaction that may write. With a plain BEGIN, a transaction that reads first and writes later fails at once
/// when another one has written in between, whatever the timeout.
pub fn begin_write(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
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

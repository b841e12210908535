//! Opens the database: once for a verb that only looks, with a pool for a process that sends mails.

use std::thread;

use anyhow::Context as _;
use crossbeam_channel::{bounded, select};

use crate::config::Config;
use crate::domain::installation::Installation;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::worker::database_retry::DatabaseRetry;

/// Fan-outs that use the database at a time. Each has only a few short queries, and a server's connections are not free.
const FAN_OUT_CONNECTIONS: u32 = 8;
/// Connections for the recorder and the lease keeper, which must not wait for the fan-outs.
const WRITER_CONNECTIONS: u32 = 2;

/// One connection to a database that exists. Creates nothing.
///
/// # Errors
/// When the database is away or does not exist.
pub fn connect_existing(config: &Config) -> Result<Store, StoreError> {
    Store::connect_existing(&config.database, 1)
}

/// Refuses a default database that does not exist: a process that is started in another directory than its `.env` would take
/// the messages of the real one.
///
/// # Errors
/// When `DATABASE_URL` is not set, and the file is not there.
pub fn refuse_missing_default(config: &Config) -> Result<(), StoreError> {
    Store::refuse_missing_default(&config.database)
}

/// One connection, after the tables were created or updated. Creates a SQLite file that is missing. Also returns the
/// names of the migrations that were applied.
///
/// # Errors
/// When the database is away, or a migration fails.
pub fn migrate(config: &Config) -> Result<(Store, Vec<String>), StoreError> {
    let store = Store::connect(&config.database, 1)?;
    let applied = store.migrate()?;
    Ok((store, applied))
}

/// The database with its tables up to date, and connections for the fan-outs. Also returns its installation, which every
/// channel puts into its Message-IDs.
///
/// # Errors
/// When it is away, or cannot be used as configured.
pub fn open(config: &Config) -> Result<(Store, Installation), StoreError> {
    let store = Store::connect(&config.database, FAN_OUT_CONNECTIONS.min(config.worker.prefetch.into()))?;
    store.migrate()?;
    store.check_schema()?;
    store.check_writable()?;
    let installation = store.find_installation()?;
    Ok((store, installation))
}

/// The same database, with connections for the recorder and the lease keeper alone.
pub(crate) fn for_writers(store: &Store) -> Store {
    store.with_own_connections(WRITER_CONNECTIONS)
}

/// Opens the database, and waits for one that is away: after a power cut it may start later than the worker.
/// `None` when a shutdown is requested first; a server that does not answer cannot delay that.
///
/// # Errors
/// When waiting does not help.
pub(crate) fn wait_until_open(
    config: &Config,
    database_retry: DatabaseRetry,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<(Store, Installation)>> {
    let (sender, opened) = bounded(1);
    let config = config.clone();
    thread::Builder::new()
        .name("database".to_owned())
        .spawn(move || {
            let database = database_retry.while_transient(|| open(&config));
            if sender.send(database).is_err() {
                log::debug!("the database answered after the worker had stopped");
            }
        })
        .context("cannot start a thread")?;
    select! {
        recv(opened) -> database => match database {
            Ok(Ok(database)) => Ok(Some(database?)),
            _ => Ok(None),
        },
        recv(shutdown.receiver()) -> _ => Ok(None),
    }
}

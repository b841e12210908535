//! Opens connections to a `PostgreSQL` server, and begins transactions.

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::{Connection as _, PgConnection, QueryResult};

use crate::config::database::postgres::PostgresServer;
use crate::store::backend::any::{AnyConnection, IfMissing};
use crate::store::error::StoreError;

/// Settings of libpq unless `DATABASE_URL` has others. An unreachable server is noticed within half a minute: by probes of
/// an idle connection, and by the limit for unconfirmed data.
const DEFAULTS: [(&str, &str); 7] = [
    ("connect_timeout", "5"),
    ("fallback_application_name", "fanmail"),
    ("keepalives", "1"),
    ("keepalives_idle", "15"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// Sent first on every connection, because the server's defaults may differ. A worker that is frozen in the middle of a
/// transaction blocks the others no longer than the last limit.
const SESSION: &str = "SET default_transaction_isolation = 'read committed';
    SET timezone = 'UTC';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s'";

/// The statement that has the plans of prepared statements made again. Else a plan is kept until the statistics of its tables
/// change.
pub const DISCARD_PLANS: Option<&str> = Some("DISCARD PLANS");

/// How the names of the files of the client library begin.
pub const CLIENT_LIBRARIES: &[&str] = &["libpq.so"];

/// Whether writers exclude each other.
pub const HAS_ONE_WRITER: bool = false;

/// Checks nothing: the server itself explains what is wrong.
#[expect(clippy::unnecessary_wraps, reason = "the same for every database")]
pub fn check(_server: &PostgresServer, _if_missing: IfMissing) -> Result<(), StoreError> {
    Ok(())
}

/// Opens a connection.
pub fn open(server: &PostgresServer) -> Result<AnyConnection, diesel::r2d2::Error> {
    let mut postgres = PgConnection::establish(&conninfo(server))?;
    postgres.batch_execute(SESSION)?;
    Ok(AnyConnection::Postgres(postgres))
}

/// Begins a transaction that sees one state of the database.
pub fn begin_read(postgres: &mut PgConnection) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction_sql(
        postgres,
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    )
}

/// Begins a transaction that may write.
pub fn begin_write(postgres: &mut PgConnection) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction(postgres)
}

/// Keywords and values. libpq never repeats these in an error, unlike a URL that it cannot read.
fn conninfo(server: &PostgresServer) -> String {
    let defaults =
        DEFAULTS.iter().filter(|(name, _)| !server.settings.iter().any(|(known, _)| known == name));
    let words = defaults.map(|(name, value)| setting(name, value));
    let words = words.chain(server.settings.iter().map(|(name, value)| setting(name, value)));
    let words = words.chain(server.password.iter().map(|password| setting("password", password.expose())));
    words.collect::<Vec<_>>().join(" ")
}

fn setting(name: &str, value: &str) -> String {
    format!("{name}='{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

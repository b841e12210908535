//! Opens connections to a `PostgreSQL` server, and begins transactions.

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::{Connection as _, ConnectionError, PgConnection, QueryResult};

use crate::config::database::postgres::PostgresServer;
use crate::store::backend::any::{AnyConnection, Preparation};
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
/// transaction blocks the others no longer than the last limit. A server that does not know the encoding of its text sends it as it
/// is: it would refuse to send what is not UTF-8.
const SESSION: &str = "SET default_transaction_isolation = 'read committed';
    SET timezone = 'UTC';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s';
    SELECT set_config('client_encoding', 'SQL_ASCII', false) WHERE current_setting('server_encoding') = 'SQL_ASCII'";

/// The statement that has the plans of prepared statements made again. Else a plan is kept until the statistics of its tables
/// change.
pub const DISCARD_PLANS: Option<&str> = Some("DISCARD PLANS");

/// How the names of the files of the client library begin.
pub const CLIENT_LIBRARIES: &[&str] = &["libpq.so"];

/// Whether writers exclude each other.
pub const HAS_ONE_WRITER: bool = false;

/// Checks nothing: the server itself explains what is wrong.
#[expect(clippy::unnecessary_wraps, reason = "the same for every database")]
pub fn check(_server: &PostgresServer, _preparation: Preparation) -> Result<(), StoreError> {
    Ok(())
}

/// Opens a connection.
pub fn open(
    server: &PostgresServer,
    _preparation: Preparation,
) -> Result<AnyConnection, diesel::r2d2::Error> {
    let mut postgres = PgConnection::establish(&conninfo(server)).map_err(each_cause_once)?;
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

/// libpq tries each address of a host, with TLS and without, and repeats what they have in common.
fn each_cause_once(error: ConnectionError) -> ConnectionError {
    match error {
        ConnectionError::BadConnection(text) => ConnectionError::BadConnection(distinct_causes(&text)),
        other => other,
    }
}

/// The lines without those that only name another address for a cause that was named before.
fn distinct_causes(text: &str) -> String {
    let (mut causes, mut lines) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let cause = line.split_once(" failed: ").map_or(line, |(_, cause)| cause);
        if !causes.contains(&cause) {
            causes.push(cause);
            lines.push(line);
        }
    }
    lines.join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_every_address_has_is_told_once() {
        let text = "connection to server at \"localhost\" (::1), port 1 failed: Connection refused\n\
                    \tIs the server running on that host and accepting TCP/IP connections?\n\
                    connection to server at \"localhost\" (127.0.0.1), port 1 failed: Connection refused\n\
                    \tIs the server running on that host and accepting TCP/IP connections?\n";
        let once = "connection to server at \"localhost\" (::1), port 1 failed: Connection refused\n\
                    \tIs the server running on that host and accepting TCP/IP connections?";
        assert_eq!(distinct_causes(text), once);
        let others = "connection to server at \"db\" (10.0.0.1), port 1 failed: FATAL:  no entry, SSL encryption\n\
                      connection to server at \"db\" (10.0.0.1), port 1 failed: FATAL:  no entry, no encryption";
        assert_eq!(distinct_causes(others), others);
    }
}

//! How a `PostgreSQL` server is connected to.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

use crate::config::database::postgres::PostgresServer;

/// What libpq is told unless `DATABASE_URL` says otherwise. A server that is unplugged is noticed within half a
/// minute: probes when nothing is under way, a limit for what is not confirmed when something is.
const DEFAULTS: [(&str, &str); 7] = [
    ("connect_timeout", "5"),
    ("fallback_application_name", "fanmail"),
    ("keepalives", "1"),
    ("keepalives_idle", "15"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "30000"),
];

/// Said first on every connection, whatever the server's defaults are. A worker that is frozen in the middle of a
/// transaction holds up the others no longer than the last limit.
const SESSION: &str = "SET default_transaction_isolation = 'read committed';
    SET timezone = 'UTC';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s'";

/// Opens a connection.
pub fn open(server: &PostgresServer) -> Result<PgConnection, diesel::r2d2::Error> {
    let mut postgres = PgConnection::establish(&conninfo(server))?;
    postgres.batch_execute(SESSION)?;
    Ok(postgres)
}

/// Keywords and values, which libpq never repeats in an error, unlike a URL that it cannot read.
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

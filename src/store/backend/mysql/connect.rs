//! Opens connections to a `MySQL` or `MariaDB` server, with either of the two client libraries that fanmail may be linked
//! with, and begins transactions.

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::sql_types::Text;
use diesel::{
    Connection as _, ConnectionError, MysqlConnection, QueryResult, QueryableByName, RunQueryDsl as _,
    sql_query,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::database::mysql::{MysqlServer, MysqlTls};
use crate::store::backend::any::{AnyConnection, Preparation};
use crate::store::client_library::misread;
use crate::store::error::StoreError;

/// In seconds.
const CONNECT_TIMEOUT: u32 = 5;

/// Sent first on every connection, because the server's defaults may differ. A worker that is frozen in the middle of a
/// transaction blocks the others no longer than the last limit, which only `MariaDB` has. A key 0 is stored as 0, and not as the
/// next number.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION time_zone = '+00:00', sql_mode = 'TRADITIONAL,NO_AUTO_VALUE_ON_ZERO', innodb_lock_wait_timeout = 10
        /*M!100300 , idle_transaction_timeout = 30 */";

/// The statement that has the plans of prepared statements made again: they are made for each execution.
pub const DISCARD_PLANS: Option<&str> = None;

/// How the names of the files of the two client libraries begin.
pub const CLIENT_LIBRARIES: &[&str] = &["libmariadb.so", "libmysqlclient.so"];

/// Whether writers exclude each other.
pub const HAS_ONE_WRITER: bool = false;

/// Checks nothing: the server itself explains what is wrong.
#[expect(clippy::unnecessary_wraps, reason = "the same for every database")]
pub fn check(_server: &MysqlServer, _preparation: Preparation) -> Result<(), StoreError> {
    Ok(())
}

/// Opens a connection.
pub fn open(server: &MysqlServer, _preparation: Preparation) -> Result<AnyConnection, diesel::r2d2::Error> {
    let mut mysql = MysqlConnection::establish(&url(server))?;
    mysql.batch_execute(SESSION)?;
    if server.tls >= MysqlTls::Required && !is_encrypted(&mut mysql)? {
        return Err(ConnectionError::BadConnection(
            "TLS is required by ssl_mode, but the server does not support it".to_owned(),
        )
        .into());
    }
    Ok(AnyConnection::Mysql(mysql))
}

/// Begins a transaction that sees one state of the database.
pub fn begin_read(mysql: &mut MysqlConnection) -> QueryResult<()> {
    // For the next transaction only.
    mysql.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
    AnsiTransactionManager::begin_transaction_sql(mysql, "START TRANSACTION READ ONLY")
}

/// Begins a transaction that may write.
pub fn begin_write(mysql: &mut MysqlConnection) -> QueryResult<()> {
    AnsiTransactionManager::begin_transaction(mysql)
}

/// `MariaDB`'s library connects without TLS if the server has none, although TLS without a check of the certificate was
/// asked for.
fn is_encrypted(mysql: &mut MysqlConnection) -> Result<bool, diesel::r2d2::Error> {
    #[derive(QueryableByName)]
    struct Variable {
        #[diesel(sql_type = Text, column_name = "Variable_name")]
        name: String,
        #[diesel(sql_type = Text, column_name = "Value")]
        value: String,
    }
    let cipher: Vec<Variable> = sql_query("SHOW SESSION STATUS LIKE 'Ssl_cipher'").load(mysql)?;
    // Else an empty text would be taken for a server without TLS.
    if cipher.iter().any(|cipher| cipher.name.is_empty()) {
        let problem = r#"row 1 has "Ssl_cipher", but "" was read"#;
        return Err(ConnectionError::BadConnection(misread(problem, CLIENT_LIBRARIES)).into());
    }
    Ok(cipher.iter().any(|cipher| !cipher.value.is_empty()))
}

/// The URL in the form that diesel expects.
fn url(server: &MysqlServer) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    // Python's drivers connect to localhost over TCP, the client library over a socket.
    let host = match server.host.as_str() {
        "localhost" if server.unix_socket.is_none() => "127.0.0.1",
        host => host,
    };
    let mut parameters = Vec::new();
    let mut add = |name: &str, value: &str| parameters.push(format!("{name}={}", encode(value)));
    if let Some(socket) = &server.unix_socket {
        add("unix_socket", socket);
    }
    if let Some(file) = &server.ca_file {
        add("ssl_ca", file);
    }
    if let Some((certificate, key)) = &server.certificate {
        add("ssl_cert", certificate);
        add("ssl_key", key);
    }
    let host = if mysqlclient_sys::SUPPORTS_MYSQL_SSL_MODE {
        add("ssl_mode", mode(server.tls));
        host.to_owned()
    } else {
        with_options(host, server.tls)
    };
    let login = match &server.password {
        Some(password) => format!("{}:{}", encode(&server.user), encode(password.expose())),
        None => encode(&server.user),
    };
    format!("mysql://{login}@{host}:{}/{}?{}", server.port, server.database, parameters.join("&"))
}

/// The names of `MySQL`'s library.
fn mode(tls: MysqlTls) -> &'static str {
    match tls {
        MysqlTls::Disabled => "disabled",
        MysqlTls::Preferred => "preferred",
        MysqlTls::Required => "required",
        MysqlTls::VerifyCa => "verify_ca",
        MysqlTls::VerifyIdentity => "verify_identity",
    }
}

/// `MariaDB`'s library does not have diesel's `ssl_mode`, but takes options in one string with the host
/// (<https://mariadb.com/docs/connectors/mariadb-connector-c/connection-string>). It verifies both the
/// authority and the name, or nothing.
fn with_options(host: &str, tls: MysqlTls) -> String {
    let encrypt = u8::from(tls > MysqlTls::Disabled);
    let verify = u8::from(tls >= MysqlTls::VerifyCa);
    format!(
        "host={host};connect-timeout={CONNECT_TIMEOUT};ssl-enforce={encrypt};ssl-verify-server-cert={verify}"
    )
}

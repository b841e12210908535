//! The section of the database: which system, and where. Connecting is left to `store`.

use std::fmt;
use std::path::PathBuf;

#[cfg(feature = "mysql")]
use crate::config::database::mysql::MysqlServer;
#[cfg(feature = "postgres")]
use crate::config::database::postgres::PostgresServer;
use crate::config::reader::Reader;

#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;

/// The database with events, participants and ledger.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// System and place (`DATABASE_URL`).
    pub backend: Backend,
    /// Whether every statement is logged (`DATABASE_ECHO`).
    pub echo: bool,
    /// The SQLite file that is used because `DATABASE_URL` is not set.
    pub default_file: Option<PathBuf>,
}

/// A database system, and where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// The path of a SQLite file. `:memory:` is refused: two connections would have two databases.
    Sqlite(PathBuf),
    /// A `PostgreSQL` server.
    #[cfg(feature = "postgres")]
    Postgres(PostgresServer),
    /// A `MySQL` or `MariaDB` server.
    #[cfg(feature = "mysql")]
    Mysql(MysqlServer),
}

/// In the current directory.
const DEFAULT_FILE: &str = "notification_service.db";

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let is_set = reader.has_secret("DATABASE_URL");
        let backend =
            reader.secret("DATABASE_URL").and_then(|url| match Backend::parse(url.expose().trim()) {
                Ok(backend) => Some(backend),
                Err(wrong) => {
                    reader.problem("DATABASE_URL", wrong);
                    None
                }
            });
        Self {
            backend: backend.unwrap_or_else(|| Backend::Sqlite(DEFAULT_FILE.into())),
            default_file: (!is_set).then(|| DEFAULT_FILE.into()),
            echo: reader.flag("DATABASE_ECHO").unwrap_or(false),
        }
    }
}

impl fmt::Display for Backend {
    /// Place of the database, without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => f.write_str(&server.place),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => f.write_str(&server.place),
        }
    }
}

impl Backend {
    /// System and place, for people: without user and password, and a file with its whole path.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => {
                let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                format!("SQLite file {}", whole.display())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => format!("PostgreSQL, {}", server.place),
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => format!("MariaDB or MySQL, {}", server.place),
        }
    }

    /// The name that the server knows this user by, if it is configured.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Self::Postgres(server) => {
                server.settings.iter().find(|(name, _)| name == "user").map(|(_, user)| user.as_str())
            }
            #[cfg(feature = "mysql")]
            Self::Mysql(server) => Some(&server.user),
        }
    }

    /// Reads a URL in `SQLAlchemy`'s form (`scheme+driver`; the driver is ignored), or the plain path of a SQLite file.
    ///
    /// # Errors
    /// The rest of a sentence that begins with `DATABASE_URL`. It never shows the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected sqlite:///relative.db, sqlite:////absolute.db, a plain path, \
                                postgresql://user:password@host/database or mysql://user:password@host/database";
        let Some((scheme, rest)) = url.split_once("://") else {
            if is_of_server(url) {
                return Err("is no path of a SQLite file, but looks like the settings of a database server; write them as a URL: \
                            postgresql://user:password@host:5432/database or mysql://user:password@host:3306/database"
                    .to_owned());
            }
            return sqlite_file(url);
        };
        match scheme.split('+').next() {
            Some("sqlite") => match rest.strip_prefix('/') {
                Some(path) if !path.is_empty() && !path.contains('?') => sqlite_file(path),
                _ => Err(format!("is not a valid SQLite URL; expected {SQLITE}")),
            },
            #[cfg(feature = "postgres")]
            Some("postgres" | "postgresql") => PostgresServer::parse(rest).map(Self::Postgres),
            #[cfg(feature = "mysql")]
            Some("mysql" | "mariadb") => MysqlServer::parse(rest).map(Self::Mysql),
            #[cfg(not(feature = "postgres"))]
            Some("postgres" | "postgresql") => Err(not_built_in("PostgreSQL", "postgres")),
            #[cfg(not(feature = "mysql"))]
            Some("mysql" | "mariadb") => Err(not_built_in("MySQL", "mysql")),
            _ => Err(format!("names no database system that fanmail supports; {EXPECTED}")),
        }
    }
}

/// The accepted forms for SQLite.
const SQLITE: &str = "sqlite:///relative.db, sqlite:////absolute.db or a plain path";

/// Names of settings of database servers, as libpq, ODBC and .NET write them.
const SETTINGS: [&str; 14] = [
    "host", "hostaddr", "port", "user", "uid", "username", "password", "pwd", "passfile", "dbname",
    "database", "server", "service", "sslmode",
];

/// Systems whose URLs may lack the slashes.
const SYSTEMS: [&str; 5] = ["postgres", "postgresql", "mysql", "mariadb", "jdbc"];

/// Whether a text without `://` is meant for a server: `host=… password=…`, `Server=…;Pwd=…`, `user:password@host/database` or
/// `postgresql:…`. Read as a path, errors would show the password, and `migrate` would make a file with it in its name.
fn is_of_server(text: &str) -> bool {
    let text = text.to_ascii_lowercase().replace(" =", "=");
    let mut words = text.split(|c: char| c.is_whitespace() || c == ';');
    let is_setting = |word: &str| word.split_once('=').is_some_and(|(name, _)| SETTINGS.contains(&name));
    let before_colon = text.split_once(':').map(|(scheme, _)| scheme.split('+').next().unwrap_or_default());
    let has_login =
        text.split_once('@').is_some_and(|(login, _)| login.contains(':') && !login.starts_with(['/', '.']));
    words.any(is_setting) || before_colon.is_some_and(|name| SYSTEMS.contains(&name)) || has_login
}

/// Refuses what SQLite would not read as a path: `file:` begins a URI with parameters of its own.
fn sqlite_file(path: &str) -> Result<Backend, String> {
    if path.starts_with(':') || path.starts_with("file:") || path.starts_with("sqlite:") {
        return Err(format!("does not name a file; expected {SQLITE}"));
    }
    Ok(Backend::Sqlite(path.into()))
}

#[cfg(not(all(feature = "mysql", feature = "postgres")))]
fn not_built_in(system: &str, feature: &str) -> String {
    format!(
        "names {system}, but this fanmail was built without it; \
         build with: cargo build --release --features {feature}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_plain_paths_name_a_sqlite_file() {
        for (url, path) in [
            ("sqlite:///notification_service.db", "notification_service.db"),
            ("sqlite:////var/lib/fanmail.db", "/var/lib/fanmail.db"),
            ("sqlite+aiosqlite:///./data/app.db", "./data/app.db"),
            ("/var/lib/fan mail.db", "/var/lib/fan mail.db"),
            ("app.db", "app.db"),
        ] {
            assert_eq!(Backend::parse(url), Ok(Backend::Sqlite(path.into())), "{url}");
        }
    }

    #[test]
    fn a_database_is_described_with_its_whole_path_and_without_a_login() {
        let describe = |url: &str| Backend::parse(url).unwrap().describe();
        assert_eq!(describe("/var/lib/fanmail.db"), "SQLite file /var/lib/fanmail.db");
        let here = std::env::current_dir().unwrap();
        assert_eq!(describe("app.db"), format!("SQLite file {}/app.db", here.display()));
        #[cfg(feature = "postgres")]
        assert_eq!(describe("postgresql://me:MARKER@db:5432/app"), "PostgreSQL, database app on db:5432");
        #[cfg(feature = "mysql")]
        assert_eq!(describe("mysql://me:MARKER@db/app"), "MariaDB or MySQL, database app on db");
    }

    #[test]
    fn an_invalid_url_is_refused_without_showing_it() {
        for (url, word) in [
            ("oracle://me:MARKER@db/app", "names no database system that fanmail supports"),
            ("sqlite://MARKER.db", "is not a valid SQLite URL"),
            ("sqlite:///MARKER.db?mode=memory", "is not a valid SQLite URL"),
            ("sqlite://", "is not a valid SQLite URL"),
            ("sqlite:MARKER.db", "does not name a file"),
            ("sqlite:///:memory:", "does not name a file"),
            (":memory:", "does not name a file"),
            ("file:MARKER.db?mode=memory", "does not name a file"),
        ] {
            let wrong = Backend::parse(url).expect_err(url);
            assert!(wrong.contains(word) && !wrong.contains("MARKER"), "{url}: {wrong}");
        }
    }

    #[test]
    fn settings_of_a_server_are_no_path() {
        for text in [
            "host=db user=ada password=MARKER dbname=d",
            "PASSWORD = MARKER",
            "Server=db;Uid=ada;Pwd=MARKER;",
            "ada:MARKER@db/d",
            "postgresql:ada:MARKER@db",
            "mysql+pymysql:ada",
        ] {
            let problem = Backend::parse(text).unwrap_err();
            assert!(
                problem.starts_with("is no path of a SQLite file") && !problem.contains("MARKER"),
                "{problem}"
            );
        }
        for path in ["a=b.db", "/data/x:y@z/fan.db", "user@host.db", "db host.db", "./a:b@c.db"] {
            assert_eq!(Backend::parse(path), Ok(Backend::Sqlite(path.into())), "{path}");
        }
    }

    #[cfg(not(feature = "postgres"))]
    #[test]
    fn a_system_that_is_not_built_in_is_explained() {
        for url in ["postgres://me:MARKER@db/app", "postgresql+asyncpg://me:MARKER@db/app"] {
            let wrong = Backend::parse(url).unwrap_err();
            assert!(wrong.contains("names PostgreSQL, but this fanmail was built without it"), "{wrong}");
            assert!(wrong.contains("--features postgres") && !wrong.contains("MARKER"), "{wrong}");
        }
    }
}

//! The section of the database.

use std::path::PathBuf;

use super::reader::Reader;

/// Where events, participants and the ledger are.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Which database and where, without its scheme for SQLite: the path of the file.
    pub backend: Backend,
    /// Whether every statement is logged.
    pub echo: bool,
}

/// Which database system, and where. `PostgreSQL` and `MySQL` will be further variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// The path of a SQLite file, or `:memory:` is refused: two connections would see two databases.
    Sqlite(PathBuf),
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let backend = reader.secret("DATABASE_URL").and_then(|url| match Backend::parse(url.expose()) {
            Ok(backend) => Some(backend),
            Err(wrong) => {
                reader.mistake("DATABASE_URL", wrong);
                None
            }
        });
        Self {
            backend: backend.unwrap_or_else(|| Backend::Sqlite("notification_service.db".into())),
            echo: reader.flag("DATABASE_ECHO").unwrap_or(false),
        }
    }
}

impl Backend {
    /// Reads a URL as `SQLAlchemy` writes it (`sqlite+driver` included), or the plain path of a SQLite file.
    ///
    /// # Errors
    /// The rest of a sentence that begins with `DATABASE_URL`. It never shows the URL: there may be a password
    /// in it.
    fn parse(url: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected sqlite:///relative.db, sqlite:////absolute.db or a plain path";
        let path = match url.split_once("://") {
            None => url,
            Some((scheme, rest)) => match scheme.split('+').next() {
                Some("sqlite") => rest
                    .strip_prefix('/')
                    .filter(|path| !path.is_empty() && !path.contains('?'))
                    .ok_or_else(|| format!("is not a SQLite URL that fanmail understands; {EXPECTED}"))?,
                Some("postgres" | "postgresql" | "mysql" | "mariadb") => {
                    return Err(format!("asks for {scheme}, but this build knows only SQLite; {EXPECTED}"));
                }
                _ => return Err(format!("names no database that fanmail knows; {EXPECTED}")),
            },
        };
        // SQLite reads `file:` as a URI, with parameters of its own.
        if path.starts_with(':') || path.starts_with("file:") || path.starts_with("sqlite:") {
            return Err(format!("does not name a file; {EXPECTED}"));
        }
        Ok(Self::Sqlite(path.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_plain_paths_name_a_file() {
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
    fn what_is_not_a_sqlite_file_is_refused_without_showing_it() {
        for (url, word) in [
            ("postgres://me:MARKER@db/app", "asks for postgres, but this build knows only SQLite"),
            ("postgresql+asyncpg://me:MARKER@db/app", "asks for postgresql+asyncpg"),
            ("mysql://me:MARKER@db/app", "asks for mysql"),
            ("oracle://me:MARKER@db/app", "names no database that fanmail knows"),
            ("sqlite://MARKER.db", "is not a SQLite URL"),
            ("sqlite:///MARKER.db?mode=memory", "is not a SQLite URL"),
            ("sqlite://", "is not a SQLite URL"),
            ("sqlite:MARKER.db", "does not name a file"),
            ("sqlite:///:memory:", "does not name a file"),
            (":memory:", "does not name a file"),
            ("file:MARKER.db?mode=memory", "does not name a file"),
        ] {
            let wrong = Backend::parse(url).expect_err(url);
            assert!(wrong.contains(word) && !wrong.contains("MARKER"), "{url}: {wrong}");
        }
    }
}

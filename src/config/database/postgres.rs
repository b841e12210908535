//! The URL of a `PostgreSQL` server. Its parameters are passed to the client library, libpq.

use crate::config::database::server::ServerUrl;
use crate::config::secret::Secret;

/// A `PostgreSQL` server, with database and login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresServer {
    /// Keywords of libpq and their values, without the password.
    pub settings: Vec<(String, String)>,
    /// The password, unless libpq finds one elsewhere (`~/.pgpass`) or needs none.
    pub password: Option<Secret>,
    /// Database and hosts, for texts.
    pub place: String,
}

/// The values of `sslmode`, from least to most secure.
const SSL_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// The parameters of libpq, except those that are other parts of the URL
/// (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>).
const PARAMETERS: [&str; 35] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "port",
    "require_auth",
    "requirepeer",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

impl PostgresServer {
    /// Reads what stands after `postgresql://`.
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let url = ServerUrl::parse(rest)?;
        let place = url.place();
        let mut settings = vec![("dbname".to_owned(), url.database)];
        settings.extend(url.user.map(|user| ("user".to_owned(), user)));
        if !url.hosts.is_empty() {
            let (hosts, ports): (Vec<String>, Vec<String>) = url
                .hosts
                .into_iter()
                .map(|(host, port)| (host, port.map_or_else(String::new, |port| port.to_string())))
                .unzip();
            settings.push(("host".to_owned(), hosts.join(",")));
            settings.push(("port".to_owned(), ports.join(",")));
        }
        for (name, value) in url.parameters {
            let (name, value) = translate(name, value)?;
            // A parameter wins over the part of the URL with the same meaning.
            settings.retain(|(known, _)| *known != name);
            settings.push((name, value));
        }
        Ok(Self { settings, password: url.password, place })
    }
}

/// What Prisma, JDBC and others call the schema.
const SCHEMA_NAMES: [&str; 5] = ["schema", "currentschema", "search_path", "searchpath", "search-path"];

/// libpq takes the schema as an option of the server.
fn schema_in_options(name: &str, value: &str) -> String {
    let is_name = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let schema = if is_name { value } else { "NAME" };
    format!(
        "has the parameter {name}, which PostgreSQL's client library (libpq) does not have; for the tables of a schema \
         write options=-csearch_path%3D{schema} in its place"
    )
}

/// asyncpg calls `ssl` what libpq calls `sslmode`.
fn translate(name: String, value: String) -> Result<(String, String), String> {
    let name = if name == "ssl" { "sslmode".to_owned() } else { name };
    if name == "sslmode" && !SSL_MODES.contains(&value.as_str()) {
        return Err(format!("has an sslmode that does not exist; expected one of {}", SSL_MODES.join(", ")));
    }
    if !PARAMETERS.contains(&name.as_str()) {
        if SCHEMA_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(schema_in_options(&name, &value));
        }
        let shown: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(40).collect();
        return Err(format!(
            "has the parameter {shown}, which PostgreSQL's client library (libpq) does not have; remove it"
        ));
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::database::Backend;

    fn parse(url: &str) -> PostgresServer {
        match Backend::parse(url) {
            Ok(Backend::Postgres(server)) => server,
            other => panic!("{url}: {other:?}"),
        }
    }

    fn shown(url: &str) -> String {
        let server = parse(url);
        let mut words: Vec<String> =
            server.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        words.extend(server.password.iter().map(|password| format!("password={}", password.expose())));
        words.join(" ")
    }

    #[test]
    fn reads_urls_in_the_forms_of_sqlalchemy_and_libpq() {
        for (url, expected) in [
            ("postgres://db/app", "dbname=app host=db port="),
            ("postgresql://me@db:5433/app", "dbname=app user=me host=db port=5433"),
            (
                "postgresql+asyncpg://me:p%40ss%2Fw%25rd@10.0.0.1/my%20app?ssl=require",
                "dbname=my app user=me host=10.0.0.1 port= sslmode=require password=p@ss/w%rd",
            ),
            // SQLAlchemy accepts any character but @ in a password.
            (
                "postgresql+psycopg2://me:p/a?s#s:w@db/app",
                "dbname=app user=me host=db port= password=p/a?s#s:w",
            ),
            (
                "postgresql://me@[::1]:5433/app?sslmode=verify-full&sslrootcert=/etc/a%20b.pem",
                "dbname=app user=me host=::1 port=5433 sslmode=verify-full sslrootcert=/etc/a b.pem",
            ),
            ("postgresql:///app?host=/run/postgresql", "dbname=app host=/run/postgresql"),
            (
                "postgresql://one:5432,two/app?target_session_attrs=read-write",
                "dbname=app host=one,two port=5432, target_session_attrs=read-write",
            ),
            (
                "postgresql:///app?host=db&options=-csearch_path%3Devents%40x",
                "dbname=app host=db options=-csearch_path=events@x",
            ),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
        let backend = Backend::parse("postgresql://me:MARKER@db:5433/app").unwrap();
        assert_eq!(backend.to_string(), "database app on db:5433");
        assert!(!format!("{backend:?}").contains("MARKER"));
    }

    #[test]
    fn an_invalid_url_is_refused_without_showing_it() {
        for (url, word) in [
            ("postgres://me:MARKER@db", "names no database"),
            ("postgres://me:MARKER@db/", "names no database"),
            ("postgres://me:MAR@KER@db/app", "write @ : / ? and # in a user or password as %40"),
            ("postgres://me:MARKER@db:port/app", "has an invalid host or port"),
            ("postgres://me:MARKER@db:0/app", "has an invalid host or port"),
            ("postgres://me:MARKER%FF@db/app", "has a password that is not UTF-8"),
            ("postgres://me:MARKER%00@db/app", "has a NUL character in its password"),
            (
                "postgres://me:MARKER@db/app?sslmode=MARKER",
                "has an sslmode that does not exist; expected one of disable",
            ),
            ("postgres://me:MARKER@db/app?ssl=true", "has an sslmode that does not exist"),
            ("postgres://me:MARKER@db/app?password=MARKER", "has the parameter password"),
            (
                "postgresql+asyncpg://me:MARKER@db/app?prepared_statement_cache_size=0",
                "has the parameter prepared_statement_cache_size, which PostgreSQL's client library",
            ),
            (
                "postgresql://me:MARKER@db/app?schema=events_2",
                "write options=-csearch_path%3Devents_2 in its place",
            ),
            (
                "postgresql://me:MARKER@db/app?currentSchema=a%2Cb",
                "write options=-csearch_path%3DNAME in its place",
            ),
            (
                "postgresql://me:MARKER@db/app?search_path=app",
                "has the parameter search_path, which PostgreSQL's",
            ),
        ] {
            let wrong = Backend::parse(url).expect_err(url);
            assert!(wrong.contains(word) && !wrong.contains("MAR"), "{url}: {wrong}");
        }
    }
}

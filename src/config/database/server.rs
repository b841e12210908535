//! The URL of a database server, as `SQLAlchemy` reads it: `user:password@host:port/database?name=value`. What its parts
//! mean is left to the systems. No error shows a part of the URL, except names of parameters.

use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use crate::config::reader::parse_host;
use crate::config::secret::Secret;

/// The parts of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// Several for a `PostgreSQL` server with replicas; none if a parameter names the host.
    pub hosts: Vec<(String, Option<u16>)>,
    pub database: String,
    pub parameters: Vec<(String, String)>,
}

impl ServerUrl {
    /// Reads the text after `://`. A password may hold any character but `@`, percent-encoded or not.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (login, rest) = match text.split_once('@') {
            Some((login, rest)) if !before(login, ':').contains(['/', '?']) => (Some(login), rest),
            _ => (None, text),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            None => (None, None),
            Some((user, password)) => (
                Some(decode(user, "user")?).filter(|user| !user.is_empty()),
                Some(decode(password, "password")?).filter(|word| !word.is_empty()).map(Secret::new),
            ),
        };
        let hosts = hosts.split(',').filter(|host| !host.is_empty()).map(host_and_port);
        let database = decode(database, "database")?;
        if database.is_empty() {
            return Err(
                "names no database; expected it after the host: ://user:password@host/database".into()
            );
        }
        let parameters: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .filter(|(name, _)| !name.is_empty())
            .collect();
        if parameters.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err("has a NUL character in a parameter; remove it".into());
        }
        Ok(Self { user, password, hosts: hosts.collect::<Result<_, _>>()?, database, parameters })
    }

    /// Database and hosts, for texts.
    pub fn place(&self) -> String {
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|(host, port)| port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
            .collect();
        if hosts.is_empty() {
            return format!("database {}", self.database);
        }
        format!("database {} on {}", self.database, hosts.join(","))
    }
}

fn before(text: &str, end: char) -> &str {
    text.split(end).next().unwrap_or(text)
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    const INVALID: &str =
        "has an invalid host or port; write @ : / ? and # in a user or password as %40 %3A %2F %3F and %23";
    let (host, port) = match text.rsplit_once(':') {
        // An IPv6 address has its colons in brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0).ok_or(INVALID)?),
    };
    let bare = parse_host(host).ok_or(INVALID)?;
    Ok((bare, port))
}

fn decode(text: &str, what: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| format!("has a {what} that is not UTF-8 text; percent-encode it as UTF-8"))?;
    if decoded.contains('\0') {
        return Err(format!("has a NUL character in its {what}; remove it"));
    }
    Ok(decoded.into_owned())
}

//! The URL of a `MySQL` or `MariaDB` server. Of the many parameters of the Python drivers, those about TLS and the socket
//! are read.

use crate::config::database::server::ServerUrl;
use crate::config::secret::Secret;

/// A `MySQL` or `MariaDB` server, with database and login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MysqlServer {
    /// Host name or IPv4 address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path of a Unix socket to use instead of host and port.
    pub unix_socket: Option<String>,
    /// User name.
    pub user: String,
    /// Password, if the user has one.
    pub password: Option<Secret>,
    /// Name of the database.
    pub database: String,
    /// Database and host, for texts.
    pub place: String,
    /// TLS that is required.
    pub tls: MysqlTls,
    /// A PEM file of CA certificates to trust instead of the system's.
    pub ca_file: Option<String>,
    /// Files with the client's certificate and its key.
    pub certificate: Option<(String, String)>,
}

/// How secure the connection must be; the values of `ssl_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MysqlTls {
    /// Plain text.
    Disabled,
    /// TLS if the server offers it; its certificate is not checked.
    Preferred,
    /// TLS; the server's certificate is not checked.
    Required,
    /// TLS; the certificate must be signed by a trusted authority, for any name.
    VerifyCa,
    /// TLS; the certificate must also be made for this host.
    VerifyIdentity,
}

impl MysqlServer {
    /// Reads what stands after `mysql://`.
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        let url = ServerUrl::parse(rest)?;
        let place = url.place();
        let mut hosts = url.hosts.into_iter();
        let (host, port) = hosts.next().unwrap_or_else(|| ("localhost".to_owned(), None));
        if hosts.next().is_some() {
            return Err("names several hosts; MySQL takes one".to_owned());
        }
        if host.contains(':') {
            // The client library gets the host in one string with its options, where a host cannot contain colons.
            return Err("has an IPv6 address; name the host, or its IPv4 address".to_owned());
        }
        let name_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
        if !url.database.chars().all(name_fits) {
            return Err("names a database with other characters than letters, digits, _, - and $".to_owned());
        }
        let mut server = Self {
            host,
            port: port.unwrap_or(3306),
            unix_socket: None,
            user: url.user.ok_or("names no user; expected mysql://user:password@host/database")?,
            password: url.password,
            database: url.database,
            place,
            tls: MysqlTls::Preferred,
            ca_file: None,
            certificate: None,
        };
        server.apply(url.parameters)?;
        Ok(server)
    }

    fn apply(&mut self, parameters: Vec<(String, String)>) -> Result<(), String> {
        let (mut mode, mut certificate, mut key) = (None, None, None);
        for (name, value) in parameters {
            // Some hosting services write ssl-mode.
            match name.replace('-', "_").as_str() {
                "ssl_mode" => mode = Some(parse_mode(&value)?),
                "ssl_ca" => self.ca_file = Some(value),
                "ssl_cert" => certificate = Some(value),
                "ssl_key" => key = Some(value),
                "unix_socket" => self.unix_socket = Some(value),
                "charset" if value.to_ascii_lowercase().starts_with("utf8") => {}
                "charset" => {
                    return Err("has a charset; fanmail always uses utf8mb4, remove it".to_owned());
                }
                _ => {
                    let shown: String = name
                        .chars()
                        .filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c))
                        .take(40)
                        .collect();
                    return Err(format!(
                        "has the parameter {shown}, which fanmail does not support for MySQL; expected ssl_mode, \
                         ssl_ca, ssl_cert, ssl_key or unix_socket"
                    ));
                }
            }
        }
        self.certificate = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err("has one of ssl_cert and ssl_key without the other".to_owned()),
        };
        // A CA file is useless unless the certificate is checked.
        let default = if self.ca_file.is_some() { MysqlTls::VerifyIdentity } else { MysqlTls::Preferred };
        self.tls = mode.unwrap_or(default);
        Ok(())
    }
}

fn parse_mode(word: &str) -> Result<MysqlTls, String> {
    Ok(match word.to_ascii_uppercase().replace('-', "_").as_str() {
        "DISABLED" => MysqlTls::Disabled,
        "PREFERRED" => MysqlTls::Preferred,
        "REQUIRED" => MysqlTls::Required,
        "VERIFY_CA" => MysqlTls::VerifyCa,
        "VERIFY_IDENTITY" => MysqlTls::VerifyIdentity,
        _ => {
            return Err(
                "has an ssl_mode that does not exist; expected DISABLED, PREFERRED, REQUIRED, VERIFY_CA \
                        or VERIFY_IDENTITY"
                    .to_owned(),
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::database::Backend;

    fn parse(url: &str) -> MysqlServer {
        match Backend::parse(url) {
            Ok(Backend::Mysql(server)) => server,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn reads_urls_in_the_form_of_sqlalchemy() {
        for url in [
            "mysql://me:p%40ss@db/app",
            "mariadb://me:p%40ss@db:3306/app",
            "mysql+pymysql://me:p%40ss@db/app?charset=utf8mb4",
            "mariadb+mariadbconnector://me:p%40ss@db/app",
        ] {
            let server = parse(url);
            assert_eq!(
                (server.host.as_str(), server.port, server.user.as_str()),
                ("db", 3306, "me"),
                "{url}"
            );
            assert_eq!(server.password.unwrap().expose(), "p@ss");
            assert_eq!((server.database.as_str(), server.tls), ("app", MysqlTls::Preferred));
        }
        let server = parse("mysql://me@/app?unix_socket=/run/mysqld/mysqld.sock");
        assert_eq!(server.unix_socket.as_deref(), Some("/run/mysqld/mysqld.sock"));
        assert_eq!(server.password, None);
        let backend = Backend::parse("mysql://me:MARKER@db/app").unwrap();
        assert_eq!(backend.to_string(), "database app on db");
        assert!(!format!("{backend:?}").contains("MARKER"));
    }

    #[test]
    fn tls_is_what_the_parameters_ask_for() {
        let tls = |query: &str| parse(&format!("mysql://me:x@db/app?{query}")).tls;
        assert_eq!(tls("ssl-mode=REQUIRED"), MysqlTls::Required);
        assert_eq!(tls("ssl_mode=verify_identity"), MysqlTls::VerifyIdentity);
        assert_eq!(tls("ssl_ca=/etc/ca.pem"), MysqlTls::VerifyIdentity);
        assert_eq!(tls("ssl_ca=/etc/ca.pem&ssl_mode=VERIFY_CA"), MysqlTls::VerifyCa);
        assert_eq!(tls("ssl_mode=DISABLED"), MysqlTls::Disabled);
        let server = parse("mysql://me:x@db/app?ssl_cert=/a.pem&ssl_key=/b.pem");
        assert_eq!(server.certificate, Some(("/a.pem".to_owned(), "/b.pem".to_owned())));
    }

    #[test]
    fn an_invalid_url_is_refused_without_showing_it() {
        for (url, word) in [
            ("mysql://me:MARKER@db", "names no database"),
            ("mysql://db/app", "names no user"),
            ("mysql://me:MARKER@[::1]/app", "has an IPv6 address"),
            ("mysql://me:MARKER@one,two/app", "names several hosts"),
            ("mysql://me:MARKER@db/a%2Fb", "names a database with other characters"),
            ("mysql://me:MARKER@db;x=1/app", "has an invalid host or port"),
            ("mysql://me:MARKER@db/app?ssl_mode=MARKER", "has an ssl_mode that does not exist"),
            ("mysql://me:MARKER@db/app?ssl=true", "has the parameter ssl, which fanmail does not support"),
            ("mysql://me:MARKER@db/app?charset=latin1", "has a charset"),
            ("mysql://me:MARKER@db/app?ssl_key=/MARKER", "has one of ssl_cert and ssl_key without"),
        ] {
            let wrong = Backend::parse(url).expect_err(url);
            assert!(wrong.contains(word) && !wrong.contains("MARKER"), "{url}: {wrong}");
        }
    }
}

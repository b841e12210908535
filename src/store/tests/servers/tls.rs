//! TLS to a database server, with servers that have it and servers that do not.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::*;

/// The parameter that asks for TLS without a check of the certificate, the one that also wants a valid certificate, and
/// the one that wants no TLS.
const fn modes(server: Server) -> [&'static str; 3] {
    match server {
        Server::Postgresql => ["sslmode=require", "ssl=verify-full", "sslmode=disable"],
        Server::Mariadb => ["ssl_mode=REQUIRED", "ssl_mode=VERIFY_IDENTITY", "ssl_mode=DISABLED"],
    }
}

/// Whether a server that was not told anything about TLS offers it: `MariaDB` from 11.4 on makes a certificate for itself.
fn offers_tls_by_itself(database: &Database, server: Server) -> bool {
    server == Server::Mariadb && database.version() >= (11, 4)
}

pub fn tls_is_required_when_it_is_configured(server: Server) {
    let shared = Database::shared_without_disk_waits(server);
    if offers_tls_by_itself(&shared, server) {
        is_encrypted_by_itself(&shared.create_database(), server);
        let plain = Database::own_with(server, &["--skip-ssl"]);
        plain.start();
        is_refused_without_tls(&plain.create_database(), server);
    } else {
        is_refused_without_tls(&shared.create_database(), server);
    }
}

/// A server without TLS serves connections that do not require it, and no other ones.
fn is_refused_without_tls(url: &str, server: Server) {
    let [required, verified, plain] = modes(server);
    for mode in [required, verified] {
        let error = refusal(&format!("{url}?{mode}"));
        assert!(!error.is_transient() && error.to_string().contains("give the server TLS"), "{error}");
    }
    for url in [url.to_owned(), format!("{url}?{plain}")] {
        connect(&url, 1).unwrap();
    }
}

/// A server with a certificate of its own: whatever does not refuse TLS is encrypted.
fn is_encrypted_by_itself(url: &str, server: Server) {
    let [required, _, plain] = modes(server);
    for url in [url.to_owned(), format!("{url}?{required}")] {
        assert_ne!(cipher(&connect(&url, 1).unwrap()), "", "{url} is not encrypted");
    }
    assert_eq!(cipher(&connect(&format!("{url}?{plain}"), 1).unwrap()), "");
}

/// The cipher of a connection to `MariaDB`; empty without TLS.
fn cipher(store: &Store) -> String {
    #[derive(QueryableByName)]
    struct Variable {
        #[diesel(sql_type = Text, column_name = "Value")]
        value: String,
    }
    let variable = store.run("read the cipher", |connection| {
        sql_query("SHOW SESSION STATUS LIKE 'Ssl_cipher'").get_result::<Variable>(connection)
    });
    variable.unwrap().value
}

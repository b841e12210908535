//! The TLS of the SMTP server, with lettre's client.

use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as LettreTls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};

use testkit::certificates::{Authority, Issued};
use testkit::smtp::stream::Tls;
use testkit::smtp::{Capabilities, SmtpServer};

fn server(tls: Tls, certificate: Issued) -> SmtpServer {
    SmtpServer::with_capabilities(Capabilities {
        credentials: Some(("user".to_owned(), "secret".to_owned())),
        tls: Some((tls, certificate)),
        ..Capabilities::default()
    })
}

/// Sends one mail from a client that trusts this authority.
fn send(server: &SmtpServer, tls: Tls, trusted: &Authority) -> bool {
    let trusted = Certificate::from_pem(trusted.pem().as_bytes()).unwrap();
    let parameters =
        TlsParameters::builder("localhost".to_owned()).add_root_certificate(trusted).build().unwrap();
    let client = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(server.port)
        .timeout(Some(Duration::from_secs(5)))
        .credentials(Credentials::new("user".to_owned(), "secret".to_owned()))
        .tls(match tls {
            Tls::StartTls => LettreTls::Required(parameters),
            Tls::Implicit => LettreTls::Wrapper(parameters),
        })
        .build();
    let mail = Message::builder()
        .from("a@example.org".parse().unwrap())
        .to("b@example.com".parse().unwrap())
        .body("hello".to_owned())
        .unwrap();
    client.send(&mail).is_ok()
}

#[test]
fn lettre_sends_over_tls_only_with_a_trusted_certificate() {
    let authority = Authority::new();
    for tls in [Tls::StartTls, Tls::Implicit] {
        let server = server(tls, authority.issue());
        assert!(send(&server, tls, &authority));
        assert!(!send(&server, tls, &Authority::new()), "{tls:?}");
        for bad in [authority.issue_for("other.example"), authority.issue_expired()] {
            server.configure(|settings| settings.certificate = Some(bad));
            assert!(!send(&server, tls, &authority), "{tls:?}");
        }
        let log = server.log();
        assert_eq!(server.accepted(), 1, "{tls:?}");
        assert_eq!(log.violations, Vec::<String>::new());
        assert!(log.plain_text.iter().all(|line| line.starts_with("EHLO") || line.starts_with("STARTTLS")));
    }
}

#[test]
fn a_mail_before_starttls_is_recorded_as_a_violation() {
    let server = server(Tls::StartTls, Authority::new().issue());
    let client = SmtpTransport::builder_dangerous("127.0.0.1").port(server.port).build();
    let mail = Message::builder()
        .from("a@example.org".parse().unwrap())
        .to("b@example.com".parse().unwrap())
        .body("hello".to_owned())
        .unwrap();
    assert_eq!(client.send(&mail).unwrap_err().status().map(u16::from), Some(530));
    let log = server.log();
    assert!(log.violations[0].contains("MAIL in plain text"), "{:?}", log.violations);
    assert!(log.plain_text.contains(&"MAIL FROM:<a@example.org>\r\n".to_owned()), "{:?}", log.plain_text);
}

//! The name in EHLO, and relays that know only HELO.

use super::*;
use crate::config::email::login::{Login, LoginMethod};
use crate::config::secret::Secret;

/// Connects to the relay, which must fail.
fn refusal(relay: &Relay) -> SendError {
    let refused = RelayConnector::new(relay).unwrap().connect().err().expect("it connected");
    assert_eq!((refused.class, refused.code), (Class::RelayFailure, None), "{refused}");
    refused
}

#[test]
fn a_relay_that_does_not_know_ehlo_gets_helo() {
    for unknown in ["500 what", "502 5.5.2 not implemented", "504 no"] {
        let server =
            ScriptedRelay::start(vec![script(["220 relay", unknown], &["250 hello", OK, OK, GO_ON, OK])]);
        let relay =
            Relay { helo_name: Some("mail.example.org".to_owned()), ..Relay::on_loopback(server.port) };
        let mut transport = SmtpTransport::new(RelayConnector::new(&relay).unwrap());
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        drop(transport);
        assert_eq!(server.received()[0][..2], ["HELO mail.example.org", "MAIL FROM:<events@example.com>"]);
    }
}

#[test]
fn without_ehlo_there_is_neither_tls_nor_login() {
    let login = || {
        Some(Login {
            username: "me".to_owned(),
            method: LoginMethod::Password(Secret::new("MARKER".to_owned())),
        })
    };
    for (security, login, missing) in
        [(Security::Plain, login(), "offers no login"), (Security::StartTls, None, "offers no TLS")]
    {
        let server = ScriptedRelay::start(vec![vec!["220 relay", "502 5.5.2 not implemented"]]);
        let detail = refusal(&Relay { security, login, ..Relay::on_loopback(server.port) }).detail;
        assert!(detail.contains(missing) && detail.contains("502 5.5.2 not implemented"), "{detail}");
        assert_eq!(server.received(), [Vec::<String>::new()], "nothing more was sent");
    }
}

#[test]
fn a_relay_that_refuses_the_name_is_told_with_the_variable() {
    for scripts in [vec!["220 relay", "550 5.7.1 bad name"], vec!["220 relay", "502 what", "501 bad name"]] {
        let server = ScriptedRelay::start(vec![scripts]);
        let relay = Relay { helo_name: Some("vm".to_owned()), ..Relay::on_loopback(server.port) };
        let error = RelayConnector::new(&relay).unwrap().connect().err().expect("it connected");
        assert_eq!(error.class, Class::RelayFailure);
        assert!(error.detail.contains("bad name") && error.detail.contains("set SMTP_HELO_NAME"), "{error}");
        assert!(error.detail.contains("to EHLO vm"), "{error}");
    }
}

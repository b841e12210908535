//! AUTH: which mechanism, what is sent after each challenge, and what a refusal leads to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::channels::email::oauth::tests::{TokenServer, granted};
use crate::config::email::login::{Login, LoginMethod};
use crate::config::email::oauth::OAuthClient;
use crate::config::secret::Secret;

fn relay(server: &ScriptedRelay, method: LoginMethod) -> RelayConnector {
    let login = Some(Login { username: "ann@example.org".to_owned(), method });
    RelayConnector::new(&Relay { login, ..Relay::on_loopback(server.port) }).unwrap()
}

fn password() -> LoginMethod {
    LoginMethod::Password(Secret::new("MARKER".to_owned()))
}

fn oauth(client: OAuthClient) -> LoginMethod {
    LoginMethod::OAuth(Box::new(client))
}

/// Connects, and returns the error if there is one.
fn connect(connector: &RelayConnector) -> Option<SendError> {
    let refused = match connector.connect() {
        Ok(connection) => {
            connection.quit();
            return None;
        }
        Err(refused) => refused,
    };
    assert_eq!(refused.class, Class::RelayFailure, "{refused}");
    assert!(!refused.detail.contains("MARKER"), "{refused}");
    Some(refused)
}

fn decoded(line: &str) -> String {
    String::from_utf8(STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap()).unwrap()
}

const USER: &str = "ann@example.org";

#[test]
fn auth_login_answers_any_prompt_in_order() {
    for prompts in [
        ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
        ["334 TG9naW46", "334 Q29kZTo="],
        ["334 ", "334 "],
        ["334", "334"],
        ["334 user please!", "334 not base64"],
    ] {
        for offer in ["250 AUTH LOGIN", "250 AUTH=LOGIN", "250 auth=login", "250 AUTH CRAM-MD5 LOGIN"] {
            let ehlo = format!("250-relay\r\n{offer}").leak();
            let server = ScriptedRelay::start(vec![vec![
                "220 relay",
                ehlo,
                prompts[0],
                prompts[1],
                "235 ok",
                "221 bye",
            ]]);
            assert_eq!(connect(&relay(&server, password())), None, "{prompts:?} {offer}");
            let received = server.received().remove(0);
            assert_eq!(received[0], "AUTH LOGIN");
            assert_eq!([decoded(&received[1]), decoded(&received[2])], [USER, "MARKER"]);
        }
    }
}

#[test]
fn a_relay_that_asks_a_third_time_is_told() {
    let server =
        ScriptedRelay::start(vec![vec!["220 relay", "250-relay\r\n250 AUTH LOGIN", "334 ", "334 ", "334 "]]);
    let detail = connect(&relay(&server, password())).unwrap().detail;
    let told = "login with LOGIN: the relay asks for more than user name and password; check SMTP_USERNAME";
    assert!(detail.starts_with(told), "{detail}");
}

#[test]
fn after_a_refused_mechanism_the_next_one_is_tried() {
    for refusal in ["504 5.5.4 unrecognized", "534 5.7.9 too weak", "538 no", "502 no", "501 no"] {
        let server = ScriptedRelay::start(vec![vec![
            "220 relay",
            "250-relay\r\n250-AUTH=PLAIN LOGIN\r\n250 8BITMIME",
            refusal,
            "334 ",
            "334 ",
            "235 ok",
            "221 bye",
        ]]);
        assert_eq!(connect(&relay(&server, password())), None, "{refusal}");
        let received = server.received().remove(0);
        assert_eq!(decoded(&received[0]), format!("\0{USER}\0MARKER"));
        assert_eq!(received[1], "AUTH LOGIN");
    }
}

#[test]
fn a_refused_password_is_not_tried_in_another_way() {
    for (refusal, advice) in [("535 5.7.8 bad", true), ("454 4.7.0 directory is away", false)] {
        let server =
            ScriptedRelay::start(vec![vec!["220 relay", "250-relay\r\n250 AUTH PLAIN LOGIN", refusal]]);
        let detail = connect(&relay(&server, password())).unwrap().detail;
        assert!(detail.starts_with(&format!("login with PLAIN: {refusal}")), "{detail}");
        assert_eq!(detail.contains("check SMTP_USERNAME, SMTP_PASSWORD"), advice, "{detail}");
        assert_eq!(server.received()[0].len(), 1);
    }
}

#[test]
fn a_relay_without_a_usable_mechanism_is_told_with_what_it_offers() {
    for (offer, expected) in [
        ("250 AUTH CRAM-MD5 NTLM", "(it offers CRAM-MD5, NTLM)"),
        ("250 AUTH=NTLM", "(it offers NTLM)"),
        ("250 AUTH XOAUTH2", "XOAUTH2 needs SMTP_OAUTH_TOKEN_URL"),
        ("250 SIZE 1", "(it offers no login at all)"),
    ] {
        let server = ScriptedRelay::start(vec![vec!["220 relay", format!("250-relay\r\n{offer}").leak()]]);
        let detail = connect(&relay(&server, password())).unwrap().detail;
        assert!(
            detail.contains("neither AUTH PLAIN nor AUTH LOGIN") && detail.contains(expected),
            "{detail}"
        );
    }
}

#[test]
fn a_part_of_the_credentials_that_a_relay_repeats_is_hidden() {
    let token = "MARKER".repeat(200);
    let tokens = TokenServer::start(vec![granted(&token, "")]);
    let sent = STANDARD.encode(format!("user={USER}\x01auth=Bearer {token}\x01\x01"));
    let part: &'static str = format!("500 line too long: \"{}\"", &sent[..300]).leak();
    let server =
        ScriptedRelay::start(vec![vec!["220 relay", "250-relay\r\n250 AUTH XOAUTH2", "334 ", part, HANG_UP]]);
    let detail = connect(&relay(&server, oauth(tokens.client(None)))).unwrap().detail;
    assert!(detail.contains("500 line too long: \"…\""), "{detail}");
}

const XOAUTH2: [&str; 2] = ["220 relay", "250-relay\r\n250 AUTH LOGIN XOAUTH2"];
/// `{"status":"401","schemes":"bearer"}`
const COMPLAINT: &str = "334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=";

#[test]
fn a_token_is_sent_at_once_or_after_a_challenge_when_it_is_long() {
    for (length, script) in [(100, &["235 ok"][..]), (2000, &["334 ", "235 ok"])] {
        let token = "t".repeat(length);
        let tokens = TokenServer::start(vec![granted(&token, "")]);
        let server = ScriptedRelay::start(vec![[&XOAUTH2[..], script, &["221 bye"]].concat()]);
        assert_eq!(connect(&relay(&server, oauth(tokens.client(None)))), None);
        let received = server.received().remove(0);
        assert!(received[0].starts_with("AUTH XOAUTH2"), "{received:?}");
        assert!(received[0].len() <= 510, "{received:?}");
        let response = decoded(&received[script.len() - 1]);
        assert_eq!(response, format!("user={USER}\x01auth=Bearer {token}\x01\x01"));
    }
}

#[test]
fn a_refused_token_is_renewed_once_and_tried_again() {
    let refused = [&XOAUTH2[..], &[COMPLAINT, "535 5.7.8 not accepted"]].concat();
    let accepted = [&XOAUTH2[..], &["235 ok", "221 bye"]].concat();
    let tokens = TokenServer::start(vec![granted("old", ""), granted("new", "")]);
    let server = ScriptedRelay::start(vec![refused.clone(), accepted.clone(), accepted]);
    let connector = relay(&server, oauth(tokens.client(None)));
    assert_eq!((connect(&connector), connect(&connector.clone())), (None, None));
    let received = server.received();
    assert_eq!(received[0][1], "", "the answer to the challenge with the error");
    assert!(decoded(&received[0][0]).contains("Bearer old\x01"));
    assert!(received[1..].iter().all(|lines| decoded(&lines[0]).contains("Bearer new\x01")), "{received:?}");
    assert_eq!(tokens.requests().len(), 2);

    let server = ScriptedRelay::start(vec![refused.clone(), refused]);
    let tokens = TokenServer::start(vec![granted("MARKER", "")]);
    let detail = connect(&relay(&server, oauth(tokens.client(None)))).unwrap().detail;
    assert!(detail.contains(r#"535 5.7.8 not accepted ({"status":"401","schemes":"bearer"})"#), "{detail}");
    assert!(detail.contains("check SMTP_USERNAME and SMTP_OAUTH_SCOPE"), "{detail}");
    assert_eq!((server.received().len(), tokens.requests().len()), (2, 2));
}

#[test]
fn without_a_token_the_relay_is_not_contacted() {
    let tokens = TokenServer::start(vec![(401, r#"{"error":"invalid_client"}"#.to_owned())]);
    let server = ScriptedRelay::start(Vec::new());
    let detail = connect(&relay(&server, oauth(tokens.client(None)))).unwrap().detail;
    assert!(detail.contains("check SMTP_OAUTH_CLIENT_ID and SMTP_OAUTH_CLIENT_SECRET"), "{detail}");
    assert_eq!(server.received().len(), 0);
}

//! SMTP against a scripted relay: what is written in which order, and what each reply leads to.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::config::email::security::Security;
use crate::domain::ids::NotificationId;
use crate::domain::outcome::Permanence;

mod capabilities;
mod data_timeout;
mod delayed_body;
mod helo;
mod login;
mod lost_connections;
mod pipelining;
mod probing;
mod slow_reply;

/// Greeting and reply to EHLO: the beginning of every connection.
const PIPELINING: [&str; 2] = ["220 relay", "250-relay\r\n250 PIPELINING"];
const PLAIN: [&str; 2] = ["220 relay", "250 relay"];
const OK: &str = "250 ok";
const GO_ON: &str = "354 go on";
/// Not a reply: the relay closes the connection instead.
const HANG_UP: &str = "";

/// In front of a reply: it is sent together with the next one.
const HOLD: char = '~';

/// In front of a reply: it is sent a second late; twice, two seconds.
const LATE: char = '+';

/// A relay that replies to each command and each body with the next line of its script. One script for each
/// connection.
struct ScriptedRelay {
    port: u16,
    thread: JoinHandle<Vec<Vec<String>>>,
}

impl ScriptedRelay {
    fn start(scripts: Vec<Vec<&'static str>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread =
            thread::spawn(move || scripts.iter().map(|script| play_script(&listener, script)).collect());
        Self { port, thread }
    }

    fn transport(&self) -> SmtpTransport {
        self.transport_with_timeout(Duration::from_secs(10))
    }

    fn transport_with_timeout(&self, timeout: Duration) -> SmtpTransport {
        let relay = Relay { timeout, data_timeout: timeout, ..Relay::on_loopback(self.port) };
        SmtpTransport::new(RelayConnector::new(&relay).unwrap())
    }

    /// What it received on each connection after EHLO.
    fn received(self) -> Vec<Vec<String>> {
        self.thread.join().unwrap()
    }
}

fn play_script(listener: &TcpListener, script: &[&str]) -> Vec<String> {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut received = Vec::new();
    let mut held = Vec::new();
    let mut in_body = false;
    for (step, reply) in script.iter().enumerate() {
        if step > 0 {
            let end = if in_body { "\r\n.\r\n" } else { "\r\n" };
            let mut text = String::new();
            while !(text.ends_with(end) || in_body && text == ".\r\n") {
                // A client that leaves replies unread resets the connection.
                if reader.read_line(&mut text).unwrap_or(0) == 0 {
                    return received;
                }
            }
            received.push(text.trim_end().to_owned());
        }
        if reply.is_empty() {
            return received.split_off(1.min(received.len()));
        }
        let on_time = reply.trim_start_matches(LATE);
        thread::sleep(Duration::from_secs((reply.len() - on_time.len()) as u64));
        let reply = on_time;
        let reply = if let Some(reply) = reply.strip_prefix(HOLD) {
            held.extend(latin1(reply));
            reply
        } else {
            held.extend(latin1(reply));
            (&stream).write_all(&std::mem::take(&mut held)).unwrap();
            reply
        };
        in_body = reply.starts_with("354");
    }
    let mut quit = String::new();
    reader.read_line(&mut quit).unwrap();
    received.split_off(1.min(received.len()))
}

/// The line in Latin-1, as old relays send it.
fn latin1(line: &str) -> Vec<u8> {
    line.chars().chain("\r\n".chars()).map(|character| u8::try_from(character).unwrap()).collect()
}

fn mail(to: &str) -> Mail {
    Mail {
        notification_id: NotificationId(1),
        envelope_from: "events@example.com".into(),
        to: to.to_owned(),
        message_id: format!("<{to}>"),
        data: "Subject: x\r\n\r\n..dot\r\n.\r\n".to_owned(),
        size: "Subject: x\r\n\r\n.dot\r\n".len(),
        html: String::new(),
    }
}

fn script(opening: [&'static str; 2], rest: &[&'static str]) -> Vec<&'static str> {
    opening.iter().chain(rest).copied().collect()
}

/// Submits one mail, and counts the calls of `before_body`.
fn submit(transport: &mut SmtpTransport, to: &str) -> (Result<(), SendError>, u32) {
    let mut bodies = 0;
    let result = transport.submit(&mail(to), None, &mut || {
        bodies += 1;
        true
    });
    (result, bodies)
}

#[test]
fn two_mails_on_one_connection_with_and_without_pipelining() {
    for opening in [PIPELINING, PLAIN] {
        let relay = ScriptedRelay::start(vec![script(opening, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, OK])]);
        let mut transport = relay.transport();
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
        drop(transport);
        let envelope = |to: &str| {
            vec![
                "MAIL FROM:<events@example.com>".to_owned(),
                format!("RCPT TO:<{to}@example.com>"),
                "DATA".to_owned(),
                "Subject: x\r\n\r\n..dot\r\n.".to_owned(),
            ]
        };
        assert_eq!(relay.received(), [[envelope("a"), envelope("b")].concat()]);
    }
}

#[test]
fn a_withdrawn_mail_is_not_written_and_its_connection_is_closed() {
    let relay = ScriptedRelay::start(vec![
        script(PIPELINING, &[OK, OK, GO_ON]),
        script(PIPELINING, &[OK, OK, GO_ON, OK]),
    ]);
    let mut transport = relay.transport();
    assert_eq!(transport.submit(&mail("a@example.com"), None, &mut || false), Err(SendError::withdrawn()));
    assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
    drop(transport);
    let received = relay.received();
    assert_eq!(received[0].last().unwrap(), "DATA", "no body, not even an empty one");
    assert_eq!(received.len(), 2);
}

#[test]
fn after_a_refused_recipient_rset_keeps_the_connection() {
    let refused = ["250 ok", "550 no such user <a@example.com>", "503 no recipient", "250 reset"];
    let relay =
        ScriptedRelay::start(vec![script(PIPELINING, &[&refused[..], &[OK, OK, GO_ON, OK]].concat())]);
    let mut transport = relay.transport();
    let (result, bodies) = submit(&mut transport, "a@example.com");
    let error = result.unwrap_err();
    assert_eq!((error.class, error.code, bodies), (Class::Permanent, Some(550), 0));
    assert_eq!(error.detail, "550 no such user <a***@example.com>");
    assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
    drop(transport);
    assert_eq!(relay.received()[0][3], "RSET");
}

#[test]
fn a_relay_that_waits_for_a_body_without_a_recipient_gets_none() {
    // An empty body would end the wait, but might be delivered.
    let relay = ScriptedRelay::start(vec![
        script(PIPELINING, &[OK, "450 later", GO_ON, HANG_UP]),
        script(PIPELINING, &[OK, "ok without a code", GO_ON, HANG_UP]),
        script(PIPELINING, &[OK, OK, GO_ON, OK]),
    ]);
    let mut transport = relay.transport();
    for class in [Class::Suspect(Permanence::Transient), Class::Transient] {
        let (result, bodies) = submit(&mut transport, "a@example.com");
        assert_eq!((result.unwrap_err().class, bodies), (class, 0));
    }
    assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
    drop(transport);
    let received = relay.received();
    assert!(received[..2].iter().flatten().all(|line| line != "."), "{received:?}");
}

#[test]
fn after_an_unreadable_reply_to_the_body_no_copy_is_sent() {
    for reply in ["accepted, thank you", "25 ok", "2500 ok", "999 ok", "250-ok\r\n450 but", "250_ok"] {
        let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, reply])]);
        let (result, bodies) = submit(&mut relay.transport(), "a@example.com");
        let error = result.unwrap_err();
        assert_eq!((error.class, error.code, bodies), (Class::Unreadable, None, 1));
        assert!(error.detail.starts_with("unreadable reply to the body, the relay may have it"), "{error}");
    }
}

#[test]
fn what_stands_behind_the_code_is_shown() {
    for (reply, told) in [
        ("250\tqueued", r#"its code is followed by '\t' and not by a space or a hyphen: "250\tqueued""#),
        ("250_ok", r#"its code is followed by '_' and not by a space or a hyphen: "250_ok""#),
        ("999 ok\u{1b}", r#"it has no code: "999 ok\u{1b}""#),
        ("", r#"it has no code: """#),
    ] {
        let line = format!("{reply}\r\n250 ok").leak();
        let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, line])]);
        let (result, _) = submit(&mut relay.transport(), "a@example.com");
        let detail = result.unwrap_err().detail;
        assert!(detail.ends_with(told), "{detail}");
    }
}

#[test]
fn only_the_code_of_a_reply_decides() {
    // Text in Latin-1, no text, no CR, a NUL.
    for reply in ["250 accept\u{e9}", "250", "250-one\r\n250-\r\n250", "250-one\n250 two", "250 \0"] {
        let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, reply])]);
        assert_eq!(submit(&mut relay.transport(), "a@example.com"), (Ok(()), 1), "{reply:?}");
    }
}

#[test]
fn failures_before_the_recipient_are_relay_failures() {
    let scripts = [
        vec!["554 go away"],
        vec!["220 relay", "421 too busy"],
        script(PIPELINING, &["550 sender refused", "503 no", "503 no"]),
        script(PIPELINING, &["451 sender later", "503 no", "503 no"]),
        // A 421 ends the connection: the other replies of the group do not come.
        script(PIPELINING, &["421 too busy for this sender", HANG_UP]),
        vec!["not smtp at all"],
    ];
    for lines in scripts {
        let relay = ScriptedRelay::start(vec![lines.clone()]);
        let (result, bodies) = submit(&mut relay.transport(), "a@example.com");
        assert_eq!((result.unwrap_err().class, bodies), (Class::RelayFailure, 0), "{lines:?}");
    }
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let relay = ScriptedRelay { port: refused, thread: thread::spawn(Vec::new) };
    assert_eq!(submit(&mut relay.transport(), "a@example.com").0.unwrap_err().class, Class::RelayFailure);
}

#[test]
fn replies_out_of_step_are_a_breakdown_and_no_body_is_written() {
    for opening in [PIPELINING, PLAIN] {
        let relay = ScriptedRelay::start(vec![script(opening, &[OK, OK, OK, HANG_UP])]);
        let (result, bodies) = submit(&mut relay.transport(), "a@example.com");
        assert_eq!((result.unwrap_err().class, bodies), (Class::Breakdown, 0));
    }
}

#[test]
fn a_silent_relay_is_a_relay_failure_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for security in [Security::Plain, Security::StartTls, Security::ImplicitTls, Security::AnyTls] {
        let port = listener.local_addr().unwrap().port();
        let relay = Relay { security, timeout: Duration::from_millis(200), ..Relay::on_loopback(port) };
        let error = probe::probe(&relay, "events@example.com").unwrap_err();
        assert_eq!(error.class, Class::RelayFailure, "{security:?}");
    }
}

//! What `fanmail check` asks the relay, and what it makes of the replies.

use super::*;
use crate::channels::email::smtp::probe::{ProbeResult, probe};

/// The result of `probe` against a relay with these replies to MAIL, RCPT and RSET, and what the relay received.
fn probe_relay(replies: &[&'static str]) -> (Result<ProbeResult, SendError>, Vec<String>) {
    let scripted = ScriptedRelay::start(vec![script(PIPELINING, replies)]);
    let relay = Relay { helo_name: Some("me.example.com".to_owned()), ..Relay::on_loopback(scripted.port) };
    let result = probe(&relay, "events@example.com");
    (result, scripted.received().concat())
}

#[test]
fn the_sender_is_offered_as_recipient_and_no_mail_is_sent() {
    let (result, received) = probe_relay(&[OK, OK, OK]);
    let ProbeResult { summary, note } = result.unwrap();
    assert!(
        summary.ends_with(
            "it accepts the name me.example.com in EHLO, and FROM_EMAIL as sender and as recipient; no mail was sent"
        ),
        "{summary}"
    );
    assert_eq!(note, None);
    let commands = ["MAIL FROM:<events@example.com>", "RCPT TO:<events@example.com>", "RSET"];
    assert_eq!(received[..3], commands);
}

#[test]
fn a_refusal_that_is_ours_fails_and_tells_what_to_do() {
    for (replies, cause, advice) in [
        (
            &[OK, "553 5.7.1 <events@example.com>: Sender address rejected: not owned by user u", OK][..],
            "FROM_EMAIL was refused at RCPT TO: 553 5.7.1 <e***@example.com>: Sender address rejected",
            "set FROM_EMAIL to an address",
        ),
        (&["550 5.7.1 sender refused", OK], "FROM_EMAIL was refused at MAIL FROM: 550", "set FROM_EMAIL"),
        (&[OK, "554 5.7.1 Relay access denied", OK], "Relay access denied", "log in"),
        (&[OK, "450 4.7.1 <me>: Helo command rejected: Host not found", OK], "Helo", "SMTP_HELO_NAME"),
        (&[OK, "530 5.7.0 Authentication required", OK], "530 5.7.0", ""),
        (&[OK, "451 4.3.0 Temporary lookup failure", OK], "451 4.3.0", ""),
        (&[OK, "421 4.3.0 closing", HANG_UP], "421 4.3.0", ""),
        (&[OK, HANG_UP], "no reply to RCPT TO", ""),
    ] {
        let detail = probe_relay(replies).0.unwrap_err().detail;
        assert!(detail.contains(cause) && detail.contains(advice), "{detail}");
        assert!(!detail.contains("accepts"), "{detail}");
    }
}

#[test]
fn a_refusal_of_the_mailbox_itself_is_told_and_is_no_failure() {
    for (reply, told) in [
        ("550 5.1.1 user unknown", "does not take mail for FROM_EMAIL itself: 550 5.1.1 user unknown"),
        ("550 no such user here", "set FROM_EMAIL to an address that exists"),
        ("450 4.2.0 Greylisted", "450 4.2.0 Greylisted; fanmail tries such mails again later by itself"),
    ] {
        let ProbeResult { summary, note } = probe_relay(&[OK, reply, OK]).0.unwrap();
        assert!(summary.contains("FROM_EMAIL as sender; no mail was sent"), "{summary}");
        assert!(note.as_ref().is_some_and(|note| note.contains(told)), "{note:?}");
    }
}

#[test]
fn a_relay_that_throttles_is_no_failure_and_has_accepted_nothing() {
    for replies in [&["451 4.7.0 try again later", OK][..], &[OK, "450 4.7.1 slow down", OK]] {
        let ProbeResult { summary, note } = probe_relay(replies).0.unwrap();
        assert!(!summary.contains("FROM_EMAIL"), "{summary}");
        assert!(note.is_some_and(|note| note.contains("asks for fewer mails")));
    }
    let relay = ScriptedRelay::start(vec![vec!["421 4.7.0 too many connections"]]);
    let ProbeResult { summary, note } = probe(&Relay::on_loopback(relay.port), "events@example.com").unwrap();
    assert!(summary.ends_with(": the relay answers"), "{summary}");
    assert!(note.is_some_and(|note| note.contains("421 4.7.0 too many connections")));
}

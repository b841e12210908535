//! Replies and their classes: rows of the protocol, and kinds of replies with made-up wording. What providers really
//! reply stands in `real_replies`, limits in `limits`, and what is about us behind words of a mailbox in `about_us`.

use std::time::Duration;

use super::*;
use crate::channels::{Class, Throttle};
use crate::domain::outcome::Permanence;
use Phase::{AfterDot, Connect, Data, Recipient, Sender};

mod about_us;
mod limits;
mod real_replies;

const TRANSIENT: Class = Class::Transient;
const PERMANENT: Class = Class::Permanent;
const SUSPECT_4YZ: Class = Class::Suspect(Permanence::Transient);
const SUSPECT_5YZ: Class = Class::Suspect(Permanence::Permanent);
const RATE: Class = Class::Throttled(Throttle::Rate { pause: None });
const CONNECTIONS: Class = Class::Throttled(Throttle::Connections);
const MAILS_PER_CONNECTION: Class = Class::Throttled(Throttle::MailsPerConnection);
const RELAY_FAILURE: Class = Class::RelayFailure;
const BREAKDOWN: Class = Class::Breakdown;

fn rate_with_pause(seconds: u64) -> Class {
    Class::Throttled(Throttle::Rate { pause: Some(Duration::from_secs(seconds)) })
}

#[test]
fn the_lines_of_a_reply_are_one_sentence() {
    for (text, detail) in [
        (
            "5.1.1 The account that you tried\n5.1.1 to reach does\n5.1.1  not exist",
            "550 5.1.1 The account that you tried to reach does not exist",
        ),
        ("5.1.1 one\n5.7.1 two\n5.1.1", "550 5.1.1 one 5.7.1 two 5.1.1"),
        ("no code\nno code", "550 no code no code"),
        ("5.1.1 said: 5.1.1 gone", "550 5.1.1 said: 5.1.1 gone"),
    ] {
        assert_eq!(Reply::Complete(550, text.to_owned()).send_error(Recipient).detail, detail);
    }
}

fn assert_classes(rows: &[(Phase, &str, Class)]) {
    for (phase, reply, class) in rows {
        let (code, text) = reply.split_at(3);
        assert_eq!(classify(*phase, Some(code.parse().unwrap()), text), *class, "{phase:?}: {reply}");
    }
}

#[test]
fn lost_connections_and_replies_without_a_text() {
    let rows = [
        (Connect, None, RELAY_FAILURE),
        (Connect, Some(554), RELAY_FAILURE),
        (Connect, Some(454), RELAY_FAILURE),
        (Connect, Some(535), RELAY_FAILURE),
        (Sender, Some(451), RELAY_FAILURE),
        (Sender, Some(550), RELAY_FAILURE),
        (Sender, Some(421), RELAY_FAILURE),
        (Sender, Some(354), RELAY_FAILURE),
        (Sender, None, BREAKDOWN),
        (Recipient, Some(450), SUSPECT_4YZ),
        (Recipient, Some(552), SUSPECT_4YZ),
        (Recipient, Some(550), SUSPECT_5YZ),
        (Recipient, Some(530), RELAY_FAILURE),
        (Data, Some(535), RELAY_FAILURE),
        (Recipient, Some(421), BREAKDOWN),
        (Recipient, None, TRANSIENT),
        (Data, Some(451), SUSPECT_4YZ),
        (Data, Some(554), SUSPECT_5YZ),
        (Data, None, TRANSIENT),
        (AfterDot, Some(452), SUSPECT_4YZ),
        (AfterDot, Some(421), BREAKDOWN),
        (AfterDot, Some(552), SUSPECT_5YZ),
        (AfterDot, Some(554), SUSPECT_5YZ),
        (AfterDot, None, Class::Ambiguous),
        (AfterDot, Some(354), Class::Ambiguous),
        (Recipient, Some(354), BREAKDOWN),
        (Data, Some(250), BREAKDOWN),
        (AfterDot, Some(432), RATE),
    ];
    for (phase, code, class) in rows {
        assert_eq!(classify(phase, code, ""), class, "{phase:?} {code:?}");
    }
}

#[test]
fn one_mailbox() {
    assert_classes(&[
        (Recipient, "550 5.1.1 user unknown", PERMANENT),
        (Recipient, "550 5.1.1 USER UNKNOWN", PERMANENT),
        (Recipient, "550 5.1.1", PERMANENT),
        (Recipient, "550-5.1.1 The account that you tried\n5.1.1 to reach does not exist", PERMANENT),
        (Recipient, "550 [internal] 5.1.1 cannot be reached", PERMANENT),
        (Recipient, "550 5.1.1 [internal] cannot be reached", PERMANENT),
        (Recipient, "550 No such user here", PERMANENT),
        (Recipient, "550 <rate.limit@blocked.example>: user unknown", PERMANENT),
        (
            Recipient,
            "554 5.7.1 <a@example.com>: Recipient address rejected: User unknown in relay table",
            PERMANENT,
        ),
        (Recipient, "550 5.1.1 Empf\u{fffd}nger unbekannt", PERMANENT),
        (Recipient, "550 5.1.1 Adresse inconnue", PERMANENT),
        (Recipient, "550 4.1.1 user unknown", PERMANENT),
        (Recipient, "450 5.1.1 user unknown", TRANSIENT),
        (Recipient, "450 4.1.1 unverified address", TRANSIENT),
        (
            Recipient,
            "450 4.1.1 <a@b.c>: Recipient address rejected: unverified address: host d said: 554 5.7.1 Client host rejected",
            TRANSIENT,
        ),
        (Recipient, "450 4.1.2 Domain not found", TRANSIENT),
        (Recipient, "550 mailbox unavailable", PERMANENT),
        (Recipient, "550 5.5.0 mailbox unavailable", PERMANENT),
        (Recipient, "552 5.2.2 mailbox full", TRANSIENT),
        (AfterDot, "552 5.2.2 mailbox full", PERMANENT),
        (AfterDot, "452 4.2.2 Postfach voll", TRANSIENT),
        (AfterDot, "452 4.2.2 Mailbox size limit exceeded", TRANSIENT),
        (AfterDot, "550 5.2.1 account disabled", PERMANENT),
        (Recipient, "452 user is over quota", TRANSIENT),
    ]);
}

#[test]
fn greylisting_is_about_one_mail() {
    assert_classes(&[
        (Recipient, "450 4.2.0 Greylisted", TRANSIENT),
        (Recipient, "450 4.7.0 GREYLISTED, try again in 300 seconds", TRANSIENT),
        (Recipient, "451 4.7.1 Greylisting in action, please come back in 5 minutes", TRANSIENT),
        (Recipient, "451 Grey-listed for 5 minutes", TRANSIENT),
        (AfterDot, "451 4.7.1 Client host rejected: Greylisted", TRANSIENT),
        (Sender, "451 4.7.1 Greylisting in action, please come back in 5 minutes", RELAY_FAILURE),
        // Without the word.
        (Recipient, "451 4.7.1 Please try again in 5 minutes", TRANSIENT),
        (
            Recipient,
            "450 4.7.1 <a@example.com>: Recipient address rejected: try again in 60 seconds",
            TRANSIENT,
        ),
        (Recipient, "451 4.7.1 Temporary failure, try again in 5 minutes", rate_with_pause(300)),
        (Recipient, "450 4.7.1 Server busy, try again in 5 minutes", rate_with_pause(300)),
        (Recipient, "421 4.7.1 Try again in 5 minutes", rate_with_pause(300)),
        (AfterDot, "451 4.7.1 Try again in 5 minutes", rate_with_pause(300)),
    ]);
}

#[test]
fn the_pace() {
    assert_classes(&[
        (AfterDot, "454 Throttling failure: Maximum sending rate exceeded.", RATE),
        (Data, "432 4.3.2 Concurrent connections limit exceeded", CONNECTIONS),
        (Connect, "432 4.3.2 Concurrent connections limit exceeded", CONNECTIONS),
        (Connect, "421 too many connections", CONNECTIONS),
        (Connect, "421 4.7.0 try again later", RATE),
        (Sender, "451 4.7.0 Try again in 30 seconds", rate_with_pause(30)),
        (Sender, "451 4.7.1 rate limit exceeded", RATE),
        (Recipient, "421 4.7.0 too many messages, slow down", RATE),
        (
            Recipient,
            "450 4.2.1 The user you are trying to contact is receiving mail at a rate that\n4.2.1 prevents",
            RATE,
        ),
        (Recipient, "450 4.2.1 receiving mail too quickly", RATE),
        (Recipient, "452 Too many recipients received this hour", RATE),
        (Recipient, "450 too much mail; wait 2 minutes", rate_with_pause(120)),
        (AfterDot, "550 5.7.1 rate limit: 100 messages per hour", RATE),
        (AfterDot, "550 4.7.1 Too many messages per minute", RATE),
        (Recipient, "421 4.7.0 Trop de connexions", CONNECTIONS),
        (Recipient, "451 4.3.2 please try again later", RATE),
    ]);
}

#[test]
fn no_question_of_the_pace() {
    assert_classes(&[
        (Connect, "454 4.7.0 Temporary authentication failure", RELAY_FAILURE),
        (Connect, "432 4.7.12 A password transition is needed", RELAY_FAILURE),
        (Connect, "421 Service not available, try again later", RELAY_FAILURE),
        (Sender, "451 4.4.1 Connection timed out", RELAY_FAILURE),
        (Sender, "451 4.7.1 Service unavailable - try again later", RELAY_FAILURE),
        (Recipient, "421 4.7.0 Error: too many errors", BREAKDOWN),
        (Recipient, "421 4.3.2 Shutting down", BREAKDOWN),
        (Recipient, "450 4.3.2 Service currently unavailable", SUSPECT_4YZ),
        (AfterDot, "454 Throttling failure: Daily message quota exceeded.", SUSPECT_4YZ),
        (AfterDot, "452 4.4.5 Insufficient disk space; try again later", SUSPECT_4YZ),
        (AfterDot, "554 5.4.6 Too many hops", SUSPECT_5YZ),
        (AfterDot, "550 5.7.1 blocked for an unusual rate of spam", SUSPECT_5YZ),
        (Recipient, "451 4.7.0 Encryption policy: TLS is required", SUSPECT_4YZ),
    ]);
}

#[test]
fn what_may_be_about_us() {
    assert_classes(&[
        (Recipient, "451 4.3.0 <x>: Temporary lookup failure", SUSPECT_4YZ),
        (AfterDot, "452 4.3.1 Insufficient system storage", SUSPECT_4YZ),
        (Recipient, "450 4.7.25 Client host rejected: cannot find your hostname", SUSPECT_4YZ),
        (Recipient, "450 4.7.1 <me>: Helo command rejected: Host not found", SUSPECT_4YZ),
        (Recipient, "450 4.1.8 <a@b.c>: Sender address rejected: Domain not found", SUSPECT_4YZ),
        (Recipient, "450 4.1.7 <a@b.c>: Sender address rejected: unverified address", SUSPECT_4YZ),
        (Recipient, "554 5.7.1 Relay access denied", SUSPECT_5YZ),
        (Recipient, "554 5.7.1 RELAY ACCESS DENIED", SUSPECT_5YZ),
        (Recipient, "553 5.7.1 Sender address rejected: not owned by user u", SUSPECT_5YZ),
        (
            Recipient,
            "550 5.1.0 <a@b.c>: Sender address rejected: User unknown in local recipient table",
            SUSPECT_5YZ,
        ),
        (Recipient, "552 You are over your relay quota of 500", SUSPECT_4YZ),
        (Recipient, "550 4.7.1 no", SUSPECT_5YZ),
        (Recipient, "450 5.7.1 no", SUSPECT_4YZ),
        (Recipient, "450 4.7.1 Veuillez revenir plus tard", SUSPECT_4YZ),
        (AfterDot, "554 Transaction failed", SUSPECT_5YZ),
        (AfterDot, "451 Temporary local problem", SUSPECT_4YZ),
        (AfterDot, "550 5.7.515 Access denied", SUSPECT_5YZ),
        (AfterDot, "550 5.7.0 account disabled", SUSPECT_5YZ),
        (AfterDot, "550 Account disabled", SUSPECT_5YZ),
        (AfterDot, "554 5.6.0 Corrupt message content", SUSPECT_5YZ),
    ]);
}

#[test]
fn one_mail_that_is_too_large() {
    assert_classes(&[
        (AfterDot, "552 5.3.4 Message too big for system", PERMANENT),
        (AfterDot, "552 Message size exceeds fixed maximum message size", PERMANENT),
        (AfterDot, "452 message size limit exceeded", TRANSIENT),
    ]);
}

#[test]
fn only_a_reply_about_the_recipient_proves_that_the_relay_works() {
    let proves = |reply: Reply, phase| reply.send_error(phase).proves_relay_works();
    let reply = |code| Reply::Complete(code, String::new());
    assert!(proves(reply(450), Phase::Recipient) && proves(reply(554), Phase::AfterDot));
    assert!(!proves(reply(421), Phase::Recipient) && !proves(reply(354), Phase::AfterDot));
    assert!(!proves(Reply::Lost(String::new()), Phase::Data));
    assert!(!proves(Reply::Unreadable(String::new()), Phase::AfterDot));
}

#[test]
fn the_detail_is_one_line_without_addresses() {
    let reply = Reply::Complete(550, "5.1.1 <ann@example.com>:\r\n no such user".to_owned());
    let error = reply.send_error(Phase::Recipient);
    assert_eq!(error.detail, "550 5.1.1 <a***@example.com>: no such user");
    assert_eq!(error.code, Some(550));
}

#[test]
fn one_mailbox_in_other_words() {
    assert_classes(&[
        (Recipient, "550 <ann@example.org> does not exist", PERMANENT),
        (Recipient, "550 5.7.1 Mailbox does not exist", PERMANENT),
        (Recipient, "550 Empfänger unbekannt", PERMANENT),
        (Recipient, "550 <ann@example.org> existiert nicht", PERMANENT),
        (Recipient, "550 Postfach ist voll", PERMANENT),
        (Recipient, "550 5.5.0 Boite aux lettres inconnue", PERMANENT),
        (Recipient, "552 Mailbox disk quota exceeded", TRANSIENT),
        (AfterDot, "552 Message exceeds fixed maximum message size", PERMANENT),
    ]);
}

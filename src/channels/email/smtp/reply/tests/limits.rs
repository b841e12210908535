//! Limits of the relay: the mails of one connection, the pace, and quotas, in all phases and with all codes.

use super::*;

/// A new connection is all that it takes, whatever the code is and whatever else the words might mean.
#[test]
fn the_mails_of_one_connection() {
    for reply in [
        "Too many mails on this connection",
        "5.7.0 too many messages in this session",
        "too many messages in this connection",
        "4.2.1 Too many messages on this connection",
        "5.1.1 Too many recipients this session",
        "4.5.3 too many recipients per session",
        "Too many messages per connection",
        "4.7.0 Message submission limit exceeded for this connection",
        "per-connection limit reached",
        "5.5.0 Trop de messages dans cette session",
        "Zu viele E-Mails in dieser Verbindung",
    ] {
        for phase in [Sender, Recipient, Data, AfterDot] {
            for code in [421, 450, 451, 452, 550, 552, 554] {
                let class = classify(phase, Some(code), reply);
                assert_eq!(class, MAILS_PER_CONNECTION, "{phase:?}: {code} {reply}");
            }
        }
    }
    assert_classes(&[
        (Recipient, "421 Too many errors in this session", BREAKDOWN),
        (Recipient, "450 Too many errors in this session, message refused", SUSPECT_4YZ),
        (Recipient, "550 Too many invalid recipients in this session", SUSPECT_5YZ),
        (Recipient, "421 Too many connections, message refused; this connection is closed", CONNECTIONS),
        (Recipient, "450 Message rate limit exceeded on this connection: 30 per minute", RATE),
        (Recipient, "550 User has too many messages on the server", PERMANENT),
        (Recipient, "452 4.5.3 Too many recipients", RATE),
        (Connect, "421 Idle for too long, this connection is closed", RELAY_FAILURE),
        (AfterDot, "554 5.7.1 Messages are not allowed on this connection", SUSPECT_5YZ),
    ]);
}

/// What one connection takes stands in many replies whose reason is another one.
#[test]
fn words_of_a_connection_behind_another_reason() {
    assert_classes(&[
        (Recipient, "550 5.1.1 user unknown; only 5 unknown users per session", PERMANENT),
        (
            Recipient,
            "550 5.1.1 No such user; at most 100 recipients per session, limit not reached",
            PERMANENT,
        ),
        (Recipient, "450 4.2.2 Mailbox full; max messages per session is 100", TRANSIENT),
        (Recipient, "550 Maximum unknown users per session exceeded", SUSPECT_5YZ),
        (Recipient, "550 rejected as per SMTP policy", SUSPECT_5YZ),
        (AfterDot, "554 5.7.1 One virus scan per connection has found something", SUSPECT_5YZ),
        (AfterDot, "552 Message size exceeds the maximum of this connection", PERMANENT),
        (AfterDot, "554 This SMTP server accepts messages up to a maximum of 30 attachments", SUSPECT_5YZ),
        (Recipient, "451 Greylisted, max 1 message per session", TRANSIENT),
        (Recipient, "450 recipient could not be reached in this session", SUSPECT_4YZ),
        (Connect, "421 mail.example.com connection limit exceeded, closing this connection", CONNECTIONS),
        (Connect, "421 mail01 maximum connections reached, closing this connection", CONNECTIONS),
        (Recipient, "421 Message refused: one connection at a time, limit reached", CONNECTIONS),
        (Connect, "421 mail.example.com load limit exceeded, closing this connection", RATE),
        (Sender, "421 mail.example.com Too many messages in this session", MAILS_PER_CONNECTION),
    ]);
}

/// A time after which to try again, without a word of mails that are too many, is no pace.
#[test]
fn times_that_are_no_period() {
    assert_classes(&[
        (Recipient, "550 mailbox unavailable, try again in a short time", SUSPECT_5YZ),
        (AfterDot, "554 Service is down, try again in an hour", SUSPECT_5YZ),
        (AfterDot, "554 Too many mails in a short period", RATE),
        (AfterDot, "550 You have sent 200 mails in an hour", RATE),
        (Data, "554 5.7.1 Your sending of mails in such a short time is not allowed", RATE),
    ]);
}

#[test]
fn the_pace_in_a_5yz() {
    assert_classes(&[
        (Recipient, "550 5.7.0 sending too fast", RATE),
        (AfterDot, "554 rate limit exceeded", RATE),
        (AfterDot, "552 5.2.2 Too many messages per hour", RATE),
        (Recipient, "550 5.1.1 You are sending too quickly, wait 2 minutes", rate_with_pause(120)),
        (Data, "554 5.7.1 Too many messages in a short time", RATE),
        (Recipient, "550 too frequent connects", RATE),
    ]);
}

/// It ends by itself, whatever the code says: no second refusal makes it final.
#[test]
fn a_limit_of_ours_in_a_5yz_is_temporary() {
    assert_classes(&[
        (AfterDot, "550 5.4.5 Daily sending quota exceeded", SUSPECT_4YZ),
        (Recipient, "550 5.4.5 Daily user sending limit exceeded", SUSPECT_4YZ),
        (AfterDot, "552 You are over your relay quota of 500", SUSPECT_4YZ),
        (AfterDot, "554 Message exceeds your daily limit", SUSPECT_4YZ),
        (AfterDot, "550 5.7.1 Your mail limit has been reached", SUSPECT_4YZ),
        (Recipient, "554 5.7.1 Too many emails", SUSPECT_4YZ),
        (AfterDot, "550 5.7.1 Rejected by policy: 100 messages per hour", SUSPECT_4YZ),
        (Recipient, "552 5.2.2 Mailbox is over quota", TRANSIENT),
        (AfterDot, "552 5.2.2 Mailbox is over quota", PERMANENT),
        (AfterDot, "554 5.4.6 Too many hops", SUSPECT_5YZ),
    ]);
}

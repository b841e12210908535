//! The address that mails come back to: `bounces+TOKEN@example.org`. The token is all that a bounce is believed.

use std::iter;

use crate::bounces::feedback::original_sender;
use crate::bounces::mime::Entity;
use crate::domain::bounce_token::{BounceKey, BounceToken};

/// Fields in which servers write the address that a mail was delivered to, or was sent to.
const FIELDS: [&str; 12] = [
    "delivered-to",
    "x-original-to",
    "x-delivered-to",
    "envelope-to",
    "x-envelope-to",
    "x-rcpt-to",
    "apparently-to",
    "to",
    "cc",
    "resent-to",
    "x-forwarded-to",
    "received",
];

/// Most tokens that are tried: each takes a code.
const MAX_TOKENS: usize = 100;

/// Whose mail came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A mail of ours.
    Ours(BounceToken),
    /// It names a bounce address, but one that this installation has not made.
    Forged,
    /// It names none.
    Foreign,
}

/// Whose mail came back. `recipient` is the address that the mail server has passed on, if it has.
pub fn origin(mail: &Entity<'_>, recipient: Option<&str>, bounce_address: &str, key: &BounceKey) -> Origin {
    let (local, _) = bounce_address.rsplit_once('@').unwrap_or((bounce_address, ""));
    let prefix = format!("{}+", local.to_ascii_lowercase());
    let fields = FIELDS.iter().flat_map(|name| mail.fields(name));
    let original = iter::once_with(|| original_sender(mail)).flatten();
    let texts = recipient.map(str::to_owned).into_iter().chain(fields).chain(original);
    let mut origin = Origin::Foreign;
    let tokens = texts.flat_map(|text| tokens_in(&text, &prefix)).take(MAX_TOKENS);
    for token in tokens {
        match BounceToken::from_text(&token, key) {
            Ok(token) => return Origin::Ours(token),
            Err(_) => origin = Origin::Forged,
        }
    }
    origin
}

/// The tokens of all bounce addresses in a text. The domain is not compared: servers rewrite it, and the code decides.
fn tokens_in(text: &str, prefix: &str) -> Vec<String> {
    let text = text.to_ascii_lowercase();
    let begins = |at: usize| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !c.is_ascii_alphanumeric() && !"!#$%&'*+-/=?^_`{|}~.".contains(c))
    };
    let token = |at: usize| {
        let rest = &text[at + prefix.len()..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric())?;
        (rest[length..].starts_with('@') && (1..=64).contains(&length)).then(|| rest[..length].to_owned())
    };
    text.match_indices(prefix).map(|(at, _)| at).filter(|at| begins(*at)).filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address_hash::AddressKey;
    use crate::domain::ids::{NotificationId, ParticipantId};

    #[test]
    fn the_token_is_found_wherever_servers_write_the_address() {
        let key = BounceKey::new(&AddressKey::from_hex(&"0a".repeat(32)).unwrap());
        let token = BounceToken {
            notification_id: NotificationId(7),
            participant_id: ParticipantId(34),
            address: [1, 2, 3, 4],
        };
        let text = token.to_text(&key);
        let of = |head: &str| {
            let head = head.replace("TOKEN", &text);
            origin(&Entity::new(head.as_bytes()), None, "Bounces@example.org", &key)
        };
        for head in [
            "Delivered-To: bounces+TOKEN@example.org",
            "To: <BOUNCES+TOKEN@Example.ORG>",
            "Received: from a by b\n\tfor <bounces+TOKEN@example.org>; Fri, 27 Nov 2026 10:00:00 +0000",
            "Received: x\nReceived: for bounces+TOKEN@mx.example.net;",
            "To: bounces+aaaa@example.org, bounces+TOKEN@example.org",
        ] {
            assert_eq!(of(head), Origin::Ours(token), "{head}");
        }
        for (head, expected) in [
            ("To: bounces+TOKENa@example.org", Origin::Forged),
            ("To: bounces+aaaaaaaaaaaaaaaaaaaaaaaa@example.org", Origin::Forged),
            ("To: otherbounces+TOKEN@example.org", Origin::Foreign),
            ("To: bounces+TOKEN", Origin::Foreign),
            ("To: bounces@example.org", Origin::Foreign),
            ("Subject: bounces+TOKEN@example.org", Origin::Foreign),
            ("", Origin::Foreign),
        ] {
            assert_eq!(of(head), expected, "{head}");
        }
        let recipient = format!("bounces+{text}@example.org");
        let given = origin(&Entity::new(b"To: x"), Some(&recipient), "bounces@example.org", &key);
        assert_eq!(given, Origin::Ours(token));
    }

    #[test]
    fn a_feedback_report_names_the_sender_of_the_mail() {
        let key = BounceKey::new(&AddressKey::from_hex(&"0a".repeat(32)).unwrap());
        let token = BounceToken {
            notification_id: NotificationId(7),
            participant_id: ParticipantId(34),
            address: [1, 2, 3, 4],
        };
        let sender = format!("<bounces+{}@example.org>", token.to_text(&key));
        for (kind, field) in [
            ("message/feedback-report", "Original-Mail-From"),
            ("message/rfc822", "Return-Path"),
            ("text/rfc822-headers", "return-path"),
        ] {
            let raw = format!(
                "To: fbl@example.org\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: {kind}\n\n{field}: {sender}\n--b--\n"
            );
            assert_eq!(
                origin(&Entity::new(raw.as_bytes()), None, "bounces@example.org", &key),
                Origin::Ours(token)
            );
        }
    }
}

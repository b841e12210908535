//! Headers about the notification of a mail: thread, list, and what Gmail counts complaints by. They are encoded once for all its mails,
//! except for the participant in the id of the thread.

use std::hash::Hasher as _;
use std::sync::OnceLock;

use siphasher::sip::SipHasher13;

use crate::domain::event_key::TextKey;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;

/// Longest key that is a part of an identifier as it is, in bytes: a UUID and a prefix.
const PLAIN_KEY_MAX: usize = 48;
/// Longest identifier of a list, in bytes (RFC 2919 section 2).
const LIST_ID_MAX: usize = 255;
/// Longest line, in bytes without its end (RFC 5322 section 2.1.1).
const LINE_MAX: usize = 78;

/// No program may answer a mail by itself: RFC 3834 section 5, and the header that Exchange looks at (MS-OXCMAIL 2.1.3.2.20).
const NO_ANSWERS: &str = "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: OOF, AutoReply\n";

/// What the headers of a mail tell of its notification. All lanes share it.
#[derive(Debug, Clone)]
pub struct NotificationHeaders {
    /// The notification.
    pub id: NotificationId,
    pub(super) kind: Kind,
    /// The event that it is about, if it is about one.
    pub(super) event_id: Option<EventId>,
    encoded: OnceLock<EncodedHeaders>,
}

/// Those headers, for one sender.
#[derive(Debug, Clone)]
pub(crate) struct EncodedHeaders {
    /// The headers that are the same for all participants, with the ends of their lines.
    pub lines: String,
    /// What the id of the thread begins with, which is about one participant; `None` if the mail belongs to none.
    thread: Option<String>,
}

impl NotificationHeaders {
    /// Of a notification about this event, or about none.
    #[must_use]
    pub fn new(id: NotificationId, kind: Kind, event_id: Option<EventId>) -> Self {
        Self { id, kind, event_id, encoded: OnceLock::new() }
    }

    /// The headers. The first call makes them: every composer has the same sender.
    pub(crate) fn encoded(&self, tag: &str, domain: &str) -> &EncodedHeaders {
        self.encoded.get_or_init(|| EncodedHeaders::new(self, tag, domain))
    }
}

impl EncodedHeaders {
    fn new(of: &NotificationHeaders, tag: &str, domain: &str) -> Self {
        let event = of.event_id.map(event_label);
        let kind = of.kind.as_str().to_ascii_lowercase();
        let list = event.as_deref().map(|event| list_id(event, tag, domain)).unwrap_or_default();
        // The narrowest identifier first, the sender last (support.google.com/mail/answer/6254652).
        let feedback_id = match &event {
            Some(event) => format!("Feedback-ID: {event}:{kind}:{tag}\n"),
            None => format!("Feedback-ID: {kind}:{tag}\n"),
        };
        // The people of other kinds have numbers that are those of one notification.
        let has_thread = Kind::OF_EVENTS.contains(&of.kind);
        let thread = event.filter(|_| has_thread).map(|event| format!("<{event}.p"));
        Self { lines: [NO_ANSWERS, &list, &feedback_id].concat(), thread }
    }

    /// `In-Reply-To:` and `References:`: the id of the thread, which all mails about the event to this participant name as the one that
    /// they reply to. No mail has it: people may join before any kind, and mail programs keep mails together that miss the same one.
    /// Empty if the mail belongs to no thread.
    pub fn thread_lines(&self, participant: &Participant, suffix: &str) -> String {
        let Some(begin) = &self.thread else { return String::new() };
        let id = match &participant.key {
            None => format!("{begin}{}{suffix}", participant.id),
            // Such a key may be an address, and has another number in each notification.
            Some(key) => format!("{begin}{}{suffix}", hashed(key)),
        };
        let space = space_between("In-Reply-To:", &id);
        format!("In-Reply-To:{space}{id}\nReferences:{space}{id}\n")
    }
}

/// What stands between the name of a header and an identifier, which cannot be broken: a long one has a line of its own.
fn space_between(name: &str, identifier: &str) -> &'static str {
    if name.len() + 1 + identifier.len() > LINE_MAX { "\n " } else { " " }
}

/// `List-Id:` of the event (RFC 2919), or nothing if the domain has no room for it. A domain that is an address in brackets cannot be
/// part of it: then the list belongs to none.
fn list_id(event: &str, tag: &str, domain: &str) -> String {
    let domain = if domain.starts_with('[') { "localhost" } else { domain };
    let id = format!("<{event}.{tag}.{domain}>");
    if id.len() > LIST_ID_MAX {
        String::new()
    } else {
        format!("List-Id:{}{id}\n", space_between("List-Id:", &id))
    }
}

/// The event within an identifier.
pub(crate) fn event_label(event_id: EventId) -> String {
    match event_id {
        EventId::Number(number) => format!("event-{number}"),
        EventId::Text(key) if is_plain(&key) => format!("event-{}", key.as_str()),
        EventId::Text(key) => format!("event-{}", hashed(key.as_str())),
    }
}

/// Whether a key may stand in an identifier as it is. Without capitals: identifiers of lists are compared without regard to them (RFC
/// 2919 section 6).
fn is_plain(key: &TextKey) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    key.as_str().len() <= PLAIN_KEY_MAX && key.as_str().bytes().all(is_plain)
}

/// A short word that stands for a key, the same in every version.
fn hashed(key: &str) -> String {
    let mut hasher = SipHasher13::new();
    hasher.write(key.as_bytes());
    format!("x{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;
    use crate::domain::ids::ParticipantId;

    fn headers(kind: Kind, event: Option<&str>, domain: &str) -> EncodedHeaders {
        let event_id = event.map(|key| EventId::from_text(key).unwrap());
        NotificationHeaders::new(NotificationId(7), kind, event_id).encoded("8e9703b916", domain).clone()
    }

    /// Those that are not the same for all notifications.
    fn lines(kind: Kind, event: Option<&str>, domain: &str) -> String {
        headers(kind, event, domain).lines.strip_prefix(NO_ANSWERS).unwrap().to_owned()
    }

    #[test]
    fn an_event_is_a_list_and_gmail_counts_its_kinds_apart() {
        assert_eq!(
            lines(Kind::Updated, Some("123"), "example.org"),
            "List-Id: <event-123.8e9703b916.example.org>\nFeedback-ID: event-123:updated:8e9703b916\n"
        );
        assert_eq!(lines(Kind::Notice, None, "example.org"), "Feedback-ID: notice:8e9703b916\n");
        let uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        let of_uuid = lines(Kind::Created, Some(uuid), "example.org");
        assert!(
            of_uuid.starts_with(&format!("List-Id: <event-{uuid}.8e9703b916.example.org>\n")),
            "{of_uuid}"
        );
    }

    #[test]
    fn any_key_makes_a_valid_identifier_of_its_own() {
        let long = "x".repeat(200);
        let keys =
            ["Ball", "ball", "b@ll.example", "a:b", "é", "a b", "<>", "\u{202e}", long.as_str(), "-7", "0"];
        let mut seen = Vec::new();
        for key in keys {
            let lines = lines(Kind::Updated, Some(key), "example.org");
            let (list, feedback) = lines.split_once("Feedback-ID: ").unwrap();
            let id: String = list.replace("\n ", " ");
            let id = id.strip_prefix("List-Id: <").and_then(|id| id.strip_suffix(">\n")).unwrap();
            let is_atom = |label: &str| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            };
            assert!(id.split('.').all(is_atom) && id.len() <= LIST_ID_MAX, "{key}: {id}");
            assert_eq!(feedback.matches(':').count(), 2, "{key}: {feedback}");
            seen.push(id.to_owned());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), keys.len());
    }

    #[test]
    fn any_domain_of_a_sender_makes_a_valid_list() {
        let literal = lines(Kind::Updated, Some("1"), "[192.0.2.1]");
        assert!(literal.starts_with("List-Id: <event-1.8e9703b916.localhost>\n"), "{literal}");
        let long = format!("{}.example.org", ["x".repeat(40).as_str(); 3].join("."));
        let folded = lines(Kind::Updated, Some("1"), &long);
        assert!(folded.starts_with("List-Id:\n <event-1."), "{folded}");
        let too_long = format!("{}.example", ["x".repeat(60).as_str(); 4].join("."));
        assert!(!lines(Kind::Updated, Some("1"), &too_long).contains("List-Id"));
    }

    #[test]
    fn all_mails_of_a_participant_about_an_event_have_one_thread() {
        let lines = |kind, event, participant: &Participant| {
            headers(kind, event, "example.org").thread_lines(participant, ".tag@example.org>")
        };
        let ada = sample::ada();
        for kind in Kind::OF_EVENTS {
            assert_eq!(
                lines(kind, Some("5"), &ada),
                "In-Reply-To: <event-5.p1.tag@example.org>\nReferences: <event-5.p1.tag@example.org>\n"
            );
        }
        assert_eq!(lines(Kind::Notice, None, &ada) + &lines(Kind::Routed, Some("5"), &ada), "");
        let keyed =
            |id, key: &str| Participant { id: ParticipantId(id), key: Some(key.into()), ..sample::ada() };
        let of_key = lines(Kind::Created, Some("5"), &keyed(1, "ada@example.com"));
        assert_eq!(of_key, lines(Kind::Updated, Some("5"), &keyed(2, "ada@example.com")));
        assert_ne!(of_key, lines(Kind::Updated, Some("5"), &keyed(1, "bob@example.com")));
        assert!(!of_key.contains("ada"));
    }

    #[test]
    fn the_words_for_keys_never_change() {
        assert_eq!(hashed("ada@example.com"), "x065c332b18f83f61");
    }
}

//! A notification: what a message asks for, how its body is read, and what the ledger makes of it.

use std::fmt;

use serde_json::{Value, json};

use crate::text::clean::cut;

/// Largest body that is read, in bytes. An honest message has about forty.
pub const MAX_BODY: usize = 64 * 1024;

/// How much of a stranger's `type` is shown, in characters.
const TYPE_SHOWN: usize = 40;

/// What happened to the event; `type` in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The event is new.
    Created,
    /// The event changed.
    Updated,
    /// The event will not take place.
    Cancelled,
}

impl Kind {
    /// Every kind, in the order in which an event lives through them.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Cancelled];

    /// The word in messages, in the ledger and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The kind that `word` names, if it is exactly one of the three words.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// What happened.
    pub kind: Kind,
    /// To which event; always positive.
    pub event_id: i64,
}

impl Message {
    /// The message body that asks for this: what [`Message::decode`] reads.
    #[must_use]
    pub fn encode(self) -> String {
        json!({"type": self.kind.as_str(), "event_id": self.event_id}).to_string()
    }

    /// Reads a message body such as `{"type":"UPDATED","event_id":123}`. Unknown fields are ignored, so
    /// that publishers may add their own.
    ///
    /// # Errors
    /// Says in one sentence, for the person who finds the dead letter, why the body cannot be processed.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        if body.len() > MAX_BODY {
            return Err(Malformed::TooLarge(body.len()));
        }
        let text = std::str::from_utf8(body).map_err(|_| Malformed::NotUtf8)?;
        let value: Value =
            serde_json::from_str(text).map_err(|error| Malformed::NotJson(error.to_string()))?;
        let Value::Object(fields) = value else {
            return Err(Malformed::NotAnObject(json_type(&value)));
        };
        let kind = match fields.get("type") {
            None => return Err(Malformed::Missing("type")),
            Some(Value::String(word)) => {
                Kind::from_word(word).ok_or_else(|| Malformed::UnknownType(cut(word, TYPE_SHOWN)))?
            }
            Some(other) => return Err(Malformed::WrongType("type", "a string", json_type(other))),
        };
        let event_id = match fields.get("event_id") {
            None => return Err(Malformed::Missing("event_id")),
            Some(Value::Number(number)) => number
                .as_i64()
                .filter(|id| *id > 0)
                .ok_or_else(|| Malformed::BadEventId(number.to_string()))?,
            Some(other) => {
                return Err(Malformed::WrongType("event_id", "a whole number", json_type(other)));
            }
        };
        Ok(Self { kind, event_id })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of event {}", self.kind, self.event_id)
    }
}

/// Why a message body cannot be processed, today or ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`MAX_BODY`].
    #[error("the body has {0} bytes; at most {MAX_BODY} are read")]
    TooLarge(usize),
    /// Not text at all.
    #[error("the body is not UTF-8 text")]
    NotUtf8,
    /// Not JSON; holds the parser's words.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("the body is {0}; expected an object such as {{\"type\":\"UPDATED\",\"event_id\":123}}")]
    NotAnObject(&'static str),
    /// A field that every message needs is not there.
    #[error("the field \"{0}\" is missing")]
    Missing(&'static str),
    /// A field holds another type of value than it should.
    #[error("the field \"{0}\" must be {1}, not {2}")]
    WrongType(&'static str, &'static str, &'static str),
    /// `type` is a string, but none of the three.
    #[error("the type {0:?} is not one of CREATED, UPDATED, CANCELLED")]
    UnknownType(String),
    /// `event_id` is a number, but no key.
    #[error("the event_id {0} is not a whole number from 1 to 9223372036854775807")]
    BadEventId(String),
}

/// What kind of JSON value this is, in words.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What the broker tells about who a message is, beside its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The AMQP `message_id`, when the publisher set one: it names the notification for ever.
    pub message_id: Option<String>,
    /// The broker's hint that it has delivered this message before.
    pub redelivered: bool,
}

impl Identity {
    /// As the broker told it. A NUL becomes U+FFFD: AMQP allows one in a `message_id`, and the text of a `PostgreSQL`
    /// database cannot hold any.
    #[must_use]
    pub fn new(message_id: Option<&str>, redelivered: bool) -> Self {
        Self { message_id: message_id.map(|id| id.replace('\0', "\u{FFFD}")), redelivered }
    }

    /// What names the notification for ever, if anything does. An empty `message_id` does not: it would make all
    /// such messages the same.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.message_id.as_deref().filter(|id| !id.is_empty())
    }
}

/// One accepted message: a row of `notifications`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// Its key in the ledger.
    pub id: i64,
    /// What happened.
    pub kind: Kind,
    /// To which event.
    pub event_id: i64,
    /// The newest participant when it was opened: whoever joins later is not part of it. 0 when there
    /// was nobody.
    pub max_participant_id: i64,
}

/// The right of one worker to work at a notification. Every write to the ledger names it: once another worker has
/// taken the notification over, its epoch is a higher one, and the write is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// At which notification.
    pub notification_id: i64,
    /// Counts the leases of the notification, from 1.
    pub epoch: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(body: &[u8]) -> String {
        Message::decode(body).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_kind_and_ignores_unknown_fields() {
        for kind in Kind::ALL {
            let body = format!(r#" {{"event_id": 7, "type": "{kind}", "sender": {{"a": [1]}}}} "#);
            assert_eq!(Message::decode(body.as_bytes()), Ok(Message { kind, event_id: 7 }));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(reason(b"\xff\xfe"), "the body is not UTF-8 text");
        assert!(reason(b"").starts_with("the body is not JSON: EOF"));
        assert!(reason(b"{\"type\":").starts_with("the body is not JSON"));
        assert!(reason(b"[1]").starts_with("the body is an array; expected an object such as {\"type\""));
        assert_eq!(reason(br#"{"event_id":1}"#), "the field \"type\" is missing");
        assert_eq!(reason(br#"{"type":"UPDATED"}"#), "the field \"event_id\" is missing");
        assert_eq!(
            reason(br#"{"type":3,"event_id":1}"#),
            "the field \"type\" must be a string, not a number"
        );
        assert_eq!(
            reason(br#"{"type":"updated","event_id":1}"#),
            "the type \"updated\" is not one of CREATED, UPDATED, CANCELLED"
        );
        assert_eq!(
            reason(br#"{"type":"UPDATED","event_id":"1"}"#),
            "the field \"event_id\" must be a whole number, not a string"
        );
        for id in ["0", "-5", "1.5", "9223372036854775808", "1e3"] {
            let body = format!(r#"{{"type":"UPDATED","event_id":{id}}}"#);
            assert!(reason(body.as_bytes()).contains("is not a whole number from 1"), "{id}");
        }
        assert!(reason(&vec![b' '; MAX_BODY + 1]).contains("65537 bytes"));
    }

    #[test]
    fn a_long_type_is_shortened_and_deep_nesting_is_refused() {
        let body = format!(r#"{{"type":"{}","event_id":1}}"#, "é".repeat(1000));
        assert!(reason(body.as_bytes()).chars().count() < 120);
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert!(reason(deep.as_bytes()).contains("recursion limit"));
    }
}

//! Why the body of a message cannot be read: the reason of its dead letter.

use serde_json::Value;

use crate::domain::event_key::BadEventKey;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::kind::Kind;
use crate::text::clean::cut;

/// Largest body that is read, in bytes. The bare form takes about forty.
pub const MAX_BODY: usize = 64 * 1024;

/// Most recipients of one message.
pub const MAX_RECIPIENTS: usize = 10_000;

/// Largest `metadata` as JSON, in bytes.
pub const MAX_METADATA: usize = 16 * 1024;

/// Why the body of a message cannot be read. It can never be: trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`MAX_BODY`]. Holds the length in bytes.
    #[error("the body has {0} bytes; at most {MAX_BODY} are read")]
    TooLarge(usize),
    /// Not text.
    #[error("the body is not UTF-8 text")]
    NotUtf8,
    /// Compressed or encoded. Holds the name of the encoding.
    #[error(
        "the body is compressed or encoded ({0}), which fanmail does not undo; publish JSON in UTF-8, without compression"
    )]
    Encoded(String),
    /// Text in UTF-16.
    #[error("the body is text in UTF-16; JSON between programs must be UTF-8 (RFC 8259 section 8.1)")]
    Utf16,
    /// UTF-8 with a mark in front of it.
    #[error(
        "the body begins with a byte order mark (EF BB BF), which JSON between programs must not have (RFC 8259 section \
         8.1); publish it without one (Python: \"utf-8\" in the place of \"utf-8-sig\")"
    )]
    ByteOrderMark,
    /// Nothing, or blanks.
    #[error("the body is empty; expected an object such as {{\"type\":\"UPDATED\",\"event_id\":123}}")]
    Empty,
    /// Not JSON. Holds the parser's error.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object. Holds what it is.
    #[error("the body is {0}; expected an object such as {{\"type\":\"UPDATED\",\"event_id\":123}}")]
    NotAnObject(&'static str),
    /// A field is missing. Holds its name.
    #[error("the field \"{0}\" is missing")]
    Missing(&'static str),
    /// A field holds another type of value than expected. Holds name, expected and actual type.
    #[error("the field \"{0}\" must be {1}, not {2}")]
    WrongType(&'static str, &'static str, &'static str),
    /// A field holds no time. Holds its name and the beginning of its value.
    #[error("the field \"{0}\" is {1}, which is not a time such as 2026-11-26T10:00:00Z")]
    BadTime(&'static str, String),
    /// An id is too long. Holds the name of its field, its length and the largest one, in bytes.
    #[error("the field \"{0}\" has {1} bytes; at most {2} are possible")]
    IdTooLong(&'static str, usize, usize),
    /// `metadata` is too large. Holds its length as JSON, in bytes.
    #[error(
        "the field \"metadata\" has {0} bytes as JSON; at most {MAX_METADATA} are possible: let it hold keys, and not what they stand for"
    )]
    MetadataTooLarge(usize),
    /// A field holds a word that it does not have. Holds its name, the word, and those that it has.
    #[error("the field \"{0}\" is {1:?}, which is not one of {2}")]
    UnknownWord(&'static str, String, String),
    /// A text is too long. Holds the name of its field, its length and the largest one, in characters.
    #[error("the field \"{0}\" has {1} characters; at most {2} are possible")]
    TooManyCharacters(&'static str, usize, usize),
    /// An entry of a batch is no object. Holds what it is.
    #[error("it must be an object, not {0}")]
    NoObject(&'static str),
    /// A notice names no recipient.
    #[error("it has no recipient: give \"recipient_user_id\", \"recipient_user_ids\" or \"recipients\"")]
    NoRecipients,
    /// A notice is for too many. Holds their number.
    #[error("it has {0} recipients; at most {MAX_RECIPIENTS} are possible: publish several messages")]
    TooManyRecipients(usize),
    /// An entry of a batch names no recipients.
    #[error(
        "it is no notice, because it names no recipients, and an array may hold notices only; publish each message about an event by itself"
    )]
    NoNotice,
    /// An entry of a batch cannot be read. Holds its place, from 0 on, and the reason.
    #[error("entry {number} of the array: {1}", number = .0 + 1)]
    InBatch(usize, Box<Self>),
    /// An envelope or a `CloudEvents` event within another one.
    #[error(
        "an envelope contains another envelope; put {{\"type\":\"UPDATED\",\"event_id\":123}} into one of them"
    )]
    Nested,
    /// An attribute that `CloudEvents` requires. Holds its name.
    #[error("it says that it is a CloudEvents event, but the attribute \"{0}\" is missing or empty")]
    CloudEventWithout(&'static str),
    /// The data of an event is not JSON. Holds its content type.
    #[error("the datacontenttype of the event is {0:?}; publish its data as application/json")]
    NotJsonData(String),
    /// The data of an event is not encoded as it should be.
    #[error("the field \"data_base64\" is not base64")]
    NotBase64,
    /// The data of an event is base64 of something else than JSON. Holds the parser's error.
    #[error("the field \"data_base64\" is not the base64 of JSON: {0}")]
    NotBase64OfJson(String),
    /// `type` is a string, but no [`Kind`]. Holds its beginning.
    #[error("the type {0:?} is not one of {kinds}", kinds = Kind::words())]
    UnknownType(String),
    /// `event_id` is a number, but no key. Holds the number.
    #[error("the event_id {0} is not a whole number from -9223372036854775808 to 9223372036854775807")]
    BadEventId(String),
    /// `event_id` is a number that is no key, where keys are not numbers. Holds the number and which keys there are.
    #[error("the event_id {0} must be a string, in quotes: the keys of events here are {1}")]
    NotString(String, EventKeyType),
    /// No event can have the key `event_id`. Holds its beginning, for people, and the reason.
    #[error("no event can have the event_id {0}: {1}")]
    BadEventKey(String, BadEventKey),
}

/// Names of encodings that change nothing in a body that is JSON. Celery, for one, writes `utf-8`.
const PLAIN_ENCODINGS: [&str; 9] =
    ["", "identity", "utf-8", "utf8", "ascii", "us-ascii", "7bit", "8bit", "binary"];

/// How much of the name of an encoding is shown, in characters.
const ENCODING_SHOWN: usize = 40;

impl Malformed {
    /// The reason why `body` is no JSON in UTF-8, if its first bytes tell.
    pub(super) fn of_first_bytes(body: &[u8]) -> Option<Self> {
        Some(match body {
            [0xef, 0xbb, 0xbf, ..] => Self::ByteOrderMark,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => Self::Utf16,
            // RFC 1952 section 2.3.1, RFC 1950 section 2.2, RFC 8878 section 3.1.1.
            [0x1f, 0x8b, ..] => Self::Encoded("gzip".to_owned()),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Self::Encoded("zlib".to_owned()),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Encoded("zstd".to_owned()),
            _ => return None,
        })
    }

    /// The same reason, unless the message says by its `content_encoding` why its body is no JSON.
    #[must_use]
    pub fn explained_by(self, content_encoding: Option<&str>) -> Self {
        let plain = |name: &str| PLAIN_ENCODINGS.contains(&name.trim().to_ascii_lowercase().as_str());
        match (self, content_encoding) {
            (Self::NotUtf8 | Self::NotJson(_) | Self::Encoded(_), Some(name)) if !plain(name) => {
                Self::Encoded(format!("content_encoding {:?}", cut(name, ENCODING_SHOWN)))
            }
            (reason, _) => reason,
        }
    }
}

/// The JSON type of a value, with its article.
#[must_use]
pub fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

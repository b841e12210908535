//! Why the body of a message cannot be read: the reason of its dead letter.

use serde_json::Value;

use crate::domain::kind::Kind;

/// Largest body that is read, in bytes. The bare form takes about forty.
pub const MAX_BODY: usize = 64 * 1024;

/// Why the body of a message cannot be read. It can never be: trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`MAX_BODY`]. Holds the length in bytes.
    #[error("the body has {0} bytes; at most {MAX_BODY} are read")]
    TooLarge(usize),
    /// Not text.
    #[error("the body is not UTF-8 text")]
    NotUtf8,
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
    /// `type` is a string, but no [`Kind`]. Holds its beginning.
    #[error("the type {0:?} is not one of {kinds}", kinds = Kind::words())]
    UnknownType(String),
    /// `event_id` is a number, but no key. Holds the number.
    #[error("the event_id {0} is not a whole number from -9223372036854775808 to 9223372036854775807")]
    BadEventId(String),
}

/// The JSON type of a value, with its article.
pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

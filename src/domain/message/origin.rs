//! What a publisher says about a message beyond what has happened: its id, and when it was published.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use crate::domain::message::identity::without_nul;
use crate::domain::message::malformed::{Malformed, json_type};
use crate::text::clean::cut;

/// How much of a time that cannot be read an error shows, in characters.
const TIME_SHOWN: usize = 40;

/// A number above this counts milliseconds since 1970, not seconds: as seconds it would be a time after the year 5000.
const LARGEST_SECONDS: f64 = 1e11;

/// What a publisher says about a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// What identifies the message where AMQP carries no `message_id`. Not empty.
    pub id: Option<String>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
}

/// Longest id, in bytes: that of AMQP has at most 255, and the ledger of MariaDB keeps 1,020.
const MAX_ID: usize = 1000;

/// The text of an id: a string or a whole number. An empty one is none.
///
/// # Errors
/// When the value is of another type, or too long. `field` is its name.
pub(super) fn read_id(field: &'static str, value: Option<&Value>) -> Result<Option<String>, Malformed> {
    let id = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) if id.is_i64() || id.is_u64() => id.to_string(),
        Some(other) => return Err(Malformed::WrongType(field, "a string", json_type(other))),
    };
    checked_id(field, &id).map(|id| Some(id).filter(|id| !id.is_empty()))
}

/// The id as the ledger keeps it, if it can.
///
/// # Errors
/// When it is too long there. `field` is its name.
pub(super) fn checked_id(field: &'static str, id: &str) -> Result<String, Malformed> {
    let id = without_nul(id);
    if id.len() > MAX_ID { Err(Malformed::IdTooLong(field, id.len(), MAX_ID)) } else { Ok(id) }
}

/// A time: RFC 3339, the same without a zone (it is UTC then), or a number of seconds or milliseconds since 1970.
///
/// # Errors
/// When the value is none of these. `field` is its name.
pub(super) fn read_time(
    field: &'static str,
    value: Option<&Value>,
) -> Result<Option<DateTime<Utc>>, Malformed> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let time = match value {
        Value::String(text) => parse_time(text),
        Value::Number(number) => number.as_f64().and_then(time_of_number),
        other => return Err(Malformed::WrongType(field, "a time", json_type(other))),
    };
    time.map(Some).ok_or_else(|| Malformed::BadTime(field, cut(value.to_string(), TIME_SHOWN)))
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let without_zone = || {
        ["%FT%T%.f", "%F %T%.f"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .map(|time| time.and_utc())
    };
    zoned.ok().or_else(without_zone)
}

fn time_of_number(number: f64) -> Option<DateTime<Utc>> {
    let milliseconds = if number.abs() > LARGEST_SECONDS { number } else { number * 1000.0 };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number that is too large becomes the largest, which is no time"
    )]
    let milliseconds = milliseconds as i64;
    DateTime::from_timestamp_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::timestamp::rfc3339;

    fn time(value: &Value) -> Result<String, String> {
        read_time("_meta.timestamp", Some(value))
            .map(|time| rfc3339(time.unwrap()))
            .map_err(|reason| reason.to_string())
    }

    #[test]
    fn a_time_is_read_in_the_forms_that_publishers_write() {
        for value in [
            json!("2026-11-26T10:00:00Z"),
            json!("2026-11-26T11:00:00+01:00"),
            json!("2026-11-26 10:00:00+00:00"),
            json!("2026-11-26T10:00:00.000000"),
            json!("2026-11-26 10:00:00"),
            json!(1_795_687_200),
            json!(1_795_687_200.0),
            json!(1_795_687_200_000_i64),
        ] {
            assert_eq!(time(&value), Ok("2026-11-26T10:00:00.000Z".to_owned()), "{value}");
        }
        for value in [json!("yesterday"), json!("2026-13-01T10:00:00Z"), json!(""), json!(1e300)] {
            let reason = time(&value).unwrap_err();
            let cure = "is not a time such as 2026-11-26T10:00:00Z";
            assert!(reason.contains("\"_meta.timestamp\"") && reason.contains(cure), "{reason}");
        }
        assert_eq!(
            time(&json!(true)),
            Err("the field \"_meta.timestamp\" must be a time, not a boolean".to_owned())
        );
        assert_eq!(read_time("time", Some(&Value::Null)), Ok(None));
        assert_eq!(read_time("time", None), Ok(None));
    }

    #[test]
    fn an_id_is_a_text_or_a_whole_number_and_not_empty() {
        let id = |value: Value| read_id("_meta.id", Some(&value)).map_err(|reason| reason.to_string());
        assert_eq!(id(json!("a-1")), Ok(Some("a-1".to_owned())));
        assert_eq!(id(json!(17)), Ok(Some("17".to_owned())));
        assert_eq!(id(json!("")), Ok(None));
        assert_eq!(id(json!(null)), Ok(None));
        let long = id(json!("x".repeat(1001))).unwrap_err();
        assert_eq!(long, "the field \"_meta.id\" has 1001 bytes; at most 1000 are possible");
        let nul = id(json!("\0".repeat(400))).unwrap_err();
        assert_eq!(nul, "the field \"_meta.id\" has 1200 bytes; at most 1000 are possible", "as U+FFFD");
        assert_eq!(id(json!("a\0")), Ok(Some("a\u{fffd}".to_owned())));
        assert_eq!(id(json!([1])), Err("the field \"_meta.id\" must be a string, not an array".to_owned()));
    }
}

//! What a publisher says about a message beyond what has happened: its id, and when it was published. Whether these are needed is
//! left to the worker.

use std::ops::Range;

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value};

use crate::domain::event::DateOrTime;
use crate::domain::message::identity::without_nul;
use crate::domain::message::malformed::{Malformed, json_type};
use crate::domain::times;
use crate::domain::traceparent::TraceParent;
use crate::text::clean::cut;

/// How much of a time that cannot be read an error shows, in characters.
const TIME_SHOWN: usize = 40;

/// A message was published in one of these years, or its time is none.
const YEARS: Range<i32> = 2000..2100;

/// What a publisher says about a message. What cannot be read of it does no harm unless it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What identifies the message where AMQP carries no `message_id`. Not empty.
    pub id: Result<Option<String>, Malformed>,
    /// When it was published.
    pub published_at: Result<Option<DateTime<Utc>>, Malformed>,
    /// The trace that it belongs to.
    pub traceparent: Option<TraceParent>,
}

impl Default for Origin {
    fn default() -> Self {
        Self { id: Ok(None), published_at: Ok(None), traceparent: None }
    }
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

/// The trace that an envelope names. One that is not valid is none.
pub(super) fn read_traceparent(envelope: &Map<String, Value>) -> Option<TraceParent> {
    TraceParent::parse(envelope.get("traceparent")?.as_str()?)
}

/// The id as the ledger keeps it, if it can.
///
/// # Errors
/// When it is too long there. `field` is its name.
pub(super) fn checked_id(field: &'static str, id: &str) -> Result<String, Malformed> {
    let id = without_nul(id);
    if id.len() > MAX_ID { Err(Malformed::IdTooLong(field, id.len(), MAX_ID)) } else { Ok(id) }
}

/// A time as programs write it, or a number since 1970. An empty text, 0 and the year 1 of .NET and Go are none.
///
/// # Errors
/// When the value is no time, or one at which no message was published. `field` is its name.
pub(super) fn read_time(
    field: &'static str,
    value: Option<&Value>,
) -> Result<Option<DateTime<Utc>>, Malformed> {
    let read = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::String(text)) => times::parse(text),
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => return Ok(None),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(number) => times::from_integer(number),
            None => number.as_f64().and_then(times::from_real),
        },
        Some(other) => return Err(Malformed::WrongType(field, "a time", json_type(other))),
    };
    match read {
        Some(DateOrTime::Time(time)) if time.year() == 1 => Ok(None),
        Some(DateOrTime::Time(time)) if YEARS.contains(&time.year()) => Ok(Some(time)),
        _ => {
            let shown = value.map(ToString::to_string).unwrap_or_default();
            Err(Malformed::BadTime(field, cut(shown, TIME_SHOWN)))
        }
    }
}

/// A number since 1970: seconds, or milliseconds, microseconds or nanoseconds, which its size tells. `None` if no message was published
/// then.
#[must_use]
pub fn time_of_number(number: u64) -> Option<DateTime<Utc>> {
    match times::from_integer(i64::try_from(number).ok()?)? {
        DateOrTime::Time(time) => Some(time),
        DateOrTime::Date(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::timestamp::rfc3339;

    fn time(value: &Value) -> Result<Option<String>, String> {
        let time = read_time("_meta.timestamp", Some(value));
        time.map(|time| time.map(rfc3339)).map_err(|reason| reason.to_string())
    }

    #[test]
    fn a_time_is_read_in_the_forms_that_publishers_write() {
        for value in [
            json!("2026-11-26T10:00:00Z"),
            json!("2026-11-26T11:00:00+01:00"),
            json!("2026-11-26 10:00:00+00:00"),
            json!("2026-11-26T10:00:00.000000"),
            json!("2026-11-26 10:00:00"),
            json!("2026-11-26T10:00:00+0000"), // %z of PHP, Java and Python
            json!("2026-11-26T11:00+01"),
            json!("2026-11-26T11:00:00+01:00[Europe/Berlin]"),
            json!("Thu, 26 Nov 2026 10:00:00 GMT"),
            json!("1795687200"),
            json!(1_795_687_200),
            json!(1_795_687_200.0),
            json!(1_795_687_200_000_i64),
            json!(1_795_687_200_000_000_i64),
            json!(1_795_687_200_000_000_000_i64),
        ] {
            assert_eq!(time(&value), Ok(Some("2026-11-26T10:00:00.000Z".to_owned())), "{value}");
        }
        for value in [json!(""), json!(" "), json!(0), json!(0.0), json!("0001-01-01T00:00:00Z")] {
            assert_eq!(time(&value), Ok(None), "{value}");
        }
        for value in [
            json!("yesterday"),
            json!("2026-13-01T10:00:00Z"),
            json!("2026-11-26"),
            json!("1926-11-26T10:00:00Z"),
            json!("9999-12-31T23:59:59Z"),
            json!(1e300),
            json!(-1),
            json!(5_000_000_000_i64),
        ] {
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
    fn the_size_of_a_number_tells_its_unit() {
        for number in [1_795_687_200, 1_795_687_200_000, 1_795_687_200_000_000, 1_795_687_200_000_000_000] {
            let time = time_of_number(number).map(rfc3339);
            assert_eq!(time.as_deref(), Some("2026-11-26T10:00:00.000Z"), "{number}");
        }
        for number in [0, 17, 20_261_126, 179_568_720_000, u64::MAX] {
            assert_eq!(time_of_number(number), None, "{number}");
        }
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

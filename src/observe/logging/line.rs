//! How a log line looks: as text or as JSON, on one line, with mail addresses masked. Where it goes is left to `logging`.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use log::Record;
use serde::Serializer as _;
use serde::ser::SerializeMap as _;

use crate::observe::logging::fields::Fields;
use crate::text::clean::turns_direction;
use crate::text::mask::mask;
use crate::text::timestamp::rfc3339;

/// `2026-03-01T09:30:00.123Z INFO  message`, with the trace behind it if the message that it is about has one. `level` includes its
/// colours, if there are any.
pub(super) fn write_text(
    out: &mut dyn Write,
    now: DateTime<Utc>,
    level: &str,
    record: &Record<'_>,
    show_target: bool,
) -> io::Result<()> {
    write!(out, "{} {level} ", rfc3339(now))?;
    if show_target {
        write!(out, "{}: ", record.target())?;
    }
    write!(out, "{}", on_one_line(&message(record)))?;
    if let Some(traceparent) = Fields::of(record).traceparent {
        write!(out, " trace_id={} span_id={}", traceparent.trace_id(), traceparent.span_id())?;
    }
    writeln!(out)
}

/// One object with `ts`, `level`, `target` and `message`, and the facts behind them.
pub(super) fn write_json(out: &mut dyn Write, now: DateTime<Utc>, record: &Record<'_>) -> io::Result<()> {
    let mut json = serde_json::Serializer::new(&mut *out);
    let mut line = json.serialize_map(None)?;
    line.serialize_entry("ts", &rfc3339(now))?;
    line.serialize_entry("level", record.level().as_str())?;
    line.serialize_entry("target", record.target())?;
    line.serialize_entry("message", &message(record))?;
    let Fields { values, traceparent } = Fields::of(record);
    for (name, value) in values {
        line.serialize_entry(&name, &value)?;
    }
    if let Some(traceparent) = traceparent {
        line.serialize_entry("trace_id", &traceparent.trace_id())?;
        line.serialize_entry("span_id", &traceparent.span_id())?;
    }
    line.end()?;
    writeln!(out)
}

/// The message with every mail address masked. fanmail masks them itself, but texts of libraries and servers may contain
/// addresses, too.
fn message(record: &Record<'_>) -> String {
    mask(&record.args().to_string())
}

/// Escapes control characters and those that turn the direction of text, so that no text of a relay or a publisher looks
/// like a log line of fanmail.
fn on_one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars() {
        if c.is_control() || turns_direction(c) || matches!(c, '\u{2028}' | '\u{2029}') {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use log::Level;
    use log::kv::{Source, Value};
    use serde_json::json;

    use super::*;
    use crate::config::log::LogFormat;
    use crate::domain::ids::NotificationId;
    use crate::domain::traceparent::TraceParent;
    use crate::observe::traceparents;

    const NONE: [(&str, Value<'_>); 0] = [];
    const ARGS: &str = "the relay said \"5.7.1\r\n\u{1b}[2Jno\u{202e}\" → ü <bob@example.com>";

    fn written(show_target: bool, format: LogFormat, facts: &dyn Source) -> String {
        let now = DateTime::from_timestamp(1_772_357_400, 123_456_789).unwrap();
        let mut record = Record::builder();
        record.level(Level::Info).target("fanmail::mail").key_values(&facts);
        let mut out = Vec::new();
        match format {
            LogFormat::Text => {
                write_text(&mut out, now, "INFO ", &record.args(format_args!("{ARGS}")).build(), show_target)
            }
            LogFormat::Json => write_json(&mut out, now, &record.args(format_args!("{ARGS}")).build()),
        }
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_one_line() {
        assert_eq!(
            written(false, LogFormat::Text, &NONE),
            "2026-03-01T09:30:00.123Z INFO  the relay said \"5.7.1\\r\\n\\u{1b}[2Jno\\u{202e}\" → ü <b***@example.com>\n"
        );
        assert!(written(true, LogFormat::Text, &NONE).contains(" INFO  fanmail::mail: the relay said"));
    }

    #[test]
    fn json_is_one_object_on_one_line() {
        let line = written(false, LogFormat::Json, &NONE);
        assert_eq!(line.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            value,
            json!({
                "ts": "2026-03-01T09:30:00.123Z",
                "level": "INFO",
                "target": "fanmail::mail",
                "message": "the relay said \"5.7.1\r\n\u{1b}[2Jno\u{202e}\" → ü <b***@example.com>",
            })
        );
    }

    #[test]
    fn facts_stand_behind_the_message_and_are_masked() {
        let facts = [
            ("notification", Value::from(-7)),
            ("event", Value::from("ann@example.org")),
            ("sent", Value::from(3_u64)),
            ("seconds", Value::from(0.5)),
            ("dry_run", Value::from(false)),
            ("code", Value::null()),
        ];
        let line = written(false, LogFormat::Json, &facts);
        assert!(
            line.ends_with(
                r#","notification":-7,"event":"a***@example.org","sent":3,"seconds":0.5,"dry_run":false}
"#
            ),
            "{line}"
        );
        assert_eq!(written(false, LogFormat::Text, &facts), written(false, LogFormat::Text, &NONE));
    }

    #[test]
    fn a_line_about_a_notification_or_a_message_names_its_trace() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = i64::MAX - 3;
        traceparents::remember(NotificationId(id), TraceParent::parse(text).unwrap());
        for fact in [("notification", Value::from(id)), ("traceparent", Value::from(text))] {
            let facts = [fact];
            let (line, json) =
                (written(false, LogFormat::Text, &facts), written(false, LogFormat::Json, &facts));
            let end = "> trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7\n";
            assert!(line.ends_with(end), "{line}");
            let end = r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7"}"#;
            assert!(json.trim_end().ends_with(end) && !json.contains("traceparent"), "{json}");
        }
        assert!(!written(false, LogFormat::Json, &[("traceparent", Value::from("00-x"))]).contains("trace"));
    }
}

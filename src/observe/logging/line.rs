//! How a log line looks: as text or as JSON, on one line, with mail addresses masked. Where it goes is left to `logging`.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use log::Record;
use serde::Serialize;

use crate::text::clean::turns_direction;
use crate::text::mask::mask;
use crate::text::timestamp::rfc3339;

/// `2026-03-01T09:30:00.123Z INFO  message`. `level` includes its colours, if there are any.
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
    writeln!(out, "{}", on_one_line(&message(record)))
}

/// A log line for a log collector.
#[derive(Serialize)]
struct JsonLogLine<'a> {
    ts: String,
    level: &'a str,
    target: &'a str,
    message: String,
}

/// One object with `ts`, `level`, `target` and `message`.
pub(super) fn write_json(out: &mut dyn Write, now: DateTime<Utc>, record: &Record<'_>) -> io::Result<()> {
    let line = JsonLogLine {
        ts: rfc3339(now),
        level: record.level().as_str(),
        target: record.target(),
        message: message(record),
    };
    serde_json::to_writer(&mut *out, &line)?;
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
    use serde_json::json;

    use super::*;
    use crate::config::log::LogFormat;

    fn written(show_target: bool, format: LogFormat) -> String {
        let now = DateTime::from_timestamp(1_772_357_400, 123_456_789).unwrap();
        let args = format_args!("the relay said \"5.7.1\r\n\u{1b}[2Jno\u{202e}\" → ü <bob@example.com>");
        let record = Record::builder().level(Level::Info).target("fanmail::mail").args(args).build();
        let mut out = Vec::new();
        match format {
            LogFormat::Text => write_text(&mut out, now, "INFO ", &record, show_target).unwrap(),
            LogFormat::Json => write_json(&mut out, now, &record).unwrap(),
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_one_line() {
        assert_eq!(
            written(false, LogFormat::Text),
            "2026-03-01T09:30:00.123Z INFO  the relay said \"5.7.1\\r\\n\\u{1b}[2Jno\\u{202e}\" → ü <b***@example.com>\n"
        );
        assert!(written(true, LogFormat::Text).contains(" INFO  fanmail::mail: the relay said"));
    }

    #[test]
    fn json_is_one_object_on_one_line() {
        let line = written(false, LogFormat::Json);
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
}

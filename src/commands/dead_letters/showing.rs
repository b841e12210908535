//! `fanmail dead-letters show`.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::broker::dead_letters::browse;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::commands::arguments::Format;
use crate::commands::dead_letters::arguments::missing;
use crate::commands::dead_letters::listing::replays;
use crate::commands::dead_letters::text::{escaped_line, escaped_lines, hex_lines, set_in_lines};
use crate::commands::output::{print_json, print_text, screen};
use crate::config::Config;
use crate::domain::dead_reason::NO_REASON;
use crate::report::dead_letters as report;
use crate::report::dead_letters::advice::what_to_do;
use crate::text::count::count;
use crate::text::screen::Screen;
use crate::text::timestamp::to_the_second;

/// Where the values stand.
const INDENT: usize = 12;

/// Arguments of `dead-letters show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its id, as `list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints one dead letter; it stays in the queue.
///
/// # Errors
/// When there is none with this id, or the broker is away.
pub(super) fn show(args: &ShowArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(letter) = browse::find(&config.broker, &args.id)? else { bail!(missing(&args.id)) };
    match args.format {
        Format::Table => print_text(&to_text(&letter, screen()))?,
        Format::Json => print_json(&report::to_json(&letter))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn to_text(letter: &DeadLetterView, screen: Screen) -> String {
    let reason = letter.reason.as_deref();
    let from = match &letter.published_to {
        Some((exchange, key)) => format!(
            "{}, published to the exchange {} with the routing key {}",
            escaped_line(&letter.original_queue),
            escaped_line(exchange),
            escaped_line(key)
        ),
        None => escaped_line(&letter.original_queue),
    };
    let lines = [
        ("reason", Some(escaped_lines(reason.unwrap_or(NO_REASON)))),
        ("stored", letter.at.map(to_the_second)),
        ("from", Some(from)),
        ("replayed", replays(letter)),
        ("what to do", Some(what_to_do(reason).to_owned())),
    ];
    let mut text = format!("dead letter {} in {}\n\n", letter.id, letter.queue);
    for (name, value) in lines {
        let Some(value) = value else { continue };
        for (number, line) in value.split('\n').enumerate() {
            let begin = if number == 0 { name } else { "" };
            text.push_str(&screen.paragraph(&format!("{begin:<INDENT$}{line}"), &" ".repeat(INDENT)));
        }
    }
    for (name, verb) in [("replay it", "replay"), ("purge it", "purge")] {
        // On one line, so that it can be copied. Writing to a String cannot fail.
        writeln!(text, "{name:<INDENT$}fanmail dead-letters {verb} {}", letter.id).unwrap_or_default();
    }
    text + &values("properties", &letter.properties()) + &values("headers", &letter.headers()) + &body(letter)
}

fn values(title: &str, values: &Map<String, Value>) -> String {
    let mut text = if values.is_empty() { String::new() } else { format!("\n{title}\n") };
    let width = values.keys().map(|name| escaped_line(name).chars().count()).max().unwrap_or_default();
    for (name, value) in values {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Writing to a String cannot fail.
        writeln!(text, "  {:<width$}  {}", escaped_line(name), escaped_lines(&value)).unwrap_or_default();
    }
    text
}

/// JSON with a value on a line; other text as it is; anything else as hexadecimal digits.
fn body(letter: &DeadLetterView) -> String {
    let length = count(letter.body.len() as u64, "byte");
    let (form, shown) = match std::str::from_utf8(&letter.body) {
        Err(_) => ("no text in UTF-8", hex_lines(&letter.body)),
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            ("JSON, set in lines here", set_in_lines(text))
        }
        Ok(text) => ("text", text.to_owned()),
    };
    format!("\nbody ({length}, {form})\n{}\n", escaped_lines(shown.trim_end_matches('\n')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::view::tests::dead_letter;

    #[test]
    fn the_whole_message_is_readable() {
        let body = format!(r#"{{"type":"UPDATED","event_id":7,"note":"{}"}}"#, "x".repeat(300));
        let mut letter = dead_letter("00000000000000a1", "event 7 is not in the database", body.as_bytes());
        letter.published_to = Some(("school".to_owned(), "event\u{1b}.moved".to_owned()));
        insta::assert_snapshot!(to_text(&letter, Screen::PLAIN), @r#"
        dead letter 00000000000000a1 in events.dead

        reason      event 7 is not in the database
        stored      2026-01-02 12:00:00Z
        from        events, published to the exchange school with the routing key event\u{1b}.moved
        what to do  If the event is missing by mistake, put it back into the database, then replay. If it is gone for good, purge
        replay it   fanmail dead-letters replay 00000000000000a1
        purge it    fanmail dead-letters purge 00000000000000a1

        properties
          delivery_mode  2
          message_id     of-00000000000000a1

        headers
          x-dead-at         2026-01-02T12:00:00Z
          x-dead-id         00000000000000a1
          x-dead-reason     event 7 is not in the database
          x-original-queue  events

        body (341 bytes, JSON, set in lines here)
        {
          "type": "UPDATED",
          "event_id": 7,
          "note": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        }
        "#);
    }

    #[test]
    fn a_body_that_is_no_json_is_shown_as_it_is() {
        let body = |bytes: &[u8]| body(&dead_letter("00000000000000a1", "why", bytes));
        assert_eq!(body(b"a\nb\x1b[2J"), "\nbody (7 bytes, text)\na\nb\\u{1b}[2J\n");
        assert!(body(b"\x1f\x8b").starts_with("\nbody (2 bytes, no text in UTF-8)\n00000000  1f 8b "));
        assert_eq!(body(b""), "\nbody (0 bytes, text)\n\n");
    }
}

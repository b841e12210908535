//! `fanmail dead-letters`: lists the messages that could not be processed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::broker::dead_letters::browse;
use crate::broker::dead_letters::browse::{DeadLetterList, DeadLetterView};
use crate::commands::arguments::Format;
use crate::config::Config;

/// Longest text of a publisher that is printed, in characters.
const MAX_SHOWN: usize = 200;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List dead letters with their reasons; they stay in the queue, marked as redelivered
    List {
        /// Maximum number to list, of each queue
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// Output format
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

/// Lists them; they stay in the queue.
///
/// # Errors
/// What failed, and why.
pub fn run(command: &DeadLettersCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let DeadLettersCommand::List { limit, format } = command;
    let lists = browse::list(&config.broker, *limit)?;
    let text = match format {
        Format::Table => lists.iter().map(to_text).collect::<Vec<_>>().join("\n"),
        Format::Json => to_json(&lists)?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    for warning in lists.iter().filter_map(warning) {
        eprintln!("{warning}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A listing counts as a delivery where a queue counts deliveries.
fn warning(list: &DeadLetterList) -> Option<String> {
    let returned = list.delivery_count?.saturating_add(1);
    Some(format!(
        "warning: {} counts deliveries, as quorum queues do. Each listing is one ({returned} so far; not from RabbitMQ 4.3 on), \
         and a message is deleted after delivery-limit of them (20 by default from RabbitMQ 4.0 on). To list it more often, \
         set a higher delivery-limit with a policy",
        list.queue
    ))
}

fn to_text(list: &DeadLetterList) -> String {
    if list.count == 0 && list.letters.is_empty() {
        return format!("no dead letters in {}\n", list.queue);
    }
    let mut text =
        format!("{} of {} dead letters in {}, oldest first\n", list.letters.len(), list.count, list.queue);
    for letter in &list.letters {
        let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), escaped_line);
        // Writing to a String cannot fail.
        write!(
            text,
            "\n{}  {}\n  message id  {}\n  body        {}\n",
            shown(&letter.at),
            shown(&letter.reason),
            shown(&letter.message_id),
            escaped_line(&String::from_utf8_lossy(&letter.body)),
        )
        .unwrap_or_default();
    }
    text
}

fn to_json(lists: &[DeadLetterList]) -> serde_json::Result<String> {
    let letters: Vec<Value> = lists.iter().flat_map(|list| &list.letters).map(as_json).collect();
    serde_json::to_string_pretty(&letters).map(|text| text + "\n")
}

fn as_json(letter: &DeadLetterView) -> Value {
    json!({
        "at": letter.at,
        "reason": letter.reason,
        "message_id": letter.message_id,
        "original_queue": letter.original_queue,
        "body": String::from_utf8_lossy(&letter.body),
    })
}

/// A publisher's text on one line, cut, with control characters escaped: they could change what the terminal shows.
fn escaped_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(MAX_SHOWN)
        .flat_map(|c| {
            match c {
                '"' | '\'' => c.to_string(),
                _ => c.escape_debug().to_string(),
            }
            .chars()
            .collect::<Vec<_>>()
        })
        .collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(letters: Vec<DeadLetterView>) -> DeadLetterList {
        DeadLetterList { queue: "events.dead".to_owned(), count: 17, letters, delivery_count: None }
    }

    fn letter() -> DeadLetterView {
        DeadLetterView {
            at: Some("2026-01-02T12:00:00Z".to_owned()),
            reason: Some("the body is not JSON".to_owned()),
            original_queue: Some("events".to_owned()),
            message_id: None,
            body: b"{\"a\":\n\x1b[31mred\xff \xe2\x80\xae".to_vec(),
        }
    }

    #[test]
    fn text_has_one_escaped_line_for_each_value() {
        assert_eq!(
            to_text(&list(vec![letter()])),
            "1 of 17 dead letters in events.dead, oldest first\n\
             \n2026-01-02T12:00:00Z  the body is not JSON\
             \n  message id  -\
             \n  body        {\"a\":\\n\\u{1b}[31mred\u{fffd} \\u{202e}\n"
        );
        let long = DeadLetterView { body: vec![b'x'; 5000], ..letter() };
        assert!(to_text(&list(vec![long])).ends_with(&format!("{}…\n", "x".repeat(MAX_SHOWN))));
    }

    #[test]
    fn a_queue_that_counts_deliveries_is_warned_of() {
        assert_eq!(warning(&list(Vec::new())), None);
        let counted = DeadLetterList { delivery_count: Some(2), ..list(Vec::new()) };
        let text = warning(&counted).unwrap();
        assert!(text.contains("events.dead counts deliveries") && text.contains("(3 so far; "), "{text}");
    }

    #[test]
    fn an_empty_queue_is_reported() {
        let empty = DeadLetterList { count: 0, ..list(Vec::new()) };
        assert_eq!(to_text(&empty), "no dead letters in events.dead\n");
        assert_eq!(to_json(&[empty]).unwrap(), "[]\n");
    }

    #[test]
    fn json_has_the_whole_body() {
        let text = to_json(&[list(vec![letter()])]).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["reason"], "the body is not JSON");
        assert_eq!(value[0]["message_id"], Value::Null);
        assert_eq!(value[0]["body"], "{\"a\":\n\u{1b}[31mred\u{fffd} \u{202e}");
    }
}

//! `fanmail dead-letters`: what nobody could process.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::broker::dead_letters::browse;
use crate::broker::dead_letters::browse::{DeadLetterList, DeadLetterView};
use crate::commands::arguments::Format;
use crate::config::Config;

/// Longest text of a stranger that is shown to people, in characters.
const SHOWN: usize = 200;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List them with their reasons; they stay where they are, marked as redelivered
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

/// Lists them; they stay where they are.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(command: &DeadLettersCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let DeadLettersCommand::List { limit, format } = command;
    let list = browse::list(&config.broker, *limit)?;
    let text = match format {
        Format::Table => for_people(&list),
        Format::Json => for_programs(&list)?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn for_people(list: &DeadLetterList) -> String {
    if list.count == 0 && list.letters.is_empty() {
        return format!("no dead letters in {}\n", list.queue);
    }
    let mut text =
        format!("{} of {} dead letters in {}, oldest first\n", list.letters.len(), list.count, list.queue);
    for letter in &list.letters {
        let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "-".to_owned(), one_line);
        // Writing to a String cannot fail.
        write!(
            text,
            "\n{}  {}\n  message id  {}\n  body        {}\n",
            shown(&letter.at),
            shown(&letter.reason),
            shown(&letter.message_id),
            one_line(&String::from_utf8_lossy(&letter.body)),
        )
        .unwrap_or_default();
    }
    text
}

fn for_programs(list: &DeadLetterList) -> serde_json::Result<String> {
    let letters: Vec<Value> = list.letters.iter().map(as_json).collect();
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

/// A stranger's text on one line, cut, and unable to steer the terminal.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .take(SHOWN)
        .flat_map(|c| {
            match c {
                '"' | '\'' => c.to_string(),
                _ => c.escape_debug().to_string(),
            }
            .chars()
            .collect::<Vec<_>>()
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(letters: Vec<DeadLetterView>) -> DeadLetterList {
        DeadLetterList { queue: "events.dead".to_owned(), count: 17, letters }
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
    fn people_see_one_harmless_line_for_each_text() {
        assert_eq!(
            for_people(&list(vec![letter()])),
            "1 of 17 dead letters in events.dead, oldest first\n\
             \n2026-01-02T12:00:00Z  the body is not JSON\
             \n  message id  -\
             \n  body        {\"a\":\\n\\u{1b}[31mred\u{fffd} \\u{202e}\n"
        );
        let long = DeadLetterView { body: vec![b'x'; 5000], ..letter() };
        assert!(for_people(&list(vec![long])).ends_with(&format!("{}…\n", "x".repeat(SHOWN))));
    }

    #[test]
    fn an_empty_queue_is_said_to_be_empty() {
        let empty = DeadLetterList { count: 0, ..list(Vec::new()) };
        assert_eq!(for_people(&empty), "no dead letters in events.dead\n");
        assert_eq!(for_programs(&empty).unwrap(), "[]\n");
    }

    #[test]
    fn programs_get_the_whole_body() {
        let text = for_programs(&list(vec![letter()])).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["reason"], "the body is not JSON");
        assert_eq!(value[0]["message_id"], Value::Null);
        assert_eq!(value[0]["body"], "{\"a\":\n\u{1b}[31mred\u{fffd} \u{202e}");
    }
}

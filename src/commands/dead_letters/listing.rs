//! `fanmail dead-letters list`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use crate::broker::dead_letters::browse;
use crate::broker::dead_letters::browse::DeadLetterQueue;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::commands::arguments::Format;
use crate::commands::dead_letters::arguments::warn_of_deliveries;
use crate::commands::dead_letters::text::escaped_line;
use crate::commands::output::screen;
use crate::config::Config;
use crate::report::dead_letters as report;
use crate::report::dead_letters::groups::{DeadLetterGroup, DeadLetterGroups};
use crate::text::count::count;
use crate::text::screen::Screen;
use crate::text::timestamp::to_the_second;

/// Arguments of `dead-letters list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Count them by their reasons, with one of each and what to do; looks at all of them
    #[arg(long, conflicts_with = "limit")]
    pub by_reason: bool,
    /// Maximum number to list, of each queue
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Lists them; they stay in the queue.
///
/// # Errors
/// What failed, and why.
pub(super) fn list(args: &ListArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let (text, queues) = if args.by_reason { by_reason(args, config)? } else { one_by_one(args, config)? };
    std::io::stdout().write_all(text.as_bytes())?;
    warn_of_deliveries(&queues);
    Ok(ExitCode::SUCCESS)
}

fn one_by_one(args: &ListArgs, config: &Config) -> anyhow::Result<(String, Vec<DeadLetterQueue>)> {
    let mut letters = Vec::new();
    let queues = browse::look(&config.broker, args.limit, &mut |letter| {
        letters.push(letter);
        ControlFlow::Continue(())
    })?;
    let of = |queue: &DeadLetterQueue| {
        let letters: Vec<&DeadLetterView> =
            letters.iter().filter(|letter| letter.queue == queue.queue).collect();
        list_of(queue, &letters, screen())
    };
    let text = match args.format {
        Format::Table => queues.iter().map(of).collect::<Vec<_>>().join("\n"),
        Format::Json => to_json(letters.iter().map(report::to_json).collect())?,
    };
    Ok((text, queues))
}

fn by_reason(args: &ListArgs, config: &Config) -> anyhow::Result<(String, Vec<DeadLetterQueue>)> {
    let mut groups = DeadLetterGroups::default();
    let queues = browse::look(&config.broker, u32::MAX, &mut |letter| {
        groups.add(&letter);
        ControlFlow::Continue(())
    })?;
    let groups = groups.into_sorted();
    let of = |queue: &DeadLetterQueue| {
        let groups: Vec<&DeadLetterGroup> =
            groups.iter().filter(|group| group.queue == queue.queue).collect();
        groups_of(queue, &groups, screen())
    };
    let text = match args.format {
        Format::Table => queues.iter().map(of).collect::<Vec<_>>().join("\n"),
        Format::Json => to_json(groups.iter().map(DeadLetterGroup::to_json).collect())?,
    };
    Ok((text, queues))
}

fn to_json(list: Vec<Value>) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Value::Array(list)).map(|text| text + "\n")
}

fn list_of(queue: &DeadLetterQueue, letters: &[&DeadLetterView], screen: Screen) -> String {
    let DeadLetterQueue { queue, count, .. } = queue;
    if letters.is_empty() && *count == 0 {
        return format!("no dead letters in {queue}\n");
    }
    let mut text = format!("{} of {count} dead letters in {queue}, oldest first\n", letters.len());
    for letter in letters {
        let shown = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), escaped_line);
        let at = letter.at.map_or_else(|| "-".to_owned(), to_the_second);
        text.push('\n');
        text.push_str(&screen.paragraph(&format!("{}  {at}  {}", letter.id, shown(&letter.reason)), "  "));
        let body = escaped_line(&String::from_utf8_lossy(&letter.body));
        let lines = [
            ("message id", Some(shown(&letter.message_id))),
            ("replayed", replays(letter)),
            ("body", Some(body)),
        ];
        for (name, value) in lines {
            let Some(value) = value else { continue };
            // Writing to a String cannot fail.
            writeln!(text, "{}", screen.line(&format!("  {name:<12}{value}"))).unwrap_or_default();
        }
    }
    text
}

/// How often it was replayed and became a dead letter again.
pub(super) fn replays(letter: &DeadLetterView) -> Option<String> {
    let last = letter.replayed_at.map(|at| format!(", last at {}", to_the_second(at)));
    let times = count(letter.replays, "time");
    (letter.replays > 0).then(|| format!("{times}{}, and was a dead letter again", last.unwrap_or_default()))
}

/// The groups with the same cure stand together, and it is told once behind them.
fn groups_of(queue: &DeadLetterQueue, groups: &[&DeadLetterGroup], screen: Screen) -> String {
    let DeadLetterQueue { queue, .. } = queue;
    let total = groups.iter().map(|group| group.count).sum();
    if total == 0 {
        return format!("no dead letters in {queue}\n");
    }
    let mut text = format!("{} in {queue}\n", count(total, "dead letter"));
    let mut cures: Vec<&str> = Vec::new();
    for group in groups {
        if !cures.contains(&group.what_to_do) {
            cures.push(group.what_to_do);
        }
    }
    for cure in cures {
        let with_it: Vec<&&DeadLetterGroup> =
            groups.iter().filter(|group| group.what_to_do == cure).collect();
        text.extend(with_it.iter().map(|group| group_of(group, screen)));
        let all: u64 = with_it.iter().map(|group| group.count).sum();
        let which = if with_it.len() == 1 { String::new() } else { format!(" with these {all}") };
        text.push_str(&screen.paragraph(&format!("  What to do{which}: {cure}"), "  "));
    }
    text
}

fn group_of(group: &DeadLetterGroup, screen: Screen) -> String {
    let times = match (group.first, group.last) {
        (Some(first), Some(last)) if first == last => format!("{}, ", to_the_second(first)),
        (Some(first), Some(last)) => format!("{} to {}, ", to_the_second(first), to_the_second(last)),
        _ => String::new(),
    };
    let replayed = match group.replayed {
        0 => String::new(),
        replayed => format!(", {replayed} of them replayed before"),
    };
    let reason = format!("{}  {}", group.count, escaped_line(&group.common.to_string()));
    let example = format!("{times}such as {}{replayed}", group.example);
    format!("\n{}  {example}\n", screen.paragraph(&reason, "  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::view::tests::dead_letter;

    fn queue(count: u32) -> DeadLetterQueue {
        DeadLetterQueue { queue: "events.dead".to_owned(), count, delivery_count: None }
    }

    #[test]
    fn a_list_has_one_escaped_line_for_each_value() {
        let letter =
            dead_letter("00000000000000a1", "the body is not JSON", b"{\"a\":\n\x1b[31mred\xff \xe2\x80\xae");
        let mut again = letter.clone();
        (again.replays, again.replayed_at) = (2, letter.at);
        insta::assert_snapshot!(list_of(&queue(17), &[&letter, &again], Screen::PLAIN), @r#"
        2 of 17 dead letters in events.dead, oldest first

        00000000000000a1  2026-01-02 12:00:00Z  the body is not JSON
          message id  of-00000000000000a1
          body        {"a":\n\u{1b}[31mred� \u{202e}

        00000000000000a1  2026-01-02 12:00:00Z  the body is not JSON
          message id  of-00000000000000a1
          replayed    2 times, last at 2026-01-02 12:00:00Z, and was a dead letter again
          body        {"a":\n\u{1b}[31mred� \u{202e}
        "#);
        assert_eq!(list_of(&queue(0), &[], Screen::PLAIN), "no dead letters in events.dead\n");
    }

    #[test]
    fn groups_say_how_many_since_when_and_what_to_do() {
        let mut groups = DeadLetterGroups::default();
        for (id, reason) in [
            ("a", "event 7 is not in the database"),
            ("b", "event 8 is not in the database"),
            ("c", "why"),
            ("d", "the body has 70043 bytes"),
        ] {
            let mut letter = dead_letter(&format!("{id:0>16}"), reason, b"");
            letter.at = letter.at.map(|at| at + chrono::TimeDelta::minutes(i64::from(id == "b")));
            letter.replays = u64::from(id == "b");
            groups.add(&letter);
        }
        let groups = groups.into_sorted();
        insta::assert_snapshot!(groups_of(&queue(4), &groups.iter().collect::<Vec<_>>(), Screen::PLAIN), @r#"
        4 dead letters in events.dead

        2  event … is not in the database
          2026-01-02 12:00:00Z to 2026-01-02 12:01:00Z, such as 000000000000000b, 1 of them replayed before
          What to do: If the event is missing by mistake, put it back into the database, then replay. If it is gone for good, purge

        1  the body has 70043 bytes
          2026-01-02 12:00:00Z, such as 000000000000000d

        1  why
          2026-01-02 12:00:00Z, such as 000000000000000c
          What to do with these 2: Correct the publisher. As it is, a replay gives the same dead letter again, unless the workers are newer now: publish a corrected message, then purge
        "#);
        assert_eq!(groups_of(&queue(0), &[], Screen::PLAIN), "no dead letters in events.dead\n");
    }
}

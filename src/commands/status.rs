//! `fanmail status`: how notifications add up, and which do not.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use chrono::SecondsFormat;
use serde::Serialize;

use crate::cli::{Format, StatusArgs};
use crate::config::Config;
use crate::domain::outcome::Tally;
use crate::store::entry::{Entry, State};
use crate::store::{Store, StoreError};

/// Prints a line for each notification, and exits with 1 when one does not add up.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(args: &StatusArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = Store::connect_existing(&config.database, 1)?;
    let (entries, left_out) = if args.all {
        (store.list_notifications(args.event)?, 0)
    } else {
        store.list_newest_notifications(args.event, args.limit)?
    };
    let lines = add_up(&store, entries)?;
    let text = match args.format {
        Format::Json => {
            serde_json::to_string_pretty(&lines.iter().map(Line::to_json).collect::<Vec<_>>())? + "\n"
        }
        Format::Table if lines.is_empty() => match args.event {
            Some(event) => format!("No notifications of event {event} yet.\n"),
            None => "No notifications yet.\n".to_owned(),
        },
        Format::Table => table(&lines),
    };
    print(&text)?;
    if left_out > 0 {
        eprintln!("{left_out} older ones are not shown, all of them completed; --all shows them");
    }
    let troubles: Vec<String> = lines.iter().filter_map(Line::trouble).collect();
    for trouble in &troubles {
        eprintln!("{trouble}");
    }
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One notification and its people.
struct Line {
    entry: Entry,
    tally: Tally,
}

fn add_up(store: &Store, entries: Vec<Entry>) -> Result<Vec<Line>, StoreError> {
    let lines = entries.into_iter().map(|entry| {
        let tally = store.tally(&entry.notification)?;
        Ok(Line { entry, tally })
    });
    lines.collect()
}

/// One notification as a program reads it.
#[derive(Serialize)]
struct JsonLine {
    notification: i64,
    event: i64,
    r#type: &'static str,
    state: &'static str,
    received_at: String,
    completed_at: Option<String>,
    participants: u64,
    sent: u64,
    failed: u64,
    skipped: u64,
    pending: u64,
}

impl Line {
    fn to_json(&self) -> JsonLine {
        let Self { entry, tally } = self;
        let time = |time: chrono::NaiveDateTime| time.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true);
        JsonLine {
            notification: entry.notification.id,
            event: entry.notification.event_id,
            r#type: entry.notification.kind.as_str(),
            state: entry.state.as_str(),
            received_at: time(entry.received_at),
            completed_at: entry.completed_at.map(time),
            participants: tally.participants,
            sent: tally.sent,
            failed: tally.failed,
            skipped: tally.skipped,
            pending: tally.pending,
        }
    }

    fn cells(&self) -> [String; COLUMNS.len()] {
        let Self { entry, tally } = self;
        let [participants, sent, failed, skipped, pending] = numbers(tally);
        [
            entry.notification.id.to_string(),
            entry.notification.event_id.to_string(),
            entry.notification.kind.to_string(),
            entry.state.as_str().to_owned(),
            entry.received_at.format("%F %TZ").to_string(),
            participants,
            sent,
            failed,
            skipped,
            pending,
        ]
    }

    /// What is wrong with the notification, and what to do about it.
    fn trouble(&self) -> Option<String> {
        let Self { entry, tally } = self;
        let id = entry.notification.id;
        if !tally.adds_up() {
            return Some(format!(
                "notification {id} does not add up: {} participants, but {} sent + {} failed + {} skipped + {} pending; \
                 look for keys that are twice in participants, and for rows of deliveries that fanmail did not write",
                tally.participants, tally.sent, tally.failed, tally.skipped, tally.pending
            ));
        }
        (entry.state == State::Completed && tally.pending > 0).then(|| {
            format!(
                "notification {id} is completed, but {} of its people got nothing: they joined the event with a lower \
                 key than others who had joined before; `fanmail retry --notification {id}` mails them",
                tally.pending
            )
        })
    }
}

/// The columns, and whether they hold numbers.
const COLUMNS: [(&str, bool); 10] = [
    ("notification", true),
    ("event", true),
    ("type", false),
    ("state", false),
    ("received", false),
    ("participants", true),
    ("sent", true),
    ("failed", true),
    ("skipped", true),
    ("pending", true),
];

fn numbers(tally: &Tally) -> [String; 5] {
    [tally.participants, tally.sent, tally.failed, tally.skipped, tally.pending]
        .map(|number| number.to_string())
}

/// The lines as a table with a total.
fn table(lines: &[Line]) -> String {
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    rows.extend(lines.iter().map(Line::cells));
    rows.push(total(lines));

    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .zip(COLUMNS)
            .map(
                |((cell, width), (_, is_number))| {
                    if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
                },
            )
            .collect();
        text.push_str(&cells.join("  "));
        text.push('\n');
    }
    text
}

/// The last line of the table.
fn total(lines: &[Line]) -> [String; COLUMNS.len()] {
    let sum = |count: fn(&Tally) -> u64| lines.iter().map(|line| count(&line.tally)).sum();
    let [participants, sent, failed, skipped, pending] = numbers(&Tally {
        participants: sum(|tally| tally.participants),
        sent: sum(|tally| tally.sent),
        failed: sum(|tally| tally.failed),
        skipped: sum(|tally| tally.skipped),
        pending: sum(|tally| tally.pending),
    });
    let [event, kind, state, received] = [const { String::new() }; 4];
    ["total".to_owned(), event, kind, state, received, participants, sent, failed, skipped, pending]
}

/// Writes to standard output. Whoever reads it may stop early, as `head` does.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;

    use super::*;
    use crate::domain::notification::{Kind, Notification};

    fn line(id: i64, state: State, tally: [u64; 5]) -> Line {
        let received_at: NaiveDateTime = "2026-11-21T09:00:00.250".parse().unwrap();
        let [participants, sent, failed, skipped, pending] = tally;
        Line {
            entry: Entry {
                notification: Notification {
                    id,
                    kind: Kind::Updated,
                    event_id: 123,
                    max_participant_id: 250,
                },
                message_key: None,
                state,
                received_at,
                completed_at: (state == State::Completed).then_some(received_at),
                acked_at: None,
                epoch: 1,
                holder: None,
            },
            tally: Tally { participants, sent, failed, skipped, pending },
        }
    }

    #[test]
    fn the_table_is_aligned_and_has_a_total() {
        let lines = [
            line(1, State::Completed, [250, 248, 1, 1, 0]),
            line(12, State::Running, [1_000_000, 1000, 0, 0, 999_000]),
        ];
        insta::assert_snapshot!(table(&lines), @r"
        notification  event  type     state      received              participants  sent  failed  skipped  pending
                   1    123  UPDATED  completed  2026-11-21 09:00:00Z           250   248       1        1        0
                  12    123  UPDATED  running    2026-11-21 09:00:00Z       1000000  1000       0        0   999000
               total                                                        1000250  1248       1        1   999000
        ");
    }

    #[test]
    fn json_has_the_words_of_the_ledger() {
        let json = serde_json::to_string(&line(1, State::Completed, [250, 248, 1, 1, 0]).to_json()).unwrap();
        insta::assert_snapshot!(json, @r#"{"notification":1,"event":123,"type":"UPDATED","state":"completed","received_at":"2026-11-21T09:00:00.250Z","completed_at":"2026-11-21T09:00:00.250Z","participants":250,"sent":248,"failed":1,"skipped":1,"pending":0}"#);
    }

    #[test]
    fn trouble_is_named_and_nothing_else_is() {
        assert_eq!(line(1, State::Completed, [3, 1, 1, 1, 0]).trouble(), None);
        assert_eq!(line(1, State::Running, [3, 1, 0, 0, 2]).trouble(), None);
        let trouble = line(2, State::Completed, [3, 3, 1, 0, 0]).trouble().unwrap();
        assert!(trouble.starts_with("notification 2 does not add up: 3 participants, but 3 sent + 1 failed"));
        let trouble = line(3, State::Completed, [3, 2, 0, 0, 1]).trouble().unwrap();
        assert!(trouble.contains("notification 3 is completed, but 1 of its people got nothing"));
        assert!(trouble.contains("`fanmail retry --notification 3`"));
    }
}

//! The table of notifications.

use chrono::{NaiveDateTime, TimeDelta};

use crate::domain::outcome::Tally;
use crate::report::notifications::NotificationLine;

/// The columns, and whether they hold numbers. For 100,000 people they fit a terminal of 100 characters.
const COLUMNS: [(&str, bool); 16] = [
    ("id", true),
    ("event", true),
    ("type", false),
    ("state", false),
    ("received (UTC)", false),
    ("people", true),
    ("sent", true),
    // Those of them that dry-run mode has not sent.
    (DRY_RUN, true),
    (BOUNCED, true),
    (COMPLAINED, true),
    ("failed", true),
    ("skipped", true),
    // Those of them whose address another participant has, who gets the mail.
    (SAME_ADDRESS, true),
    ("deferred", true),
    ("pending", true),
    // Last, because a host may have a long name.
    (WORKER, false),
];

/// Left out when there is no such outcome.
const DRY_RUN: &str = "(dry run)";

/// Left out when no mail came back.
const BOUNCED: &str = "bounced";

/// Left out when no recipient has complained.
const COMPLAINED: &str = "complained";

/// Left out when there is no such outcome.
const SAME_ADDRESS: &str = "(same address)";

/// Left out when no notification has a worker.
const WORKER: &str = "worker";

type Cells = [String; COLUMNS.len()];

/// The lines as a table with a total. `hidden` notifications are not in it.
#[must_use]
pub fn table(lines: &[NotificationLine], hidden: u64, now: NaiveDateTime) -> String {
    let is_shown = |title| match title {
        DRY_RUN => lines.iter().any(|line| line.tally.dry_run > 0),
        BOUNCED => lines.iter().any(|line| line.tally.bounced > 0),
        COMPLAINED => lines.iter().any(|line| line.tally.complained > 0),
        SAME_ADDRESS => lines.iter().any(|line| line.tally.same_address > 0),
        WORKER => lines.iter().any(|line| line.worker().is_some()),
        _ => true,
    };
    let columns: Vec<usize> = (0..COLUMNS.len()).filter(|&column| is_shown(COLUMNS[column].0)).collect();
    let mut rows = vec![COLUMNS.map(|(title, _)| title.to_owned())];
    rows.extend(lines.iter().map(|line| cells(line, now)));
    rows.push(total(lines, hidden));

    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        text.push_str(aligned(row, &columns, &widths).trim_end());
        text.push('\n');
    }
    text
}

/// These columns of a row with its cells aligned: one blank between numbers, two elsewhere.
fn aligned(row: &Cells, columns: &[usize], widths: &[usize]) -> String {
    let mut text = String::new();
    let mut number_before = None;
    for &column in columns {
        let (cell, width, is_number) = (&row[column], widths[column], COLUMNS[column].1);
        text.push_str(match number_before {
            None => "",
            Some(true) if is_number => " ",
            Some(_) => "  ",
        });
        let cell = if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        text.push_str(&cell);
        number_before = Some(is_number);
    }
    text
}

fn cells(line: &NotificationLine, now: NaiveDateTime) -> Cells {
    let NotificationLine { record, tally, .. } = line;
    let [participants, sent, dry_run, bounced, complained, failed, skipped, same_address, deferred, pending] =
        numbers(tally);
    let state = line.state();
    [
        line.id().to_string(),
        record.notification.event_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
        record.notification.kind.to_string(),
        if line.is_unfinished() { format!("{state} {}", age(now - record.received_at)) } else { state },
        record.received_at.format("%F %H:%M").to_string(),
        participants,
        sent,
        dry_run,
        bounced,
        complained,
        failed,
        skipped,
        same_address,
        deferred,
        pending,
        line.worker().unwrap_or_default().to_owned(),
    ]
}

fn total(lines: &[NotificationLine], hidden: u64) -> Cells {
    let sum = |count: fn(&Tally) -> u64| lines.iter().map(|line| count(&line.tally)).sum::<u64>().to_string();
    let covers = match hidden {
        0 => String::new(),
        _ => format!("{} shown of {}", lines.len(), lines.len() as u64 + hidden),
    };
    let [event, kind, state, worker] = [const { String::new() }; 4];
    [
        "total".to_owned(),
        event,
        kind,
        state,
        covers,
        sum(|tally| tally.participants),
        sum(|tally| tally.sent),
        sum(|tally| tally.dry_run),
        sum(|tally| tally.bounced),
        sum(|tally| tally.complained),
        sum(|tally| tally.failed),
        sum(|tally| tally.skipped),
        sum(|tally| tally.same_address),
        sum(|tally| tally.deferred),
        sum(|tally| tally.pending),
        worker,
    ]
}

fn numbers(tally: &Tally) -> [String; 10] {
    let Tally { participants, sent, dry_run, bounced, complained, failed, skipped, same_address, .. } =
        *tally;
    let Tally { deferred, pending, .. } = *tally;
    [participants, sent, dry_run, bounced, complained, failed, skipped, same_address, deferred, pending]
        .map(|number| number.to_string())
}

/// A duration in the largest unit that fits. A negative one, of clocks that differ, is 0 s.
fn age(age: TimeDelta) -> String {
    match age.num_seconds().max(0) {
        seconds @ ..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::notifications::tests::{held, line, with_deferred, with_dry_run, with_same_address};
    use crate::store::ledger::row::NotificationState;

    fn now() -> NaiveDateTime {
        "2026-11-21T09:05:00".parse().unwrap()
    }

    #[test]
    fn the_table_is_aligned_and_has_a_total() {
        let lines = [
            line(1, NotificationState::Completed, [250, 248, 1, 1, 0]),
            line(12, NotificationState::Completed, [3, 3, 0, 0, 0]),
        ];
        insta::assert_snapshot!(table(&lines, 0, now()), @r"
           id event  type     state      received (UTC)    people sent failed skipped deferred pending
            1   123  UPDATED  completed  2026-11-21 09:00     250  248      1       1        0       0
           12   123  UPDATED  completed  2026-11-21 09:00       3    3      0       0        0       0
        total                                                 253  251      1       1        0       0
        ");
    }

    #[test]
    fn an_unfinished_notification_has_an_age_and_may_have_a_worker() {
        let lines = [
            line(1, NotificationState::Completed, [250, 248, 1, 1, 0]),
            held(
                line(12, NotificationState::Running, [1_000_000, 1000, 0, 0, 999_000]),
                "web-1:4711:8:0:4:1f",
                false,
            ),
            line(13, NotificationState::Waiting, [3, 0, 0, 0, 3]),
            line(14, NotificationState::Abandoned, [3, 1, 0, 0, 2]),
        ];
        insta::assert_snapshot!(table(&lines, 0, now()), @r"
           id event  type     state         received (UTC)     people sent failed skipped deferred pending  worker
            1   123  UPDATED  completed     2026-11-21 09:00      250  248      1       1        0       0
           12   123  UPDATED  running 4min  2026-11-21 09:00  1000000 1000      0       0        0  999000  web-1:4711
           13   123  UPDATED  waiting 4min  2026-11-21 09:00        3    0      0       0        0       3
           14   123  UPDATED  abandoned     2026-11-21 09:00        3    1      0       0        0       2
        total                                                 1000256 1249      1       1        0  999005
        ");
    }

    #[test]
    fn outcomes_of_dry_run_mode_have_a_column_if_there_are_any() {
        let lines = [
            with_dry_run(line(1, NotificationState::Completed, [250, 248, 1, 1, 0]), 248),
            line(12, NotificationState::Completed, [3, 3, 0, 0, 0]),
        ];
        insta::assert_snapshot!(table(&lines, 0, now()), @r"
           id event  type     state      received (UTC)    people sent (dry run) failed skipped deferred pending
            1   123  UPDATED  completed  2026-11-21 09:00     250  248       248      1       1        0       0
           12   123  UPDATED  completed  2026-11-21 09:00       3    3         0      0       0        0       0
        total                                                 253  251       248      1       1        0       0
        ");
    }

    #[test]
    fn those_who_share_an_address_have_a_column_if_there_are_any() {
        let lines = [
            with_same_address(line(1, NotificationState::Completed, [250, 240, 1, 9, 0]), 8),
            line(12, NotificationState::Completed, [3, 3, 0, 0, 0]),
        ];
        insta::assert_snapshot!(table(&lines, 0, now()), @r"
           id event  type     state      received (UTC)    people sent failed skipped (same address) deferred pending
            1   123  UPDATED  completed  2026-11-21 09:00     250  240      1       9              8        0       0
           12   123  UPDATED  completed  2026-11-21 09:00       3    3      0       0              0        0       0
        total                                                 253  243      1       9              8        0       0
        ");
    }

    #[test]
    fn the_total_says_what_it_covers() {
        let table = table(&[line(1284, NotificationState::Completed, [250, 248, 1, 1, 0])], 1283, now());
        insta::assert_snapshot!(table, @r"
           id event  type     state      received (UTC)    people sent failed skipped deferred pending
         1284   123  UPDATED  completed  2026-11-21 09:00     250  248      1       1        0       0
        total                            1 shown of 1284      250  248      1       1        0       0
        ");
    }

    #[test]
    fn a_list_of_a_hundred_thousand_fits_a_terminal_of_a_hundred_characters() {
        let large = line(712, NotificationState::Running, [87_900, 87_000, 500, 400, 0]);
        let table = table(&[with_deferred(large, 12_100, "2026-11-21T10:05:00")], 0, now());
        let widths: Vec<usize> = table.lines().map(str::len).collect();
        assert!(widths.iter().all(|width| *width <= 100), "{widths:?}\n{table}");
        insta::assert_snapshot!(table, @r"
           id event  type     state         received (UTC)    people  sent failed skipped deferred pending
          712   123  UPDATED  running 4min  2026-11-21 09:00  100000 87000    500     400    12100       0
        total                                                 100000 87000    500     400    12100       0
        ");
    }

    #[test]
    fn an_age_has_one_unit() {
        let ages = [-5, 0, 119, 120, 7_199, 7_200, 172_799, 172_800, 8_640_000];
        let ages = ages.map(|seconds| age(TimeDelta::seconds(seconds)));
        assert_eq!(ages, ["0s", "0s", "119s", "2min", "119min", "2h", "47h", "2d", "100d"]);
    }
}

//! The table of notifications: which columns it has, and what stands in them. Aligning and fitting them to a terminal is left to
//! `text::table`.

use chrono::{NaiveDateTime, TimeDelta};

use crate::domain::outcome::Tally;
use crate::report::notifications::NotificationLine;
use crate::store::ledger::row::NotificationState;
use crate::text::screen::{Screen, Tone};
use crate::text::table::{Cell, Column, table};
use crate::text::timestamp::short;

/// The columns. What all notifications have none of is left out, and on a narrow terminal what `status --format json` still tells.
const COLUMNS: [Column; 16] = [
    Column::number("id"),
    Column::number("event").cut_to(6),
    Column::text("type"),
    Column::text("state"),
    Column::text("received").goes(4),
    Column::number("people"),
    Column::number("sent"),
    // Those of them that dry-run mode has not sent.
    Column::number("(dry run)").if_any().goes(3),
    Column::number("bounced").if_any().goes(6),
    Column::number("complained").if_any().goes(5),
    Column::number("failed").if_any(),
    Column::number("skipped").if_any().goes(7),
    // Those of them whose address another participant has, who gets the mail.
    Column::number("(same address)").if_any().goes(2),
    Column::number("deferred").if_any(),
    Column::number("pending").if_any(),
    // Last, because a host may have a long name.
    Column::text("worker").if_any().cut_to(8).goes(1),
];

/// The lines as a table with a total. `hidden` notifications are not in it.
#[must_use]
pub fn notifications(lines: &[NotificationLine], hidden: u64, now: NaiveDateTime, screen: Screen) -> String {
    let mut rows: Vec<Vec<Cell>> = lines.iter().map(|line| cells(line, now)).collect();
    rows.push(total(lines, hidden));
    table(&COLUMNS, &rows, screen)
}

fn cells(line: &NotificationLine, now: NaiveDateTime) -> Vec<Cell> {
    let NotificationLine { record, tally, .. } = line;
    let event = record.notification.event_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let state = line.state();
    let state =
        if line.is_unfinished() { format!("{state} {}", age(now - record.received_at)) } else { state };
    let begin = [
        line.id().to_string().into(),
        event.into(),
        record.notification.kind.to_string().into(),
        Cell::new(state, tone(line)),
        short(record.received_at.and_utc(), now.and_utc()).into(),
    ];
    let worker = line.worker().unwrap_or_default().into();
    begin.into_iter().chain(numbers(tally)).chain([worker]).collect()
}

/// Green is done, red needs a person.
fn tone(line: &NotificationLine) -> Tone {
    match line.record.state {
        _ if line.is_unfinished() && line.has_lost_holder() => Tone::Caution,
        NotificationState::Waiting | NotificationState::Running => Tone::Plain,
        NotificationState::Completed if line.tally.pending > 0 => Tone::Bad,
        NotificationState::Completed if line.tally.deferred > 0 => Tone::Caution,
        NotificationState::Completed => Tone::Good,
        NotificationState::SetAside | NotificationState::Abandoned => Tone::Bad,
    }
}

fn total(lines: &[NotificationLine], hidden: u64) -> Vec<Cell> {
    let covers = match hidden {
        0 => String::new(),
        _ => format!("{} of {}", lines.len(), lines.len() as u64 + hidden),
    };
    let sum = |count: fn(&Tally) -> u64| lines.iter().map(|line| count(&line.tally)).sum::<u64>();
    let tally = Tally {
        participants: sum(|tally| tally.participants),
        sent: sum(|tally| tally.sent),
        dry_run: sum(|tally| tally.dry_run),
        bounced: sum(|tally| tally.bounced),
        complained: sum(|tally| tally.complained),
        failed: sum(|tally| tally.failed),
        skipped: sum(|tally| tally.skipped),
        same_address: sum(|tally| tally.same_address),
        deferred: sum(|tally| tally.deferred),
        pending: sum(|tally| tally.pending),
        ..Tally::default()
    };
    let begin = ["total".into(), "".into(), "".into(), "".into(), covers.into()];
    begin.into_iter().chain(numbers(&tally)).chain(["".into()]).collect()
}

/// From `people` to `pending`.
fn numbers(tally: &Tally) -> [Cell; 10] {
    let Tally { participants, sent, dry_run, bounced, complained, failed, skipped, same_address, .. } =
        *tally;
    let Tally { deferred, pending, .. } = *tally;
    let caution =
        |number: u64| Cell::new(number.to_string(), if number == 0 { Tone::Plain } else { Tone::Caution });
    [
        participants.into(),
        sent.into(),
        dry_run.into(),
        caution(bounced),
        caution(complained),
        Cell::bad(failed),
        skipped.into(),
        same_address.into(),
        caution(deferred),
        pending.into(),
    ]
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
    use crate::text::screen::shown_width;

    fn now() -> NaiveDateTime {
        "2026-11-21T09:05:00".parse().unwrap()
    }

    #[test]
    fn the_table_is_aligned_and_has_a_total() {
        let lines = [
            line(1, NotificationState::Completed, [250, 248, 1, 1, 0]),
            line(12, NotificationState::Completed, [3, 3, 0, 0, 0]),
        ];
        insta::assert_snapshot!(notifications(&lines, 0, now(), Screen::PLAIN), @r"
           id event  type     state      received  people sent failed skipped
            1   123  UPDATED  completed  09:00Z       250  248      1       1
           12   123  UPDATED  completed  09:00Z         3    3      0       0
        total                                         253  251      1       1
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
        insta::assert_snapshot!(notifications(&lines, 0, now(), Screen::PLAIN), @r"
           id event  type     state         received   people sent failed skipped pending  worker
            1   123  UPDATED  completed     09:00Z        250  248      1       1       0
           12   123  UPDATED  running 4min  09:00Z    1000000 1000      0       0  999000  web-1:4711
           13   123  UPDATED  waiting 4min  09:00Z          3    0      0       0       3
           14   123  UPDATED  abandoned     09:00Z          3    1      0       0       2
        total                                         1000256 1249      1       1  999005
        ");
    }

    #[test]
    fn outcomes_of_dry_run_mode_have_a_column_if_there_are_any() {
        let lines = [
            with_dry_run(line(1, NotificationState::Completed, [250, 248, 1, 1, 0]), 248),
            line(12, NotificationState::Completed, [3, 3, 0, 0, 0]),
        ];
        insta::assert_snapshot!(notifications(&lines, 0, now(), Screen::PLAIN), @r"
           id event  type     state      received  people sent (dry run) failed skipped
            1   123  UPDATED  completed  09:00Z       250  248       248      1       1
           12   123  UPDATED  completed  09:00Z         3    3         0      0       0
        total                                         253  251       248      1       1
        ");
    }

    #[test]
    fn those_who_share_an_address_have_a_column_if_there_are_any() {
        let lines = [
            with_same_address(line(1, NotificationState::Completed, [250, 240, 1, 9, 0]), 8),
            line(12, NotificationState::Completed, [3, 3, 0, 0, 0]),
        ];
        insta::assert_snapshot!(notifications(&lines, 0, now(), Screen::PLAIN), @r"
           id event  type     state      received  people sent failed skipped (same address)
            1   123  UPDATED  completed  09:00Z       250  240      1       9              8
           12   123  UPDATED  completed  09:00Z         3    3      0       0              0
        total                                         253  243      1       9              8
        ");
    }

    #[test]
    fn the_total_says_what_it_covers() {
        let lines = [line(1284, NotificationState::Completed, [250, 248, 1, 1, 0])];
        let table = notifications(&lines, 1283, now(), Screen::PLAIN);
        insta::assert_snapshot!(table, @r"
           id event  type     state      received   people sent failed skipped
         1284   123  UPDATED  completed  09:00Z        250  248      1       1
        total                            1 of 1284     250  248      1       1
        ");
    }

    /// All that a busy day has, on a terminal of 80 characters.
    #[test]
    fn a_list_of_a_hundred_thousand_fits_a_narrow_terminal() {
        let large = line(712, NotificationState::Running, [87_900, 40_000, 500, 400, 47_000]);
        let large =
            held(with_deferred(large, 12_100, "2026-11-21T10:05:00"), "mail-worker-12:4711:8:0:4:1f", false);
        let lines = [with_dry_run(line(711, NotificationState::Completed, [20, 19, 1, 0, 0]), 1), large];
        let on = |width| notifications(&lines, 0, now(), Screen { width: Some(width), has_colors: false });
        for width in [80, 100, 120, 160] {
            let widest = on(width).lines().map(shown_width).max();
            assert!(widest <= Some(width), "{width}: {widest:?}\n{}", on(width));
        }
        insta::assert_snapshot!(on(80), @r"
           id event  type     state         people  sent failed skipped deferred pending
          711   123  UPDATED  completed         20    19      1       0        0       0
          712   123  UPDATED  running 4min  100000 40000    500     400    12100   47000
        total                               100020 40019    501     400    12100   47000
        (too narrow to show: worker, (dry run), received)
        ");
        insta::assert_snapshot!(on(120), @r"
           id event  type     state         received  people  sent (dry run) failed skipped deferred pending  worker
          711   123  UPDATED  completed     09:00Z        20    19         1      1       0        0       0
          712   123  UPDATED  running 4min  09:00Z    100000 40000         0    500     400    12100   47000  mail-worker-12:47…
        total                                         100020 40019         1    501     400    12100   47000
        ");
    }

    #[test]
    fn states_have_colours_where_there_are_any() {
        let lines = [
            line(1, NotificationState::Completed, [3, 3, 0, 0, 0]),
            line(2, NotificationState::Abandoned, [3, 1, 2, 0, 0]),
        ];
        let colored = notifications(&lines, 0, now(), Screen { width: None, has_colors: true });
        assert!(colored.contains("\u{1b}[32mcompleted\u{1b}[0m"), "{colored:?}");
        assert!(colored.contains("\u{1b}[1m\u{1b}[31mabandoned\u{1b}[0m"), "{colored:?}");
        let plain = anstream::adapter::strip_str(&colored).to_string();
        assert_eq!(plain, notifications(&lines, 0, now(), Screen::PLAIN));
    }

    #[test]
    fn an_age_has_one_unit() {
        let ages = [-5, 0, 119, 120, 7_199, 7_200, 172_799, 172_800, 8_640_000];
        let ages = ages.map(|seconds| age(TimeDelta::seconds(seconds)));
        assert_eq!(ages, ["0s", "0s", "119s", "2min", "119min", "2h", "47h", "2d", "100d"]);
    }
}

//! What stands below the table: what does not add up, and what else a person may have to see to.

use chrono::{NaiveDateTime, TimeDelta};

use crate::report::NAMED;
use crate::report::notifications::NotificationLine;

/// What lasts no longer settles by itself: an ack is noted within seconds, and a queue has a worker again.
const SETTLING: TimeDelta = TimeDelta::minutes(1);

/// What is wrong, a line each: at most [`NAMED`] of them, and one that counts the others. The exit code tells.
pub fn troubles(lines: &[NotificationLine]) -> Vec<String> {
    let mut troubles = lines.iter().filter_map(trouble);
    let mut named: Vec<String> = troubles.by_ref().take(NAMED).collect();
    match troubles.count() {
        0 => {}
        more => {
            named.push(format!("and {more} more such notifications; `--event ID` shows those of one event"));
        }
    }
    named
}

/// What is wrong with the notification, and what to do about it.
fn trouble(line: &NotificationLine) -> Option<String> {
    let (id, tally) = (line.id(), &line.tally);
    if !tally.adds_up() {
        return Some(format!(
            "notification {id} does not add up: {} participants, but {} sent + {} failed + {} skipped + {} pending; \
             look for keys that are twice in participants, and for rows of deliveries that fanmail did not write",
            tally.participants, tally.sent, tally.failed, tally.skipped, tally.pending
        ));
    }
    if line.is_running() || tally.pending == 0 {
        return None;
    }
    Some(match line.worker() {
        Some(worker) if !line.is_abandoned() => format!(
            "notification {id} is completed, and {worker} (a `fanmail retry`) is sending to {} of its people",
            tally.pending
        ),
        _ => format!(
            "notification {id} is completed, but {} of its people got nothing: a `fanmail retry` was cut off, or they \
             joined the event with a lower key than others who had joined before; `fanmail retry --notification {id}` \
             mails them",
            tally.pending
        ),
    })
}

/// What is in order as far as the ledger goes, and yet may want a person, a line for each sort.
pub fn advice(lines: &[NotificationLine], now: NaiveDateTime) -> Vec<String> {
    [abandoned(lines), waiting(lines, now), not_acked(lines, now), failed(lines)]
        .into_iter()
        .flatten()
        .collect()
}

/// Running ones whose worker does not work at them any more.
fn abandoned(lines: &[NotificationLine]) -> Option<String> {
    let abandoned = lines.iter().filter(|line| line.is_running() && line.is_abandoned());
    let named = name(abandoned, |line| {
        let how = if line.holder_is_gone { "gone" } else { "silent" };
        format!("{} ({}, {how})", line.id(), line.worker().unwrap_or_default())
    })?;
    Some(format!(
        "notifications that have lost their worker {named}; another one goes on with them once the broker delivers their \
         messages to it, at the latest twice LEASE_TIMEOUT after that. If none does, start one, and kill the process that is \
         silent: frozen, it may keep the messages"
    ))
}

/// Running ones that were given up by a worker that stopped.
fn waiting(lines: &[NotificationLine], now: NaiveDateTime) -> Option<String> {
    let waiting = lines.iter().filter(|line| {
        line.is_running() && line.entry.holder.is_none() && now - line.entry.received_at > SETTLING
    });
    let named = name(waiting, |line| line.id().to_string())?;
    Some(format!(
        "notifications that wait for a worker {named}; their messages are in the queue. Should one be lost, publish it once \
         more with the same --message-id (`--format json` has it)"
    ))
}

/// Completed ones whose messages the broker may still have.
fn not_acked(lines: &[NotificationLine], now: NaiveDateTime) -> Option<String> {
    let not_acked = lines.iter().filter(|line| {
        let completed_at = line.entry.completed_at.filter(|_| line.entry.acked_at.is_none());
        completed_at.is_some_and(|completed_at| now - completed_at > SETTLING)
    });
    let named = name(not_acked, |line| line.id().to_string())?;
    Some(format!(
        "notifications that are completed, but not known to be acked {named}; a message of theirs that comes again is only \
         acked (without a message_id: as long as none of the same event and type came after it)"
    ))
}

/// Those with people whose mail failed.
fn failed(lines: &[NotificationLine]) -> Option<String> {
    let with_failed = || lines.iter().filter(|line| line.tally.failed > 0);
    let named = name(with_failed(), |line| line.id().to_string())?;
    let permanent: u64 = with_failed().map(|line| line.tally.failed_permanent).sum();
    let transient = with_failed().map(|line| line.tally.failed).sum::<u64>().saturating_sub(permanent);
    Some(format!(
        "notifications with failed people {named}; {transient} transient, {permanent} permanent. Once one is completed, \
         `fanmail retry --notification ID` sends to the transient ones again, with --permanent-too to all"
    ))
}

/// How many they are, and the newest of them by name; `None` when there is none.
fn name<'a>(
    lines: impl Iterator<Item = &'a NotificationLine>,
    describe: impl Fn(&NotificationLine) -> String,
) -> Option<String> {
    let all: Vec<String> = lines.map(describe).collect();
    let left_out = all.len().saturating_sub(NAMED);
    let ellipsis = if left_out > 0 { "…, " } else { "" };
    (!all.is_empty()).then(|| format!("({}): {ellipsis}{}", all.len(), all[left_out..].join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::notifications::tests::{held, line};
    use crate::store::ledger::row::{NotificationRecord, NotificationState};

    const OWNER: &str = "web-1:4711:8123:0:4026:1f2e";

    fn now() -> NaiveDateTime {
        "2026-11-21T09:05:00".parse().unwrap()
    }

    fn not_acked(id: i64) -> NotificationLine {
        let line = line(id, NotificationState::Completed, [3, 3, 0, 0, 0]);
        NotificationLine { entry: NotificationRecord { acked_at: None, ..line.entry }, ..line }
    }

    fn running(id: i64) -> NotificationLine {
        line(id, NotificationState::Running, [3, 1, 0, 0, 2])
    }

    fn told(lines: &[NotificationLine]) -> String {
        advice(lines, now()).join("\n")
    }

    #[test]
    fn of_what_is_in_order_nothing_is_said() {
        let lines = [line(1, NotificationState::Completed, [3, 2, 0, 1, 0]), held(running(2), OWNER, false)];
        assert_eq!(told(&lines), "");
        assert_eq!(troubles(&lines), Vec::<String>::new());
        let soon: NaiveDateTime = "2026-11-21T09:01:00".parse().unwrap();
        assert_eq!(advice(&[not_acked(3), running(4)], soon), Vec::<String>::new(), "a minute is nothing");
    }

    #[test]
    fn a_night_that_wants_a_person() {
        let lines = [
            line(1, NotificationState::Completed, [9, 4, 5, 0, 0]),
            line(2, NotificationState::Completed, [9, 8, 1, 0, 0]),
            not_acked(3),
            held(running(4), OWNER, true),
            NotificationLine { holder_is_gone: true, ..held(running(5), OWNER, false) },
            running(6),
            running(7),
        ];
        assert_eq!(troubles(&lines), Vec::<String>::new(), "all of them add up");
        insta::assert_snapshot!(told(&lines), @r"
        notifications that have lost their worker (2): 4 (web-1:4711, silent), 5 (web-1:4711, gone); another one goes on with them once the broker delivers their messages to it, at the latest twice LEASE_TIMEOUT after that. If none does, start one, and kill the process that is silent: frozen, it may keep the messages
        notifications that wait for a worker (2): 6, 7; their messages are in the queue. Should one be lost, publish it once more with the same --message-id (`--format json` has it)
        notifications that are completed, but not known to be acked (1): 3; a message of theirs that comes again is only acked (without a message_id: as long as none of the same event and type came after it)
        notifications with failed people (2): 1, 2; 4 transient, 2 permanent. Once one is completed, `fanmail retry --notification ID` sends to the transient ones again, with --permanent-too to all
        ");
    }

    #[test]
    fn many_are_counted_and_the_newest_named() {
        let lines: Vec<NotificationLine> = (1..=14).map(not_acked).collect();
        let text = told(&lines);
        assert!(text.starts_with("notifications that are completed"), "{text}");
        assert!(text.contains(" (14): …, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14; "), "{text}");
    }

    #[test]
    fn trouble_is_named_with_its_cure() {
        let lines = [
            line(1, NotificationState::Completed, [3, 1, 1, 1, 0]),
            line(2, NotificationState::Completed, [3, 3, 1, 0, 0]),
            line(3, NotificationState::Completed, [3, 2, 0, 0, 1]),
            held(line(4, NotificationState::Completed, [3, 2, 0, 0, 1]), OWNER, false),
            held(line(5, NotificationState::Completed, [3, 2, 0, 0, 1]), OWNER, true),
            line(6, NotificationState::Running, [3, 1, 0, 0, 2]),
        ];
        insta::assert_snapshot!(troubles(&lines).join("\n"), @r"
        notification 2 does not add up: 3 participants, but 3 sent + 1 failed + 0 skipped + 0 pending; look for keys that are twice in participants, and for rows of deliveries that fanmail did not write
        notification 3 is completed, but 1 of its people got nothing: a `fanmail retry` was cut off, or they joined the event with a lower key than others who had joined before; `fanmail retry --notification 3` mails them
        notification 4 is completed, and web-1:4711 (a `fanmail retry`) is sending to 1 of its people
        notification 5 is completed, but 1 of its people got nothing: a `fanmail retry` was cut off, or they joined the event with a lower key than others who had joined before; `fanmail retry --notification 5` mails them
        ");
    }

    #[test]
    fn of_many_troubles_the_first_are_named() {
        let lines: Vec<NotificationLine> =
            (1..=14).map(|id| line(id, NotificationState::Completed, [3, 2, 0, 0, 1])).collect();
        let troubles = troubles(&lines);
        assert_eq!(troubles.len(), 11);
        assert!(
            troubles[9].starts_with("notification 10 ") && troubles[10].starts_with("and 4 more"),
            "{troubles:?}"
        );
    }
}

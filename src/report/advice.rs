//! What needs attention, and what to do about it: notifications that do not add up, and what is wrong beyond that.

use chrono::{NaiveDateTime, TimeDelta};

use crate::report::MAX_NAMED;
use crate::report::notifications::NotificationLine;
use crate::text::count::count;

/// Younger states are not reported: an ack is recorded within seconds, and a worker that restarts resumes its work.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// Notifications that do not add up, one a line: at most `MAX_NAMED`, and a line that counts the others. If there are
/// any, `fanmail status` exits with 1.
#[must_use]
pub fn problems(lines: &[NotificationLine]) -> Vec<String> {
    let mut problems = lines.iter().filter_map(problem);
    let mut named: Vec<String> = problems.by_ref().take(MAX_NAMED).collect();
    match problems.count() {
        0 => {}
        more => {
            named.push(format!(
                "and {more} more such notifications; show those of one event with: --event ID"
            ));
        }
    }
    named
}

/// What is wrong with the notification, and what to do about it.
fn problem(line: &NotificationLine) -> Option<String> {
    let (id, tally) = (line.id(), &line.tally);
    if !tally.adds_up() {
        return Some(format!(
            "notification {id} does not add up: {} participants, but {} sent + {} failed + {} skipped + {} pending; \
             look for duplicate keys in participants, and for rows of deliveries that fanmail did not write",
            tally.participants, tally.sent, tally.failed, tally.skipped, tally.pending
        ));
    }
    if line.is_running() || tally.pending == 0 {
        return None;
    }
    let pending = count(tally.pending, "participant");
    Some(match line.worker() {
        Some(worker) if !line.is_abandoned() => {
            format!("notification {id} is completed; {pending} pending: fanmail retry is running ({worker})")
        }
        _ => format!(
            "notification {id} is completed, but {pending} got no mail: a `fanmail retry` was interrupted, or \
             participants were added with a lower key than existing ones; send with: fanmail retry --notification {id}"
        ),
    })
}

/// What adds up and may need attention all the same, a line for each sort.
#[must_use]
pub fn advice(lines: &[NotificationLine], now: NaiveDateTime) -> Vec<String> {
    [abandoned(lines), waiting(lines, now), not_acked(lines, now), failed(lines)]
        .into_iter()
        .flatten()
        .collect()
}

/// About older notifications that are not shown.
#[must_use]
pub fn hidden(number: u64) -> String {
    let are = if number == 1 { "is" } else { "are" };
    format!("{} {are} hidden (completed). Show with --all", count(number, "older notification"))
}

/// Running ones whose worker has exited or stopped renewing its lease.
fn abandoned(lines: &[NotificationLine]) -> Option<String> {
    let abandoned = lines.iter().filter(|line| line.is_running() && line.is_abandoned());
    let named = name(abandoned, |line| {
        let how = if line.holder_has_exited { "gone" } else { "silent" };
        format!("{} ({}, {how})", line.id(), line.worker().unwrap_or_default())
    })?;
    Some(format!(
        "Lost their worker: {named}. Another worker resumes them after the broker has redelivered their messages, at \
         the latest after twice LEASE_TIMEOUT. If no worker is running, start one with: fanmail worker. Kill a process \
         that is silent: if it is frozen, it may hold the messages"
    ))
}

/// Running ones whose worker was stopped.
fn waiting(lines: &[NotificationLine], now: NaiveDateTime) -> Option<String> {
    let waiting = || {
        lines.iter().filter(|line| {
            line.is_running() && line.record.holder.is_none() && now - line.record.received_at > GRACE
        })
    };
    let named = name(waiting(), |line| line.id().to_string())?;
    Some(format!(
        "Waiting for a worker: {named}. The messages are in the queue. {}",
        about_lost_messages(waiting)
    ))
}

/// When a lost message can be published again: the same message id is the same notification.
fn about_lost_messages<'a, I: Iterator<Item = &'a NotificationLine>>(waiting: impl Fn() -> I) -> String {
    let mut sentences = Vec::new();
    if waiting().any(|line| line.record.message_key.is_some()) {
        sentences.push(
            "If a message was lost, publish it again with the same --message-id (shown by: fanmail status --format json)"
                .to_owned(),
        );
    }
    let without_id = waiting().filter(|line| line.record.message_key.is_none());
    if let Some(named) = name(without_id, |line| line.id().to_string()) {
        sentences.push(format!(
            "Without a message id: {named}. Publishing such a message again opens a new notification, which mails \
             everyone again"
        ));
    }
    sentences.join(". ")
}

/// Completed ones whose messages the broker may still have.
fn not_acked(lines: &[NotificationLine], now: NaiveDateTime) -> Option<String> {
    let not_acked = lines.iter().filter(|line| {
        let completed_at = line.record.completed_at.filter(|_| line.record.acked_at.is_none());
        completed_at.is_some_and(|completed_at| now - completed_at > GRACE)
    });
    let named = name(not_acked, |line| line.id().to_string())?;
    Some(format!(
        "Completed, but no ack is recorded: {named}. If a message is redelivered, it is acked and no mail is sent \
         (a message without a message_id: only until a newer one of the same event and type arrives)"
    ))
}

/// Those with failed deliveries.
fn failed(lines: &[NotificationLine]) -> Option<String> {
    let with_failed = || lines.iter().filter(|line| line.tally.failed > 0);
    let named = name(with_failed(), |line| {
        let permanent = line.tally.failed_permanent;
        let temporary = line.tally.failed.saturating_sub(permanent);
        format!("{} ({temporary} temporary, {permanent} permanent)", line.id())
    })?;
    let mut ids = with_failed().map(NotificationLine::id);
    let id = match (ids.next(), ids.next()) {
        (Some(id), None) => id.to_string(),
        _ => "ID".to_owned(),
    };
    let when = if with_failed().any(NotificationLine::is_running) { " once it is completed" } else { "" };
    Some(format!(
        "Failed deliveries: {named}. Retry temporary failures{when} with: fanmail retry --notification {id} \
         (all failures: --permanent-too)"
    ))
}

/// How many they are, and the newest of them by name. `None` if there is none.
fn name<'a>(
    lines: impl Iterator<Item = &'a NotificationLine>,
    describe: impl Fn(&NotificationLine) -> String,
) -> Option<String> {
    let all: Vec<String> = lines.map(describe).collect();
    let hidden = all.len().saturating_sub(MAX_NAMED);
    let named = all[hidden..].join(", ");
    match (all.len(), hidden) {
        (0, _) => None,
        (1, _) => Some(format!("notification {named}")),
        (_, 0) => Some(format!("notifications {named}")),
        (number, _) => Some(format!("{number} notifications, the newest are {named}")),
    }
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
        NotificationLine { record: NotificationRecord { acked_at: None, ..line.record }, ..line }
    }

    fn running(id: i64) -> NotificationLine {
        line(id, NotificationState::Running, [3, 1, 0, 0, 2])
    }

    fn with_message_id(line: NotificationLine) -> NotificationLine {
        let message_key = Some(format!("id-{}", line.id()));
        NotificationLine { record: NotificationRecord { message_key, ..line.record }, ..line }
    }

    fn text(lines: &[NotificationLine]) -> String {
        advice(lines, now()).join("\n")
    }

    #[test]
    fn nothing_is_said_about_what_is_in_order() {
        let lines = [line(1, NotificationState::Completed, [3, 2, 0, 1, 0]), held(running(2), OWNER, false)];
        assert_eq!(text(&lines), "");
        assert_eq!(problems(&lines), Vec::<String>::new());
        let soon: NaiveDateTime = "2026-11-21T09:01:00".parse().unwrap();
        assert_eq!(advice(&[not_acked(3), running(4)], soon), Vec::<String>::new(), "a minute is nothing");
    }

    #[test]
    fn everything_that_needs_attention_is_named_with_what_to_do() {
        let lines = [
            line(1, NotificationState::Completed, [9, 4, 5, 0, 0]),
            line(2, NotificationState::Completed, [9, 8, 1, 0, 0]),
            not_acked(3),
            held(running(4), OWNER, true),
            NotificationLine { holder_has_exited: true, ..held(running(5), OWNER, false) },
            with_message_id(running(6)),
            running(7),
        ];
        assert_eq!(problems(&lines), Vec::<String>::new(), "all of them add up");
        insta::assert_snapshot!(text(&lines), @r"
        Lost their worker: notifications 4 (web-1:4711, silent), 5 (web-1:4711, gone). Another worker resumes them after the broker has redelivered their messages, at the latest after twice LEASE_TIMEOUT. If no worker is running, start one with: fanmail worker. Kill a process that is silent: if it is frozen, it may hold the messages
        Waiting for a worker: notifications 6, 7. The messages are in the queue. If a message was lost, publish it again with the same --message-id (shown by: fanmail status --format json). Without a message id: notification 7. Publishing such a message again opens a new notification, which mails everyone again
        Completed, but no ack is recorded: notification 3. If a message is redelivered, it is acked and no mail is sent (a message without a message_id: only until a newer one of the same event and type arrives)
        Failed deliveries: notifications 1 (3 temporary, 2 permanent), 2 (1 temporary, 0 permanent). Retry temporary failures with: fanmail retry --notification ID (all failures: --permanent-too)
        ");
    }

    #[test]
    fn a_lost_message_is_published_again_only_if_it_had_an_id() {
        let lost = "If a message was lost, publish it again with the same --message-id (shown by: fanmail status --format json)";
        let with_id = text(&[with_message_id(running(6))]);
        assert!(with_id.ends_with(lost) && !with_id.contains("Without"), "{with_id}");
        let without_id = text(&[running(7)]);
        assert!(
            without_id.ends_with("mails everyone again") && !without_id.contains("--message-id"),
            "{without_id}"
        );
    }

    #[test]
    fn of_many_the_newest_are_named() {
        let lines: Vec<NotificationLine> = (1..=14).map(not_acked).collect();
        let text = text(&lines);
        assert!(
            text.starts_with("Completed, but no ack is recorded: 14 notifications, the newest are 5, 6, "),
            "{text}"
        );
        assert!(text.contains(", the newest are 5, 6, 7, 8, 9, 10, 11, 12, 13, 14. "), "{text}");
    }

    #[test]
    fn a_problem_is_named_with_what_to_do() {
        let lines = [
            line(1, NotificationState::Completed, [3, 1, 1, 1, 0]),
            line(2, NotificationState::Completed, [3, 3, 1, 0, 0]),
            line(3, NotificationState::Completed, [3, 2, 0, 0, 1]),
            held(line(4, NotificationState::Completed, [3, 2, 0, 0, 1]), OWNER, false),
            held(line(5, NotificationState::Completed, [3, 2, 0, 0, 1]), OWNER, true),
            line(6, NotificationState::Running, [3, 1, 0, 0, 2]),
        ];
        insta::assert_snapshot!(problems(&lines).join("\n"), @r"
        notification 2 does not add up: 3 participants, but 3 sent + 1 failed + 0 skipped + 0 pending; look for duplicate keys in participants, and for rows of deliveries that fanmail did not write
        notification 3 is completed, but 1 participant got no mail: a `fanmail retry` was interrupted, or participants were added with a lower key than existing ones; send with: fanmail retry --notification 3
        notification 4 is completed; 1 participant pending: fanmail retry is running (web-1:4711)
        notification 5 is completed, but 1 participant got no mail: a `fanmail retry` was interrupted, or participants were added with a lower key than existing ones; send with: fanmail retry --notification 5
        ");
    }

    #[test]
    fn of_many_problems_the_first_are_named() {
        let lines: Vec<NotificationLine> =
            (1..=14).map(|id| line(id, NotificationState::Completed, [3, 2, 0, 0, 1])).collect();
        let problems = problems(&lines);
        assert_eq!(problems.len(), 11);
        assert!(
            problems[9].starts_with("notification 10 ") && problems[10].starts_with("and 4 more"),
            "{problems:?}"
        );
    }
}

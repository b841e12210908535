//! What `status` advises, and what it calls a problem.

use super::*;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::report::notifications::tests::{held, line, with_deferred, with_dry_run};
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

fn waiting(id: i64) -> NotificationLine {
    line(id, NotificationState::Waiting, [3, 0, 0, 0, 3])
}

fn with_message_id(line: NotificationLine) -> NotificationLine {
    let message_key = Some(format!("id-{}", line.id()));
    NotificationLine { record: NotificationRecord { message_key, ..line.record }, ..line }
}

fn text(lines: &[NotificationLine]) -> String {
    advice(lines, now(), true).join("\n")
}

#[test]
fn nothing_is_said_about_what_is_in_order() {
    let lines = [
        line(1, NotificationState::Completed, [3, 2, 0, 1, 0]),
        held(running(2), OWNER, false),
        held(waiting(3), OWNER, false),
    ];
    assert_eq!(text(&lines), "");
    assert_eq!(problems(&lines), Vec::<String>::new());
    let soon: NaiveDateTime = "2026-11-21T09:01:00".parse().unwrap();
    assert_eq!(
        advice(&[not_acked(3), running(4), waiting(5)], soon, true),
        Vec::<String>::new(),
        "a minute is nothing"
    );
}

#[test]
fn a_missed_reminder_is_told_and_one_that_some_got_is_a_problem() {
    let reminder = |id, tally, reason: &str| {
        let mut reminder = line(id, NotificationState::Abandoned, tally);
        reminder.record.notification.kind = Kind::Reminder;
        reminder.record.reason = Some(reason.to_owned());
        reminder
    };
    let lines = [
        reminder(7, [0; 5], "missed: due at 2026-11-21 08:00:00Z, and more than a tenth of 1h late"),
        reminder(8, [0; 5], "the event starts at 2026-11-22 09:00:00Z now"),
    ];
    assert_eq!(
        text(&lines),
        "Reminders that were missed, and are not sent: notification 7 (event 123). To send one all the same: fanmail retry \
         --notification 7"
    );
    assert_eq!(problems(&lines), Vec::<String>::new());
    let cut_short = reminder(9, [3, 1, 0, 0, 2], "missed: too late");
    assert_eq!(
        problems(&[cut_short]),
        [
            "notification 9 is abandoned, and 2 participants got no mail: missed: too late. To send to them all the same: fanmail \
             retry --notification 9. Else do nothing: fanmail purge deletes the notification"
        ]
    );
}

#[test]
fn outcomes_of_dry_run_mode_are_no_problem_and_can_be_sent() {
    let one = with_dry_run(line(4, NotificationState::Completed, [9, 9, 0, 0, 0]), 8);
    assert_eq!(
        text(&[one]),
        "Dry run, no mail was sent: notification 4 (8 recipients). To send to them, set EMAIL_DUMMY_MODE=False and run: \
         fanmail retry --notification 4 --dummy-too"
    );
    let lines = [
        with_dry_run(running(5), 1),
        with_dry_run(line(6, NotificationState::Completed, [2, 1, 0, 1, 0]), 1),
    ];
    assert!(advice(&lines, "2026-11-21T09:01:00".parse().unwrap(), true).concat().contains(
        "notifications 5 (1 recipient), 6 (1 recipient). To send to them once it is completed, set \
             EMAIL_DUMMY_MODE=False and run: fanmail retry --notification ID --dummy-too"
    ));
    assert_eq!(problems(&lines), Vec::<String>::new());
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
        waiting(7),
        held(waiting(8), OWNER, true),
        NotificationLine { message_is_held: true, ..waiting(9) },
        line(10, NotificationState::Abandoned, [0, 0, 0, 0, 0]),
    ];
    assert_eq!(problems(&lines), Vec::<String>::new(), "all of them add up");
    insta::assert_snapshot!(text(&lines), @r"
    Lost their worker: notifications 4 (web-1:4711, silent), 5 (web-1:4711, gone), 8 (web-1:4711, silent). Another worker resumes them after the broker has redelivered their messages, at the latest after twice LEASE_TIMEOUT. If no worker is running, start one with: fanmail worker. Kill a process that is silent: if it is frozen, it may hold the messages. If the queue has no message, ready or unacked, the messages are lost: send with: fanmail retry --notification ID --message-lost
    Without a worker: notifications 6, 7. A worker sends them when it gets their messages from the queue. If no worker is running, start one with: fanmail worker. If the queue has no message, ready or unacked, the messages are lost: send with: fanmail retry --notification ID --message-lost
    Abandoned, and no participant is pending: notification 10 (event 123 is not in the database). If an event comes back, send with: fanmail retry --notification 10
    Completed, but no ack is recorded: notification 3. If a message is redelivered, it is acked and no mail is sent (a message without a message_id: only within ten minutes after a worker has connected to the broker)
    Failed deliveries: notifications 1 (3 temporary, 2 permanent), 2 (1 temporary, 0 permanent). Who, and why: fanmail failures --notification ID. Retry temporary failures with: fanmail retry --notification ID. Permanent ones: correct the addresses, then add --permanent-too
    ");
}

#[test]
fn what_can_be_done_about_failures_depends_on_their_sort() {
    let failed = |permanent| {
        let line = line(2, NotificationState::Completed, [9, 5, 4, 0, 0]);
        text(&[NotificationLine { tally: Tally { failed_permanent: permanent, ..line.tally }, ..line }])
    };
    insta::assert_snapshot!(failed(0), @"Failed deliveries: notification 2 (4 temporary, 0 permanent). Who, and why: fanmail failures --notification 2. Retry them with: fanmail retry --notification 2");
    insta::assert_snapshot!(failed(4), @"Failed deliveries: notification 2 (0 temporary, 4 permanent). Who, and why: fanmail failures --notification 2. Permanent failures: correct the addresses, then send with: fanmail retry --notification 2 --permanent-too");
}

#[test]
fn an_unfinished_notification_is_without_a_worker_only_when_no_worker_has_its_message() {
    let text_of = |line: NotificationLine| text(&[line]);
    for unfinished in [running, waiting] {
        let alone = text_of(unfinished(6));
        assert!(alone.starts_with("Without a worker: notification 6. "), "{alone}");
        assert!(alone.ends_with(": fanmail retry --notification 6 --message-lost"), "{alone}");
        assert_eq!(text_of(NotificationLine { message_is_held: true, ..unfinished(6) }), "");
        assert_eq!(text_of(held(unfinished(6), OWNER, false)), "");
        let lost = text_of(NotificationLine { message_is_held: true, ..held(unfinished(6), OWNER, true) });
        assert!(lost.starts_with("Lost their worker: notification 6 (web-1:4711, silent). "), "{lost}");
    }
}

#[test]
fn one_that_no_message_carries_waits_for_no_message() {
    let without_message = |line: NotificationLine| {
        let acked_at = Some(line.record.received_at);
        NotificationLine { record: NotificationRecord { acked_at, ..line.record }, ..line }
    };
    for left_behind in [running(6), held(waiting(6), OWNER, true)] {
        let text = text(&[without_message(left_behind)]);
        assert!(
            text.starts_with("Left behind, and not from the broker: notification 6. Any worker"),
            "{text}"
        );
        assert!(!text.contains("queue") && !text.contains("message-lost"), "{text}");
    }
    assert_eq!(text(&[without_message(held(waiting(6), OWNER, false))]), "");
}

#[test]
fn the_ack_of_an_abandoned_notification_is_not_missed() {
    let abandoned = line(1, NotificationState::Abandoned, [3, 3, 0, 0, 0]);
    let abandoned =
        NotificationLine { record: NotificationRecord { acked_at: None, ..abandoned.record }, ..abandoned };
    let text = text(&[abandoned]);
    assert!(text.starts_with("Abandoned, and ") && !text.contains("no ack"), "{text}");
}

#[test]
fn deferred_mails_are_no_problem_and_have_a_next_attempt() {
    let completed = |id| line(id, NotificationState::Completed, [9, 8, 0, 1, 0]);
    let soon = with_deferred(completed(7), 12, "2026-11-21T10:05:00.500");
    let held_by_worker = NotificationLine { holder_is_worker: true, ..held(soon, OWNER, false) };
    let running = held(with_deferred(running(8), 3, "2026-11-21T10:05:00"), OWNER, false);
    let lines = [held_by_worker, running];
    assert_eq!(problems(&lines), Vec::<String>::new());
    insta::assert_snapshot!(text(&lines), @"Deferred: notification 7 (12 recipients, next attempt 10:05Z). A worker tries them again by itself. To try them now: fanmail retry --notification 7");
    let lines = [
        with_deferred(completed(9), 1, "2026-11-22T00:30:00"),
        with_deferred(completed(10), 2, "2026-11-21T09:01:00"),
        NotificationLine { next_try_at: None, ..with_deferred(completed(11), 3, "2026-11-21T09:01:00") },
    ];
    insta::assert_snapshot!(text(&lines), @"Deferred: notifications 9 (1 recipient, next attempt 2026-11-22 00:30Z), 10 (2 recipients, due since 09:01Z), 11 (3 recipients). A worker tries them again by itself. If no worker is running, start one with: fanmail worker. To try them now: fanmail retry --notification ID");
}

/// No worker tries them again.
#[test]
fn deferred_mails_of_an_abandoned_notification_are_a_problem() {
    let abandoned = line(8, NotificationState::Abandoned, [5, 5, 0, 0, 0]);
    let abandoned = with_deferred(abandoned, 3, "2026-11-21T09:01:00");
    let problems = problems(std::slice::from_ref(&abandoned));
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("notification 8 is abandoned, and 3 participants got no mail: "),
        "{problems:?}"
    );
    assert_eq!(text(&[abandoned]), "");
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
        NotificationLine {
            holder_is_worker: true,
            ..held(line(7, NotificationState::Completed, [3, 2, 0, 0, 1]), OWNER, false)
        },
        line(8, NotificationState::Abandoned, [20, 5, 0, 0, 15]),
        held(line(9, NotificationState::Abandoned, [20, 6, 0, 0, 14]), OWNER, false),
        line(10, NotificationState::Abandoned, [20, 20, 0, 0, 0]),
        line(11, NotificationState::Waiting, [20, 0, 0, 0, 20]),
    ];
    insta::assert_snapshot!(problems(&lines).join("\n"), @r"
    notification 2 does not add up: 3 participants, but 3 sent + 1 failed + 0 skipped + 0 deferred + 0 pending; look for rows of deliveries and deferrals that fanmail did not write
    notification 3 is completed, but 1 participant got no mail: a `fanmail retry` was interrupted, or participants were added with a lower key than existing ones; send with: fanmail retry --notification 3
    notification 4 is completed; 1 participant pending: fanmail retry is running (web-1:4711)
    notification 5 is completed, but 1 participant got no mail: a `fanmail retry` was interrupted, or participants were added with a lower key than existing ones; send with: fanmail retry --notification 5
    notification 7 is completed, but 1 participant got no mail: a `fanmail retry` was interrupted, or participants were added with a lower key than existing ones; send with: fanmail retry --notification 7
    notification 8 is abandoned, and 15 participants got no mail: event 123 is not in the database. Put the event back, then send with: fanmail retry --notification 8. If it is gone for good, do nothing: fanmail purge deletes the notification
    notification 9 is abandoned; 14 participants pending: fanmail retry is running (web-1:4711)
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

#[test]
fn of_several_abandoned_ones_each_reason_has_a_line() {
    let lines = [5, 6].map(|id| line(id, NotificationState::Abandoned, [0, 0, 0, 0, 0]));
    insta::assert_snapshot!(text(&lines), @r"
    Abandoned, and no participant is pending: notifications 5, 6. If an event comes back, send with: fanmail retry --notification ID
        5: event 123 is not in the database
        6: event 123 is not in the database
    ");
    let many: Vec<NotificationLine> =
        (1..=14).map(|id| line(id, NotificationState::Abandoned, [0, 0, 0, 0, 0])).collect();
    assert_eq!(text(&many).lines().count(), 11);
}

#[test]
fn a_notification_that_waits_for_its_event_says_so() {
    let waits =
        NotificationLine { missing_event: Some(EventId::Number(123)), ..held(running(4), OWNER, false) };
    insta::assert_snapshot!(text(&[waits]), @"Waiting for the event: notification 4 (event 123 is not in the database). A worker looks for it until EVENT_LOOKUP_GRACE has passed; then the message becomes a dead letter");
}

#[test]
fn when_no_worker_is_running_nothing_is_waited_for() {
    let at_once: NaiveDateTime = "2026-11-21T09:00:04".parse().unwrap();
    assert_eq!(advice(&[running(4)], at_once, true), Vec::<String>::new());
    let advice = advice(&[running(4)], at_once, false).concat();
    assert!(advice.starts_with("Without a worker: notification 4. "), "{advice}");
}

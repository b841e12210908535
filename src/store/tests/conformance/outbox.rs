//! The outbox: which rows are taken, when, and what becomes of them.

use super::*;
use crate::domain::priority::Priority;
use crate::routes::decoder::Decoder;
use crate::store::error::StoreError;
use crate::store::ledger::opening::without_message::{Audiences, OpenedWanted, Wanted};
use crate::store::ledger::outbox::{OutboxSummary, Taken};

/// Writes rows as an application does. Values are those of `message_id`, `body`, `priority` and `not_before`.
fn write(store: &Store, values: &[&str]) {
    let rows = values.join(", ");
    execute(store, &format!("INSERT INTO outbox (message_id, body, priority, not_before) VALUES {rows}"));
}

fn take_with(
    store: &Store,
    most: usize,
    stale_after: Option<Duration>,
    audiences: Audiences,
) -> Result<Taken, StoreError> {
    let decoder = Decoder::new(store.event_key_type().unwrap(), None);
    store.take_from_outbox(most, stale_after, &decoder, audiences, &lease_request("me"))
}

fn take(store: &Store, most: usize) -> Taken {
    take_with(store, most, None, Audiences::Read).unwrap()
}

fn keys(taken: &Taken) -> Vec<&str> {
    taken.messages.iter().map(|one| one.key.as_str()).collect()
}

const UPDATED: &str = r#"'{"type":"UPDATED","event_id":7}'"#;

pub fn rows_of_the_outbox_are_taken_once_and_those_with_priority_first(store: &Store) {
    add_people(store, EVENT, 3);
    let enveloped = r#"'{"payload":{"type":"CREATED","event_id":8},"_meta":{"id":"of-envelope"}}'"#;
    write(
        store,
        &[
            &format!("('a', {UPDATED}, 0, NULL)"),
            &format!("(NULL, {UPDATED}, 0, NULL)"),
            &format!("('', {enveloped}, 0, NULL)"),
            &format!("('urgent', {UPDATED}, 5, NULL)"),
        ],
    );
    let first = take(store, 3);
    assert_eq!((keys(&first), first.problems.len()), (vec!["urgent", "a", "outbox:2"], 0));
    let OpenedWanted::Ours { notification, started, .. } = first.messages[0].opened else {
        panic!("{first:?}")
    };
    assert_eq!(
        (notification.kind, notification.audience, started),
        (Kind::Updated, participants_up_to(3), true)
    );
    assert!(
        matches!(first.messages[1].opened, OpenedWanted::Ours { started: false, .. }),
        "behind the first one"
    );
    let record = store.find_notification(notification.id).unwrap().unwrap();
    assert!(record.acked_at.is_some() && record.holder.is_some());
    assert_eq!(keys(&take(store, 3)), ["of-envelope"]);
    assert!(take(store, 3).is_empty());
    assert_eq!(store.list_notifications(None).unwrap().len(), 4);
    execute(store, "DELETE FROM outbox WHERE taken_by = 'me' AND taken_at IS NOT NULL AND problem IS NULL");
    assert_eq!(store.summarize_outbox(9).unwrap(), OutboxSummary::default());
}

pub fn the_priority_of_a_row_is_that_of_its_notification(store: &Store) {
    let low = r#"'{"type":"UPDATED","event_id":7,"priority":"low"}'"#;
    write(
        store,
        &[
            &format!("('default', {UPDATED}, 0, NULL)"),
            &format!("('high', {UPDATED}, 5, NULL)"),
            &format!("('low', {UPDATED}, -3, NULL)"),
            &format!("('word', {low}, 1, NULL)"),
        ],
    );
    let taken = take(store, 9);
    let priorities: Vec<(&str, Priority)> = taken
        .messages
        .iter()
        .map(|one| {
            let OpenedWanted::Ours { notification, .. } = one.opened else { panic!("{one:?}") };
            let record = store.find_notification(notification.id).unwrap().unwrap();
            assert_eq!(record.notification, notification, "the ledger keeps it");
            assert_eq!(record.message().priority, Some(notification.priority));
            (one.key.as_str(), notification.priority)
        })
        .collect();
    let expected = [
        ("high", Priority::High),
        ("word", Priority::Low),
        ("default", Priority::Medium),
        ("low", Priority::Low),
    ];
    assert_eq!(priorities, expected, "a word in the body comes first");
}

pub fn a_row_that_cannot_be_sent_is_marked_and_holds_up_no_other(store: &Store) {
    write(
        store,
        &[
            "('bad', 'no JSON', 0, NULL)",
            &format!("('good', {UPDATED}, 0, NULL)"),
            r#"('good', '{"type":"CREATED","event_id":7}', 0, NULL)"#,
            &format!("('good', {UPDATED}, 0, NULL)"),
            r#"('text', '{"type":"UPDATED","event_id":"seven"}', 0, NULL)"#,
        ],
    );
    let taken = take(store, 9);
    assert_eq!(taken.problems.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 5, 3]);
    assert!(matches!(taken.messages[0].opened, OpenedWanted::Ours { .. }));
    assert!(matches!(taken.messages[2].opened, OpenedWanted::Known(_)));
    assert!(take(store, 9).is_empty());
    let summary = store.summarize_outbox(2).unwrap();
    assert_eq!((summary.waiting, summary.problems, summary.newest_problems.len()), (0, 3, 2));
    let (id, problem) = &summary.newest_problems[1];
    assert_eq!(*id, 3);
    assert!(
        problem.starts_with("its message_id was used before, by notification 1 for UPDATED of event 7"),
        "{problem}"
    );
    // Corrected.
    execute(
        store,
        &format!("UPDATE outbox SET body = {UPDATED}, taken_at = NULL, problem = NULL WHERE id = 1"),
    );
    assert_eq!(keys(&take(store, 9)), ["bad"]);
    assert_eq!(store.summarize_outbox(9).unwrap().problems, 2);
}

pub fn a_row_waits_until_its_time_by_the_clock_of_the_database(store: &Store) {
    let clock = store.run("read the clock", crate::store::backend::dispatch::clock).unwrap();
    let time = |seconds: i64| (clock + chrono::TimeDelta::seconds(seconds)).format("'%F %T'").to_string();
    // A server takes the text for a time in the zone of the session, which is UTC.
    write(
        store,
        &[
            &format!("('late', {UPDATED}, 9, {})", time(3600)),
            &format!("('due', {UPDATED}, 0, {})", time(-3600)),
            &format!("('now', {UPDATED}, 0, NULL)"),
        ],
    );
    let summary = store.summarize_outbox(9).unwrap();
    assert_eq!((summary.waiting, summary.scheduled), (2, 1));
    let age = clock - summary.waiting_since.unwrap();
    assert!(age.num_seconds().abs() < 60, "{age}");
    assert_eq!(keys(&take(store, 9)), ["due", "now"]);
    let mut watch = store.watch_outbox().unwrap();
    assert!(!watch.has_rows().unwrap());
    execute(store, &format!("UPDATE outbox SET not_before = {}", time(-1)));
    assert!(watch.has_rows().unwrap());
    assert_eq!(keys(&take(store, 9)), ["late"]);
    assert!(!watch.has_rows().unwrap());
}

pub fn a_new_row_is_noticed_once_it_is_committed(store: &Store) {
    let mut watch = store.watch_outbox().unwrap();
    watch.has_changed().unwrap();
    let body = r#"{"type":"UPDATED","event_id":7}"#;
    store.add_to_outbox("a", body, Some("event.updated"), Priority::High).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !watch.has_changed().unwrap() {
        assert!(std::time::Instant::now() < deadline, "not noticed");
    }
    assert!(watch.has_rows().unwrap());
    assert_eq!(keys(&take(store, 9)), ["a"]);
}

pub fn a_purge_deletes_rows_of_the_outbox_that_were_taken_long_ago(store: &Store) {
    write(
        store,
        &[
            &format!("('old', {UPDATED}, 0, NULL)"),
            "('bad', 'no JSON', 0, NULL)",
            &format!("('new', {UPDATED}, 0, NULL)"),
        ],
    );
    take(store, 9);
    write(store, &[&format!("('waiting', {UPDATED}, 0, NULL)")]);
    execute(store, "UPDATE outbox SET taken_at = '2020-01-01 00:00:00' WHERE message_id IN ('old', 'bad')");
    let mut purge = store.purge(chrono::TimeDelta::days(90)).unwrap();
    assert_eq!(purge.plan().unwrap().outbox_rows, 2);
    let mut deleted = 0;
    while let Some(step) = purge.step().unwrap() {
        deleted += step.outbox_rows;
    }
    assert_eq!(deleted, 2);
    assert_eq!((store.summarize_outbox(9).unwrap().problems, keys(&take(store, 9))), (0, vec!["waiting"]));
}

pub fn a_row_whose_event_cannot_be_read_is_taken_all_the_same(store: &Store) {
    add_people(store, EVENT, 2);
    break_participants(store, "id", "event_id = 7");
    write(store, &[&format!("('a', {UPDATED}, 0, NULL)"), &format!("('b', {UPDATED}, 0, NULL)")]);
    assert!(take_with(store, 9, None, Audiences::Read).unwrap_err().is_unreadable());
    let taken = take_with(store, 9, None, Audiences::Leave).unwrap();
    assert_eq!(keys(&taken), ["a", "b"]);
    let OpenedWanted::Ours { notification, started: false, .. } = taken.messages[0].opened else {
        panic!("{taken:?}")
    };
    assert!(!notification.audience.is_frozen());
    mend_participants(store);
    assert!(take(store, 9).is_empty());
}

pub fn a_row_that_has_waited_for_too_long_is_not_sent(store: &Store) {
    let opened = Wanted { message: message(Kind::Updated), key: "opened".to_owned(), starts_at_once: true };
    store.open_wanted(&[opened], Audiences::Read, &lease_request("me")).unwrap();
    let clock = store.run("read the clock", crate::store::backend::dispatch::clock).unwrap();
    let ago = |minutes: i64| (clock - chrono::TimeDelta::minutes(minutes)).format("'%F %T'").to_string();
    write(
        store,
        &[
            &format!("('due long ago', {UPDATED}, 0, {})", ago(90)),
            &format!("('due', {UPDATED}, 0, {})", ago(30)),
            &format!("('old', {UPDATED}, 0, NULL)"),
            &format!("('opened', {UPDATED}, 0, NULL)"),
            "('bad', 'no JSON', 0, NULL)",
        ],
    );
    execute(store, &format!("UPDATE outbox SET created_at = {}", ago(100)));
    write(store, &[&format!("('new', {UPDATED}, 0, NULL)")]);
    let limit = Some(Duration::from_secs(3600));
    let taken = take_with(store, 9, limit, Audiences::Read).unwrap();
    assert_eq!(keys(&taken), ["due", "opened", "new"]);
    assert!(matches!(taken.messages[1].opened, OpenedWanted::Known(_)));
    let problems: Vec<(i64, &str)> =
        taken.problems.iter().map(|(id, problem)| (*id, problem.split(':').next().unwrap())).collect();
    assert_eq!(problems, [(1, "it is stale"), (3, "it is stale"), (5, "the body is not JSON")]);
    // As the problem says.
    execute(
        store,
        "UPDATE outbox SET created_at = CURRENT_TIMESTAMP, not_before = NULL, taken_at = NULL, problem = NULL
            WHERE message_id LIKE '%long ago'",
    );
    let taken = take_with(store, 9, limit, Audiences::Read).unwrap();
    assert_eq!(keys(&taken), ["due long ago"]);
}

pub fn a_long_word_that_is_none_is_a_problem_of_its_row(store: &Store) {
    let word = "\u{200b}".repeat(20_000);
    let body = format!(r#"'{{"recipient_user_id":7,"message":"Hello","priority":"{word}"}}'"#);
    write(store, &[&format!("('bad', {body}, 0, NULL)"), &format!("('good', {UPDATED}, 0, NULL)")]);
    let taken = take(store, 9);
    assert_eq!((taken.problems.len(), keys(&taken)), (1, vec!["good"]));
}

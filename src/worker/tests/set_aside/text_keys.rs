//! Participants whose keys are text: a row that cannot be read, or a key that cannot be listed, holds up nobody else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::domain::audience::Listing;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::store::ledger::completion::{Completing, Completion};
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::Halt;
use crate::worker::tests::fan_out::text_keys::with_text_keys;

fn listing(worker: &TestWorker) -> Listing {
    worker.store.find_listing(NotificationId(1)).unwrap().unwrap()
}

/// Gives the participant with this number in its address another key.
fn rename(worker: &TestWorker, n: u32, key: &str) {
    worker.execute(&format!("UPDATE participants SET id = {key} WHERE email = 'p{n}@example.com'"));
}

fn join(worker: &TestWorker, key: &str, email: &str) {
    worker.execute(&format!("INSERT INTO participants VALUES ({key}, 123, '{email}', 'Late', NULL)"));
}

/// What `fanmail retry` does.
fn retry(worker: &TestWorker) -> Result<Completion, Halt> {
    let record = record(worker, 1);
    let event = worker.store.find_event(EVENT).unwrap();
    let held = worker.context.leases.take_over(&record, record.epoch.next()).unwrap().unwrap();
    let (notification, scope) = (record.notification, Scope::UndecidedAndDeferred);
    let one_mail_per_address = worker.context.one_mail_per_address;
    let of_claim = Arc::clone(&held);
    let claim = Claim {
        notification,
        facts: NotificationFacts::new(notification.kind, event, MessageDetails::default()),
        held: of_claim,
        resumed: true,
        published_at: None,
        scope,
        one_mail_per_address,
    };
    let sent = fan_out::send_claimed(&worker.context, &claim, |_| {});
    let completing = Completing { lease: held.lease, after: None, listed: true };
    let result = sent.map(|_| worker.store.complete_set_aside(completing).unwrap());
    worker.context.leases.release(&held);
    result
}

/// Keys that the ledger cannot list, as SQL.
const UNLISTABLE: [&str; 4] = [
    "printf('%0300d', 7)",
    "'4' || char(0) || 'b'",
    "CAST(x'38ff' AS TEXT)",
    // Behind all others.
    "CAST(x'7aff80' AS TEXT)",
];

#[test]
fn everyone_but_the_people_who_cannot_be_read_is_mailed_and_they_later() {
    let worker = with_text_keys(TestWorker::new(250, 4));
    let people = "email IN ('p17@example.com', 'p18@example.com', 'p203@example.com')";
    break_view(&worker, "participants", "name", people);
    set_aside(&worker, 1, "3 participants cannot be read (recipients.id ");
    let reason = record(&worker, 1).reason.unwrap();
    assert!(reason.contains(": integer overflow") && !reason.contains('@'), "{reason}");
    assert_each_once(&worker, 247);
    assert_eq!(worker.tally(1), Tally { participants: 250, sent: 247, pending: 3, ..Tally::default() });
    assert_eq!(worker.problems(), "", "the database works");
    for id in reason.split(['(', ')']).nth(1).unwrap().trim_start_matches("recipients.id ").split(", ") {
        let pending = format!(
            "recipients JOIN participants_rows ON participants_rows.id = user_key
             WHERE recipients.notification_id = 1 AND recipients.id = {id} AND participants_rows.{people}"
        );
        assert_eq!(worker.count(&pending), 1, "the reason says who it is");
    }

    sweep(&worker);
    assert_each_once(&worker, 247);
    assert_eq!(state(&worker, 1), NotificationState::SetAside);
    assert!(matches!(retry(&worker), Err(Halt::Unreadable(_))));
    assert_each_once(&worker, 247);
    mend(&worker, "participants");
    join(&worker, "'0'", "later@example.com");
    sweep(&worker);
    assert_each_once(&worker, 250);
    assert!(!worker.relay.accepted().contains(&"later@example.com".to_owned()), "the audience was frozen");
    let record = record(&worker, 1);
    assert_eq!((record.state, record.reason, record.holder), (NotificationState::Completed, None, None));
}

#[test]
fn a_row_that_can_be_read_again_is_mailed_by_a_retry() {
    let worker = with_text_keys(TestWorker::new(25, 1));
    break_view(&worker, "participants", "email", "email = 'p7@example.com'");
    set_aside(&worker, 1, "1 participant cannot be read (recipients.id ");
    assert_each_once(&worker, 24);
    mend(&worker, "participants");
    assert_eq!(retry(&worker), Ok(Completion::Completed));
    assert_each_once(&worker, 25);
    assert_eq!(worker.tally(1), Tally { participants: 25, sent: 25, ..Tally::default() });
}

#[test]
fn after_a_cancellation_people_are_skipped_who_cannot_be_read() {
    let worker = with_text_keys(TestWorker::new(25, 1));
    rename(&worker, 3, UNLISTABLE[2]);
    break_view(&worker, "participants", "name", "email = 'p7@example.com'");
    set_aside(&worker, 1, "1 participant cannot be read");
    let cancelled = Message::new(Kind::Cancelled, EVENT);
    let result = open_and_run(&worker.context, &unnamed(), cancelled);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    assert_eq!(worker.relay.accepted().len(), 46);
    sweep(&worker);
    // Nobody gets the update any more, so that the key need not be listed for it.
    assert_eq!(worker.tally(1), Tally { participants: 24, sent: 23, skipped: 1, ..Tally::default() });
    let states = [1, 2].map(|id| state(&worker, id));
    assert_eq!(states, [NotificationState::Completed, NotificationState::SetAside]);
    mend(&worker, "participants");
    rename(&worker, 3, "'mended'");
    sweep(&worker);
    assert_eq!(worker.tally(2), Tally { participants: 25, sent: 25, ..Tally::default() });
}

#[test]
fn a_key_that_cannot_be_listed_holds_up_nobody_else() {
    for key in UNLISTABLE {
        let worker = with_text_keys(TestWorker::new(250, 4));
        rename(&worker, 190, key);
        set_aside(
            &worker,
            1,
            "1 participant has a key that cannot be listed: a key of a participant of event 123",
        );
        assert_each_once(&worker, 249);
        assert_eq!(worker.tally(1), Tally { participants: 250, sent: 249, pending: 1, ..Tally::default() });
        assert_eq!(listing(&worker), Listing::ReadOnce, "the list is not complete: {key}");
        sweep(&worker);
        assert!(matches!(retry(&worker), Err(Halt::Unreadable(_))));
        assert_each_once(&worker, 249);
        rename(&worker, 190, "'mended'");
        sweep(&worker);
        assert_each_once(&worker, 250);
        assert_eq!(worker.tally(1), Tally { participants: 250, sent: 250, ..Tally::default() });
        assert_eq!(
            (state(&worker, 1), listing(&worker)),
            (NotificationState::Completed, Listing::Frozen(250))
        );
    }
}

#[test]
fn so_many_keys_that_cannot_be_listed_that_they_fill_pages_hold_up_nobody_else() {
    for key in ["CAST(x'38ff' || id AS TEXT)", "'8' || char(0) || id", "'8' || printf('%0300d', rowid)"] {
        let worker = with_text_keys(TestWorker::new(1_150, 4));
        worker.execute(&format!("UPDATE participants SET id = {key} WHERE rowid > 50"));
        set_aside(&worker, 1, "1100 participants have keys that cannot be listed: a key of a participant");
        assert_each_once(&worker, 50);
        assert_eq!(
            worker.tally(1),
            Tally { participants: 1_150, sent: 50, pending: 1_100, ..Tally::default() }
        );
        worker.execute("UPDATE participants SET id = 'mended ' || rowid WHERE rowid > 50");
        sweep(&worker);
        assert_each_once(&worker, 1_150);
        assert_eq!(state(&worker, 1), NotificationState::Completed);
    }
}

#[test]
fn rows_and_keys_that_fail_are_told_together() {
    let worker = with_text_keys(TestWorker::new(60, 2));
    for (n, key) in (20..).zip(UNLISTABLE) {
        rename(&worker, n, key);
    }
    break_view(&worker, "participants", "name", "email IN ('p7@example.com', 'p22@example.com')");
    set_aside(&worker, 1, "; 4 participants have keys that cannot be listed: ");
    set_aside(&worker, 2, "1 participant cannot be read (recipients.id ");
    assert_eq!(worker.relay.accepted().len(), 2 * 55);
    assert_eq!(worker.tally(1), Tally { participants: 60, sent: 55, pending: 5, ..Tally::default() });
}

/// A worker that is stopped, with people listed and not mailed, is followed by one with the same rows.
#[test]
fn a_worker_that_stops_in_the_middle_leaves_nobody_out() {
    for stop_at in [5, 33] {
        let handle = Arc::new(Mutex::new(None));
        let (seen, trigger) = (AtomicU32::new(0), Arc::clone(&handle));
        let mut worker = with_text_keys(TestWorker::with_relay(40, 1, move |_, _, _| {
            if seen.fetch_add(1, Ordering::Relaxed) == stop_at {
                drop(trigger.lock().unwrap().take());
            }
            Ok(())
        }));
        for (n, key) in (20..).zip(UNLISTABLE) {
            rename(&worker, n, key);
        }
        break_view(&worker, "participants", "name", "email IN ('p7@example.com', 'p11@example.com')");
        *handle.lock().unwrap() = worker.handle.take();
        let result = open_and_run(&worker.context, &named("m1"), REQUEST);
        assert!(matches!(result, FanOutResult::Interrupted | FanOutResult::SetAside(_)), "{result:?}");
        let next = worker.another();
        let result = open_and_run(&next.context, &named("m1"), REQUEST);
        assert!(matches!(result, FanOutResult::SetAside(_) | FanOutResult::Completed(_)), "{result:?}");
        assert_each_once(&worker, 34);
        mend(&next, "participants");
        next.execute("UPDATE participants SET id = 'mended ' || rowid WHERE rowid BETWEEN 20 AND 23");
        sweep(&next);
        assert_each_once(&worker, 40);
        assert_eq!(next.tally(1), Tally { participants: 40, sent: 40, ..Tally::default() });
        assert_eq!(state(&next, 1), NotificationState::Completed);
    }
}

#[test]
fn people_with_text_keys_are_skipped_after_a_cancellation_too() {
    let worker = with_text_keys(TestWorker::new(25, 1));
    break_view(&worker, "events", "title", "id = 123");
    set_aside(&worker, 1, "its event cannot be read");
    let cancelled = Message::new(Kind::Cancelled, EVENT);
    let result = open_and_run(&worker.context, &unnamed(), cancelled);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    mend(&worker, "events");
    sweep(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 25, skipped: 25, ..Tally::default() });
    assert_eq!((worker.tally(2).sent, worker.relay.accepted().len()), (25, 25));
}

fn all_sent(people: u64) -> Tally {
    Tally { participants: people, sent: people, ..Tally::default() }
}

/// On one page, on several, and with one mail for each address, where everyone is listed first.
#[test]
fn a_text_key_of_rows_that_differ_is_told_and_the_other_one_is_mailed_with_a_key_of_its_own() {
    for (people, by_address) in [(8, false), (8, true), (60, false), (60, true)] {
        let mut worker = TestWorker::new(people, 2);
        worker.context_mut().one_mail_per_address = by_address;
        let mut worker = with_text_keys(worker);
        worker.context_mut().page_size = 20;
        join(&worker, "(SELECT id FROM participants WHERE email = 'p3@example.com')", "other@example.com");
        // The same person in another language is no other participant.
        worker.execute(
            "INSERT INTO participants SELECT id, event_id, email, 'Other', 'de' FROM participants WHERE email = 'p5@example.com'",
        );
        set_aside(&worker, 1, "1 key of participants has rows with several addresses (recipients.id ");
        let mailed = worker.relay.accepted().len();
        assert_eq!(mailed, people as usize);
        assert_eq!(worker.tally(1), all_sent(people.into()));
        sweep(&worker);
        assert_eq!((state(&worker, 1), worker.relay.accepted().len()), (NotificationState::SetAside, mailed));
        assert!(worker.relay.accepted().contains(&"other@example.com".to_owned()), "the smallest address");
        worker.execute("UPDATE participants SET id = 'own' WHERE email = 'p3@example.com'");
        sweep(&worker);
        assert_each_once(&worker, mailed + 1);
        assert_eq!(worker.tally(1), all_sent(u64::from(people) + 1));
        assert_eq!(state(&worker, 1), NotificationState::Completed);
    }
}

#[test]
fn a_text_key_of_very_many_rows_ends_no_page_too_early() {
    let worker = with_text_keys(TestWorker::new(3, 2));
    worker.execute(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000)
         INSERT INTO participants SELECT 'a', 123, 'n' || n || '@example.com', 'N', NULL FROM n",
    );
    set_aside(&worker, 1, "1 key of participants has rows with several addresses (recipients.id ");
    assert_each_once(&worker, 4);
    assert_eq!(worker.tally(1), all_sent(4));
}

#[test]
fn a_text_key_of_rows_that_differ_waits_for_nobody_after_a_cancellation() {
    let worker = with_text_keys(TestWorker::new(8, 2));
    join(&worker, "(SELECT id FROM participants WHERE email = 'p3@example.com')", "other@example.com");
    set_aside(&worker, 1, "1 key of participants has rows with several addresses");
    let cancelled = Message::new(Kind::Cancelled, EVENT);
    let result = open_and_run(&worker.context, &unnamed(), cancelled);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    sweep(&worker);
    let states = [1, 2].map(|id| state(&worker, id));
    assert_eq!(states, [NotificationState::Completed, NotificationState::SetAside]);
}

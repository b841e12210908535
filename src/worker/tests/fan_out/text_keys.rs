//! Participants whose keys are text: everyone gets one mail, whatever happens between listing and sending.

use crossbeam_channel::bounded;

use super::*;
use crate::domain::audience::{Audience, Listing};
use crate::shutdown::ShutdownTrigger;
use crate::worker::tests::support::Timing;

/// Gives the participants of a worker keys that are text, in another order than they had, and pages of ten.
pub fn with_text_keys(mut worker: TestWorker) -> TestWorker {
    worker.execute(
        "CREATE TABLE people AS SELECT * FROM participants; DROP TABLE participants;
         CREATE TABLE participants (id TEXT COLLATE NOCASE, event_id INTEGER, email TEXT, name TEXT, locale TEXT);
         CREATE INDEX participants_by_event ON participants (event_id, id);
         INSERT INTO participants SELECT printf('%08x-7dec', id * 2654435761 % 4294967296), event_id, email, name, locale
            FROM people",
    );
    worker.context_mut().page_size = 10;
    worker
}

fn new(people: u32, lanes: usize) -> TestWorker {
    with_text_keys(TestWorker::new(people, lanes))
}

fn join(worker: &TestWorker, key: &str, email: &str) {
    worker.execute(&format!("INSERT INTO participants VALUES ('{key}', 123, '{email}', 'Late', NULL)"));
}

fn assert_each_once(worker: &TestWorker, people: usize) {
    let accepted = worker.relay.accepted();
    assert_eq!(accepted.len(), people);
    assert_eq!(accepted.iter().collect::<HashSet<_>>().len(), people, "somebody got two mails");
}

fn listing(worker: &TestWorker) -> Option<Listing> {
    worker.store.find_listing(NotificationId(1)).unwrap()
}

#[test]
fn everyone_is_mailed_once_and_has_a_number() {
    let worker = new(2_350, 4);
    join(&worker, "A", "capital@example.com");
    join(&worker, "a", "small@example.com");
    assert!(completed(&run(&worker)));
    assert_each_once(&worker, 2_352);
    assert_eq!(worker.tally(1), Tally { participants: 2_352, sent: 2_352, ..Tally::default() });
    assert_eq!(listing(&worker), Some(Listing::Frozen(2_352)));
    let numbers = "deliveries WHERE notification_id = 1 AND participant_id BETWEEN 1 AND 2352";
    assert_eq!(worker.count(numbers), 2_352);
    join(&worker, "0", "later@example.com");
    assert!(completed(&run(&worker)), "the same message again is only acked");
    assert_each_once(&worker, 2_352);
}

#[test]
fn a_small_event_and_an_empty_one_are_completed_at_once() {
    for people in [0, 1, 10, 100] {
        let worker = new(people, 2);
        assert!(completed(&run(&worker)));
        assert_each_once(&worker, people as usize);
        let everyone = u64::from(people);
        assert_eq!(worker.tally(1), Tally { participants: everyone, sent: everyone, ..Tally::default() });
    }
}

/// A worker whose relay stops the worker when it gets a mail for the `stop_at`th time.
fn that_stops(people: u32, stop_at: u32) -> (TestWorker, Arc<Mutex<Option<ShutdownTrigger>>>) {
    let handle = Arc::new(Mutex::new(None));
    let (seen, trigger) = (AtomicU32::new(0), Arc::clone(&handle));
    let worker = TestWorker::with_relay(people, 4, move |_, _, _| {
        if seen.fetch_add(1, Ordering::Relaxed) == stop_at {
            drop(trigger.lock().unwrap().take());
        }
        Ok(())
    });
    (with_text_keys(worker), handle)
}

#[test]
fn a_fan_out_that_was_stopped_goes_on_behind_the_list() {
    for stop_at in [0, 5, 99, 150, 349] {
        let (mut worker, handle) = that_stops(350, stop_at);
        *handle.lock().unwrap() = worker.handle.take();
        assert_eq!(run(&worker), FanOutResult::Interrupted);
        let first: HashSet<String> = worker.relay.accepted().into_iter().collect();
        assert!(first.len() > stop_at as usize && first.len() < 360, "{} were sent", first.len());
        let tally = worker.tally(1);
        assert!(
            tally.adds_up() && (tally.participants, tally.sent) == (350, first.len() as u64),
            "{tally:?}"
        );
        let listed = worker.count("recipients WHERE notification_id = 1");
        assert!((1..=350).contains(&listed), "{listed}");

        let next = worker.another();
        assert!(completed(&run(&next)));
        assert_each_once(&next, 350);
        assert_eq!(next.tally(1), Tally { participants: 350, sent: 350, ..Tally::default() });
        assert_eq!(next.count("recipients WHERE notification_id = 1"), 350);
    }
}

#[test]
fn who_leaves_or_joins_while_nobody_sends_is_decided() {
    let (mut worker, handle) = that_stops(350, 20);
    *handle.lock().unwrap() = worker.handle.take();
    assert_eq!(run(&worker), FanOutResult::Interrupted);
    assert_eq!(listing(&worker), Some(Listing::Reading), "else this proves nothing");
    let first = worker.relay.accepted().len() as u64;
    // Two who are listed without an outcome, and one who is not listed.
    worker.execute(
        "DELETE FROM participants WHERE id IN (SELECT user_key FROM recipients WHERE notification_id = 1
            AND id NOT IN (SELECT participant_id FROM deliveries WHERE notification_id = 1) ORDER BY id DESC LIMIT 2);
         DELETE FROM participants WHERE id = (SELECT max(id) FROM participants)",
    );
    join(&worker, "0", "before@example.com");
    join(&worker, "g", "behind@example.com");
    let next = worker.another();
    assert!(completed(&run(&next)));
    let accepted = next.relay.accepted();
    assert!(
        ["before@example.com", "behind@example.com"].iter().all(|one| accepted.iter().any(|to| to == one))
    );
    assert_each_once(&next, 349);
    let tally = next.tally(1);
    assert_eq!(tally, Tally { participants: 351, sent: 349, skipped: 2, ..Tally::default() });
    assert!(first < 349);
}

#[test]
fn who_joins_with_a_lower_key_while_pages_are_read_is_mailed_before_the_notification_is_completed() {
    let (reached, seen) = bounded(1);
    let (go_on, told) = bounded::<()>(1);
    let sent = AtomicU32::new(0);
    let worker = with_text_keys(TestWorker::with_relay(250, 1, move |_, _, _| {
        if sent.fetch_add(1, Ordering::Relaxed) == 40 {
            reached.send(()).unwrap();
            told.recv().unwrap();
        }
        Ok(())
    }));
    thread::scope(|scope| {
        let running = scope.spawn(|| run(&worker));
        seen.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(listing(&worker), Some(Listing::Reading));
        for (key, email) in [("", "a@example.com"), ("0", "b@example.com"), ("zz", "c@example.com")] {
            join(&worker, key, email);
        }
        go_on.send(()).unwrap();
        assert!(completed(&running.join().unwrap()));
    });
    assert_each_once(&worker, 253);
    assert_eq!(worker.tally(1), Tally { participants: 253, sent: 253, ..Tally::default() });
}

#[test]
fn a_list_that_another_worker_goes_on_with_is_left_alone() {
    let (reached, seen) = bounded(1);
    let (go_on, told) = bounded::<()>(1);
    let sent = AtomicU32::new(0);
    let timing = Timing { lease_timeout: Duration::from_secs(600), ..Timing::default() };
    let worker = with_text_keys(TestWorker::with_relay_and_timing(
        400,
        1,
        move |_, _, _| {
            if sent.fetch_add(1, Ordering::Relaxed) == 30 {
                reached.send(()).unwrap();
                told.recv().unwrap();
            }
            Ok(())
        },
        timing,
    ));
    thread::scope(|scope| {
        let running = scope.spawn(|| run(&worker));
        seen.recv_timeout(Duration::from_secs(20)).unwrap();
        let listed = worker.count("recipients");
        // Another worker takes over, and completes it.
        worker.execute("UPDATE notifications SET epoch = epoch + 1, lease_owner = NULL, lease_until = NULL, state = 'completed'");
        go_on.send(()).unwrap();
        assert!(completed(&running.join().unwrap()));
        assert_eq!(worker.count("recipients"), listed);
    });
    assert!(worker.relay.accepted().len() < 400);
}

#[test]
fn an_event_that_is_empty_when_it_is_opened_may_get_keys_that_are_text() {
    let worker = new(0, 1);
    let before = worker.store.find_notification(NotificationId(1)).unwrap();
    assert_eq!(before, None);
    let (reached, context) = (worker.count("participants"), &worker.context);
    assert_eq!(reached, 0);
    let (_, opened) = super::super::support::opening::open(
        &worker.store,
        context.leases.lease_request(),
        &named("m1"),
        REQUEST,
    );
    let crate::store::ledger::opening::Opened::Ours { notification, lease, resumed, started } = opened else {
        panic!("{opened:?}")
    };
    join(&worker, "a", "a@example.com");
    let held = context.leases.track(lease, Instant::now());
    let opened = crate::worker::fan_out::claim::OpenedAs::Ours { notification, held, resumed, started };
    let result = super::super::support::opening::run(context, &named("m1"), REQUEST, opened);
    let FanOutResult::Completed(notification) = result else { panic!("{result:?}") };
    assert_eq!(notification.audience, Audience::Recipients { id: EventId::Number(123) });
    assert_each_once(&worker, 1);
    assert_eq!(worker.tally(1), Tally { participants: 1, sent: 1, ..Tally::default() });
}

#[test]
fn people_with_one_address_get_one_mail_whatever_their_keys_are() {
    for stop_at in [None, Some(20)] {
        let (mut worker, handle) = that_stops(250, stop_at.unwrap_or(u32::MAX));
        worker.execute(
            "UPDATE participants SET email = 'family@example.com' WHERE id IN (SELECT id FROM participants ORDER BY id LIMIT 2);
             UPDATE participants SET email = 'family@EXAMPLE.com' WHERE id = (SELECT max(id) FROM participants)",
        );
        worker.context_mut().one_mail_per_address = true;
        *handle.lock().unwrap() = worker.handle.take();
        let mut next = worker.another();
        next.context_mut().one_mail_per_address = true;
        match (stop_at, run(&worker)) {
            (None, FanOutResult::Completed(_)) => {}
            (Some(_), FanOutResult::Interrupted) => assert!(completed(&run(&next))),
            (_, result) => panic!("{result:?}"),
        }
        assert_each_once(&worker, 248);
        let tally = worker.tally(1);
        assert_eq!((tally.participants, tally.sent, tally.skipped, tally.same_address), (250, 248, 2, 2));
        assert!(tally.adds_up());
    }
}

/// Those who join while the keys are read, before and behind those that were read by then. A worker without the option may
/// have begun.
#[test]
fn who_joins_while_pages_are_read_gets_no_second_mail_to_an_address() {
    for (first_with_option, stop_at) in [(true, None), (true, Some(20)), (false, Some(20))] {
        let (mut worker, handle) = that_stops(350, stop_at.unwrap_or(u32::MAX));
        let email =
            |number: u32| format!("(SELECT email FROM participants ORDER BY id LIMIT 1 OFFSET {number})");
        worker.execute(&format!(
            "CREATE TRIGGER joining AFTER INSERT ON recipients WHEN NEW.id = 150 BEGIN
                INSERT INTO participants SELECT '', 123, {}, 'Late', NULL UNION ALL SELECT '0', 123, {}, 'Late', NULL
                    UNION ALL SELECT 'zz', 123, {}, 'Late', NULL;
                INSERT INTO participants VALUES ('1', 123, 'new@example.com', 'Late', NULL),
                    ('zzz', 123, 'new@example.com', 'Late', NULL);
             END",
            email(3),
            email(349),
            email(5),
        ));
        worker.context_mut().one_mail_per_address = first_with_option;
        *handle.lock().unwrap() = worker.handle.take();
        let mut next = worker.another();
        next.context_mut().one_mail_per_address = true;
        next.context_mut().page_size = 10;
        match (stop_at, run(&worker)) {
            (None, FanOutResult::Completed(_)) => {}
            (Some(_), FanOutResult::Interrupted) => {
                let is_half_read = listing(&worker) == Some(Listing::Reading);
                assert!(is_half_read != first_with_option, "{:?}", listing(&worker));
                assert!(completed(&run(&next)));
            }
            (_, result) => panic!("{result:?}"),
        }
        assert_each_once(&worker, 351);
        let tally = worker.tally(1);
        assert_eq!((tally.participants, tally.sent, tally.same_address, tally.pending), (355, 351, 4, 0));
        assert!(tally.adds_up() && listing(&worker) == Some(Listing::Frozen(355)), "{tally:?}");
    }
}

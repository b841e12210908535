//! Addresses that get no mail: nobody is asked to take one, and everyone is accounted for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fan_out::text_keys::with_text_keys;
use super::support::opening::open_and_run;
use super::support::{EVENT, REQUEST, TRANSIENT, TestWorker, Timing, named, wait_until};
use crate::channels::Class;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::outcome::{Permanence, Tally};
use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::store::Store;
use crate::store::suppressions::{NewSuppression, SuppressionFilter};
use crate::worker::deferral_sweep;
use crate::worker::fan_out::context::FanOutResult;

fn suppress(store: &Store, addresses: &[&str], scope: SuppressionScope) {
    let key = store.address_key().unwrap();
    let new = |address: &&str| NewSuppression {
        hash: key.hash(address).unwrap(),
        address: None,
        scope,
        reason: SuppressionReason::Unsubscribed,
        source: SuppressionSource::Command,
    };
    store.add_suppressions(&addresses.iter().map(new).collect::<Vec<_>>()).unwrap();
}

fn complete(worker: &TestWorker, id: &str, message: Message) {
    let result = open_and_run(&worker.context, &named(id), message);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
}

fn accepted(worker: &TestWorker) -> Vec<String> {
    let mut accepted = worker.relay.accepted();
    accepted.sort();
    accepted
}

/// The participants of notification `id` who were skipped for this reason.
fn skipped(worker: &TestWorker, id: i64, reason: &str) -> i64 {
    worker.count(&format!(
        "deliveries WHERE notification_id = {id} AND status = 'skipped' AND attempts = 0 AND detail = '{reason}'"
    ))
}

/// What is on the list, each with its reason and scope.
fn listed(worker: &TestWorker) -> Vec<(String, String, String)> {
    let all = worker.store.list_suppressions(SuppressionFilter::default(), None, 1000).unwrap();
    let mut all: Vec<_> =
        all.into_iter().map(|one| (one.address.unwrap_or_default(), one.scope, one.reason)).collect();
    all.sort();
    all
}

#[test]
fn who_wants_no_mail_is_skipped_and_told_that_the_event_is_cancelled() {
    for page_size in [100, 2, 1] {
        let mut worker = TestWorker::new(0, 2);
        worker.context_mut().page_size = page_size;
        worker.join(&["ann@x.org", "Bob@X.org", "cat@x.org", "dan@x.org", "ann@x.org"]);
        suppress(&worker.store, &["Ann@x.org"], SuppressionScope::All);
        suppress(&worker.store, &["bob@x.org"], SuppressionScope::Event(EVENT));
        suppress(&worker.store, &["cat@x.org"], SuppressionScope::Kind(Kind::Reminder));
        suppress(&worker.store, &["dan@x.org"], SuppressionScope::Event(EventId::Number(9)));
        complete(&worker, "m1", REQUEST);
        assert_eq!(worker.tally(1), Tally { participants: 5, sent: 2, skipped: 3, ..Tally::default() });
        assert_eq!(accepted(&worker), ["cat@x.org", "dan@x.org"], "{page_size} to a page");
        assert_eq!(skipped(&worker, 1, "unsubscribed"), 3);
        let metrics = &worker.context.metrics;
        assert_eq!((metrics.sent.get(), metrics.skipped.get()), (2, 3));
        complete(&worker, "m2", Message::new(Kind::Cancelled, EVENT));
        assert_eq!(worker.tally(2), Tally { participants: 5, sent: 5, ..Tally::default() });
    }
}

#[test]
fn an_address_without_any_mail_is_not_told_that_the_event_is_cancelled() {
    let worker = TestWorker::new(0, 1);
    worker.join(&["ann@x.org", "bob@x.org"]);
    suppress(&worker.store, &["ann@x.org"], SuppressionScope::Everything);
    complete(&worker, "m1", Message::new(Kind::Cancelled, EVENT));
    assert_eq!(worker.tally(1), Tally { participants: 2, sent: 1, skipped: 1, ..Tally::default() });
}

#[test]
fn a_suppression_holds_for_the_pages_that_are_not_read_yet() {
    let store = Arc::new(Mutex::new(None::<Store>));
    let during = Arc::clone(&store);
    let mut worker = TestWorker::with_relay(100, 1, move |address, _, _| {
        if address == "p1@example.com" {
            suppress(during.lock().unwrap().as_ref().unwrap(), &["p90@example.com"], SuppressionScope::All);
        }
        Ok(())
    });
    worker.context_mut().page_size = 5;
    *store.lock().unwrap() = Some(worker.store.clone());
    complete(&worker, "m1", REQUEST);
    assert_eq!(worker.tally(1), Tally { participants: 100, sent: 99, skipped: 1, ..Tally::default() });
    assert!(!accepted(&worker).contains(&"p90@example.com".to_owned()));
}

#[test]
fn a_deferred_mail_is_not_sent_to_an_address_that_was_suppressed_meanwhile() {
    let timing =
        Timing { max_retries: 0, defer_schedule: vec![Duration::from_millis(1)], ..Timing::default() };
    let refuse =
        |_: &str, tried: u32, _: &dyn Fn() -> Tally| if tried == 0 { Err(TRANSIENT) } else { Ok(()) };
    let mut worker = TestWorker::with_relay_and_timing(3, 1, refuse, timing);
    complete(&worker, "m1", REQUEST);
    assert_eq!(worker.tally(1).deferred, 3);
    suppress(&worker.store, &["p2@example.com"], SuppressionScope::All);
    let sweep = deferral_sweep::start(&worker.context).unwrap();
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_eq!(worker.tally(1), Tally { participants: 3, sent: 2, skipped: 1, ..Tally::default() });
    assert_eq!(worker.count("deliveries WHERE participant_id = 2 AND detail = 'unsubscribed'"), 1);
    drop(worker.handle.take());
    sweep.join().unwrap();
}

#[test]
fn recipients_of_a_notice_are_skipped_as_participants_are() {
    let worker = TestWorker::new(0, 1);
    worker.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT, locale TEXT);
         INSERT INTO users VALUES (1, 'fay@x.org', 'Fay', NULL), (2, 'gus@x.org', '', NULL)",
    );
    suppress(&worker.store, &["fay@x.org"], SuppressionScope::All);
    suppress(&worker.store, &["hal@x.org"], SuppressionScope::Kind(Kind::Notice));
    let body =
        r#"{"recipient_user_ids": [1, 2], "recipients": ["hal@x.org", "ida@x.org"], "message": "Hello"}"#;
    let notice = Message::decode(body.as_bytes(), EventKeyType::Number).unwrap().message;
    complete(&worker, "m1", notice);
    assert_eq!(accepted(&worker), ["gus@x.org", "ida@x.org"]);
    assert_eq!(worker.tally(1), Tally { participants: 4, sent: 2, skipped: 2, ..Tally::default() });
}

#[test]
fn people_whose_keys_are_text_are_skipped_as_others_are() {
    let worker = with_text_keys(TestWorker::new(35, 2));
    suppress(&worker.store, &["p3@example.com", "p30@example.com"], SuppressionScope::All);
    complete(&worker, "m1", REQUEST);
    assert_eq!(worker.tally(1), Tally { participants: 35, sent: 33, skipped: 2, ..Tally::default() });
}

#[test]
fn an_address_that_was_skipped_is_sent_to_again_once_it_is_not_suppressed_any_more() {
    let worker = TestWorker::new(0, 1);
    worker.join(&["ann@x.org", "bob@x.org", "cat@x.org"]);
    suppress(&worker.store, &["ann@x.org", "bob@x.org"], SuppressionScope::All);
    complete(&worker, "m1", REQUEST);
    let hash = worker.store.address_key().unwrap().hash("ann@x.org");
    let removed =
        worker.store.remove_suppressions(SuppressionFilter { hash, ..SuppressionFilter::default() });
    assert_eq!(removed.unwrap(), 1);
    let record = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    let held = worker.context.leases.take_over(&record, record.epoch.next()).unwrap().unwrap();
    let reopen = |optouts| worker.store.reopen_suppressed(held.lease, &record.notification, optouts).unwrap();
    assert_eq!([reopen(false), reopen(false)], [Some(1), Some(0)]);
    let tally = worker.tally(1);
    assert_eq!(tally, Tally { participants: 3, sent: 1, skipped: 1, pending: 1, ..Tally::default() });
    assert_eq!(worker.count("deliveries WHERE participant_id = 1"), 0);
    worker.context.leases.release(&held);
}

#[test]
fn the_application_may_say_who_wants_no_mail() {
    let mut worker = TestWorker::new(0, 1);
    worker.join(&["Ann@x.org", "bob@x.org", "cat@x.org", "dan@x.org", "eve@x.org", ""]);
    worker.execute(
        "CREATE VIEW optouts AS SELECT 'ann@x.org' AS email, NULL AS scope UNION ALL SELECT 'bob@x.org', 'event:123'
         UNION ALL SELECT 'cat@x.org', 'kind:REMINDER' UNION ALL SELECT NULL, 'all' UNION ALL SELECT 'dan@x.org', 'never'",
    );
    complete(&worker, "m1", REQUEST);
    assert_eq!(worker.tally(1).sent, 5, "without OPTOUTS, the view is not read");
    worker.context_mut().optouts = true;
    complete(&worker, "m2", REQUEST);
    assert_eq!(skipped(&worker, 2, "opted-out"), 3);
    assert_eq!(worker.tally(2).sent, 2);
    complete(&worker, "m3", Message::new(Kind::Cancelled, EVENT));
    assert_eq!(worker.tally(3).sent, 5);
    let sample = worker.store.sample_optouts(10).unwrap();
    assert_eq!((sample.rows, sample.without_address, sample.bad_scope.as_deref()), (5, 1, Some("never")));
    assert_eq!(sample.not_found, 0);
}

#[test]
fn without_the_view_nobody_is_mailed_against_their_wish() {
    let mut worker = TestWorker::new(2, 1);
    worker.context_mut().optouts = true;
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    assert_eq!(worker.tally(1).pending, 2);
}

#[test]
fn deferred_mails_wait_until_the_view_can_be_read() {
    let timing =
        Timing { max_retries: 0, defer_schedule: vec![Duration::from_millis(1)], ..Timing::default() };
    let refuse =
        |_: &str, tried: u32, _: &dyn Fn() -> Tally| if tried == 0 { Err(TRANSIENT) } else { Ok(()) };
    let mut worker = TestWorker::with_relay_and_timing(2, 1, refuse, timing);
    complete(&worker, "m1", REQUEST);
    worker.context_mut().optouts = true;
    let sweep = deferral_sweep::start(&worker.context).unwrap();
    let postponed = "deferrals WHERE detail LIKE 'the addresses that get no mail cannot be read%'";
    wait_until("the mails to be postponed", || worker.count(postponed) == 2);
    assert_eq!((worker.tally(1).deferred, worker.relay.tries()), (2, 2));
    drop(worker.handle.take());
    sweep.join().unwrap();
}

/// A relay that says of `gone…` that they do not exist.
fn with_gone(people: &[&str], lanes: usize) -> TestWorker {
    let worker = TestWorker::with_relay(0, lanes, |address, _, _| {
        if address.starts_with("gone") { Err(Class::Permanent) } else { Ok(()) }
    });
    worker.join(people);
    worker
}

#[test]
fn an_address_that_the_relay_says_does_not_exist_gets_no_further_mail() {
    let worker = with_gone(&["ann@x.org", "gone@X.org", "gone.too@x.org"], 1);
    complete(&worker, "m1", REQUEST);
    let failed = Tally { participants: 3, sent: 1, failed: 2, failed_permanent: 2, ..Tally::default() };
    assert_eq!(worker.tally(1), failed);
    let refused = |address: &str| (address.to_owned(), "everything".to_owned(), "refused".to_owned());
    assert_eq!(listed(&worker), [refused("gone.too@x.org"), refused("gone@x.org")]);
    for (id, kind) in [(2, Kind::Updated), (3, Kind::Cancelled)] {
        complete(&worker, &format!("m{id}"), Message::new(kind, EVENT));
        assert_eq!(worker.tally(id), Tally { participants: 3, sent: 1, skipped: 2, ..Tally::default() });
        assert_eq!(skipped(&worker, id, "refused"), 2);
    }
    assert_eq!(worker.relay.tries_for("gone.too@x.org"), 1);
}

#[test]
fn refused_addresses_are_suppressed_only_if_that_is_wanted() {
    let mut first = with_gone(&["gone@x.org", "ann@x.org"], 1);
    first.config.worker.suppress_refused = false;
    let worker = first.another();
    complete(&worker, "m1", REQUEST);
    assert_eq!((worker.tally(1).failed, listed(&worker).len()), (1, 0));
}

/// A directory that is empty refuses everyone.
#[test]
fn a_relay_that_refuses_all_addresses_is_not_believed_for_long() {
    let people: Vec<String> = (0..100).map(|n| format!("gone{n}@x.org")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let worker = with_gone(&people, 1);
    complete(&worker, "m1", REQUEST);
    assert_eq!((worker.tally(1).failed, listed(&worker).len()), (100, 20));
}

#[test]
fn a_relay_that_may_refuse_us_is_not_believed() {
    let worker = TestWorker::with_relay(0, 1, |address, _, _| match address {
        "suspect@x.org" => Err(Class::Suspect(Permanence::Permanent)),
        _ => Err(Class::Permanent),
    });
    worker.join(&["suspect@x.org", "gone@x.org"]);
    complete(&worker, "m1", REQUEST);
    assert_eq!((worker.tally(1).failed, listed(&worker).len()), (2, 0));
}

#[test]
fn a_fan_out_that_is_resumed_skips_who_was_suppressed_meanwhile() {
    let handle = Arc::new(Mutex::new(None));
    let trigger = Arc::clone(&handle);
    let mut first = TestWorker::with_relay(60, 1, move |_, _, tally| {
        if tally().sent >= 7 {
            drop(trigger.lock().unwrap().take());
        }
        Ok(())
    });
    first.context_mut().page_size = 10;
    *handle.lock().unwrap() = first.handle.take();
    assert_eq!(open_and_run(&first.context, &named("m1"), REQUEST), FanOutResult::Interrupted);
    let sent = first.tally(1).sent;
    suppress(&first.store, &["p1@example.com", "p59@example.com", "p60@example.com"], SuppressionScope::All);
    let second = first.another();
    complete(&second, "m1", REQUEST);
    let tally = second.tally(1);
    assert!(tally.adds_up() && tally.pending == 0 && sent >= 7, "{tally:?}");
    assert_eq!((tally.sent, tally.skipped), (58, 2), "the first one has the mail already");
}

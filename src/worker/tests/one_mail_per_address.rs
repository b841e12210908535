//! `ONE_MAIL_PER_ADDRESS`: each address gets one mail, whatever happens to those who share it, and each gets one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::support::opening::open_and_run;
use super::support::{REQUEST, TestWorker, named};
use crate::channels::Class;
use crate::domain::ids::NotificationId;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::outcome::{Counts, Tally};
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::FanOutResult;

mod deferrals;
mod notices;
mod unreadable;

/// Adds participants with keys from 1 on, and has the worker mail each address once. With two to a page, those who share an
/// address are on several pages.
fn share(worker: &mut TestWorker, addresses: &[&str]) {
    worker.join(addresses);
    set(worker, true);
}

fn set(worker: &mut TestWorker, one_mail_per_address: bool) {
    let context = worker.context_mut();
    context.one_mail_per_address = one_mail_per_address;
    context.page_size = 2;
}

fn run(worker: &TestWorker) -> FanOutResult {
    open_and_run(&worker.context, &named("m1"), REQUEST)
}

fn complete(worker: &TestWorker) {
    let result = run(worker);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
}

fn accepted(worker: &TestWorker) -> Vec<String> {
    let mut accepted = worker.relay.accepted();
    accepted.sort();
    accepted
}

fn skipped_for(worker: &TestWorker, first: i64) -> i64 {
    worker.count(&format!("deliveries WHERE status = 'skipped' AND detail = 'same address as {first}'"))
}

/// What `fanmail retry --permanent-too` does; in a dry run, it reopens no failure.
fn retry(worker: &TestWorker, one_mail_per_address: bool) -> Counts {
    let record = worker.store.find_notification(NotificationId(1)).unwrap().unwrap();
    let event = worker.store.find_event(REQUEST.event_id.unwrap()).unwrap();
    let held = worker.context.leases.take_over(&record, record.epoch.next()).unwrap().unwrap();
    if !worker.context.dummy {
        worker.store.reopen_failed(held.lease, true).unwrap().unwrap();
    }
    let claim = Claim {
        notification: record.notification,
        facts: NotificationFacts::new(record.notification.kind, event, MessageDetails::default()),
        held: Arc::clone(&held),
        resumed: true,
        published_at: None,
        scope: Scope::UndecidedAndDeferred,
        one_mail_per_address,
    };
    let counts = fan_out::send_claimed(&worker.context, &claim, |_| {}).unwrap();
    worker.context.leases.release(&held);
    counts
}

#[test]
fn each_address_gets_one_mail_on_one_page_and_over_pages() {
    let family =
        ["fay@x.org", "solo@x.org", " fay@X.ORG", "Fay@x.org", "fay@x.org", "solo@y.org", "fay@x.org"];
    for page_size in [100, 7, 2, 1] {
        let mut worker = TestWorker::new(0, 2);
        share(&mut worker, &family);
        worker.context_mut().page_size = page_size;
        complete(&worker);
        assert_eq!(accepted(&worker), ["Fay@x.org", "fay@x.org", "solo@x.org", "solo@y.org"]);
        let tally = Tally { participants: 7, sent: 4, skipped: 3, same_address: 3, ..Tally::default() };
        assert_eq!((worker.tally(1), skipped_for(&worker, 1)), (tally, 3), "{page_size} to a page");
    }
}

#[test]
fn without_the_option_everyone_gets_a_mail() {
    let mut worker = TestWorker::new(0, 2);
    share(&mut worker, &["fay@x.org", "fay@x.org", "fay@x.org"]);
    set(&mut worker, false);
    complete(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 3, sent: 3, ..Tally::default() });
}

#[test]
fn an_address_that_cannot_be_written_fails_for_each_of_its_participants() {
    let mut worker = TestWorker::new(0, 1);
    share(&mut worker, &["f ay@x.org", "fay@x.org", "f ay@x.org", ""]);
    complete(&worker);
    let tally = Tally {
        participants: 4,
        sent: 1,
        failed: 2,
        failed_permanent: 2,
        skipped: 1,
        no_address: 1,
        ..Tally::default()
    };
    assert_eq!(worker.tally(1), tally);
}

/// A worker that stops after its first mails, and one of each address by then.
fn interrupted(people: &[&str], mails: u32, one_mail_per_address: bool) -> TestWorker {
    let handle = Arc::new(Mutex::new(None));
    let (trigger, seen) = (Arc::clone(&handle), AtomicU32::new(0));
    let mut worker = TestWorker::with_relay(0, 1, move |_, _, _| {
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == mails {
            drop(trigger.lock().unwrap().take());
        }
        Ok(())
    });
    share(&mut worker, people);
    set(&mut worker, one_mail_per_address);
    *handle.lock().unwrap() = worker.handle.take();
    assert_eq!(run(&worker), FanOutResult::Interrupted);
    worker
}

#[test]
fn another_worker_goes_on_with_the_same_decision() {
    let people: Vec<String> = (0..60).map(|n| format!("p{}@x.org", n % 20)).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    for mails in [1, 7, 19] {
        let first = interrupted(&people, mails, true);
        let mut second = first.another();
        set(&mut second, true);
        complete(&second);
        assert_eq!(
            second.tally(1),
            Tally { participants: 60, sent: 20, skipped: 40, same_address: 40, ..Tally::default() }
        );
        let mut accepted = accepted(&second);
        accepted.dedup();
        assert_eq!((second.relay.accepted().len(), accepted.len()), (20, 20));
    }
}

#[test]
fn a_notification_that_began_without_the_option_goes_on_with_those_who_have_no_mail_yet() {
    let people = ["a@x.org", "b@x.org", "c@x.org", "a@x.org", "b@x.org", "c@x.org", "c@x.org"];
    let first = interrupted(&people, 2, false);
    let sent = first.relay.accepted();
    assert!(sent.len() < 6, "else this proves nothing: {sent:?}");
    let mut second = first.another();
    set(&mut second, true);
    complete(&second);
    let mut expected = sent;
    for address in ["a@x.org", "b@x.org", "c@x.org"] {
        if !expected.iter().any(|sent| sent == address) {
            expected.push(address.to_owned());
        }
    }
    expected.sort();
    assert_eq!(accepted(&second), expected);
    assert!(second.tally(1).same_address >= 1);
}

/// On `PostgreSQL` a lower key may be committed later.
#[test]
fn a_lower_key_that_comes_late_does_not_get_a_second_mail() {
    let people = ["a@x.org", "b@x.org", "c@x.org", "d@x.org"];
    let first = interrupted(&people, 2, true);
    assert_eq!(first.relay.accepted()[..1], ["a@x.org"]);
    first.execute("INSERT INTO participants (id, event_id, email, name) VALUES (-5, 123, 'a@x.org', ''), (0, 123, 'd@x.org', '')");
    let mut second = first.another();
    set(&mut second, true);
    complete(&second);
    assert_eq!(accepted(&second), people);
    assert_eq!((skipped_for(&second, 1), skipped_for(&second, 0)), (1, 1));
}

#[test]
fn a_mailbox_that_was_refused_is_refused_for_all_who_share_it_and_retry_asks_once_more() {
    let mut worker = TestWorker::with_relay(0, 1, |to, tried, _| {
        if to == "fay@x.org" && tried == 0 { Err(Class::Permanent) } else { Ok(()) }
    });
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org", "fay@x.org"]);
    complete(&worker);
    let tally = worker.tally(1);
    assert_eq!((tally.sent, tally.failed, tally.same_address), (1, 1, 2));
    assert_eq!(worker.relay.tries_for("fay@x.org"), 1);

    assert_eq!(retry(&worker, true), Counts { sent: 1, ..Counts::default() });
    assert_eq!(accepted(&worker), ["fay@x.org", "solo@x.org"]);
    assert_eq!((worker.tally(1).sent, skipped_for(&worker, 1)), (2, 2));
    assert_eq!(retry(&worker, true), Counts::default(), "those who were skipped stay skipped");
}

#[test]
fn a_resumed_fan_out_does_not_ask_again_about_a_mailbox_that_was_refused() {
    let mut worker =
        TestWorker::with_relay(
            0,
            1,
            |to, _, _| if to == "fay@x.org" { Err(Class::Permanent) } else { Ok(()) },
        );
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org"]);
    complete(&worker);
    worker.execute(
        "DELETE FROM deliveries WHERE participant_id = 3;
         UPDATE notifications SET state = 'running', completed_at = NULL, lease_owner = NULL",
    );
    let mut second = worker.another();
    set(&mut second, true);
    complete(&second);
    assert_eq!((second.relay.tries_for("fay@x.org"), skipped_for(&second, 1)), (1, 1));
}

#[test]
fn when_the_one_that_failed_has_left_a_retry_mails_the_next_one() {
    for change in
        ["DELETE FROM participants WHERE id = 1", "UPDATE participants SET email = 'new@x.org' WHERE id = 1"]
    {
        let mut worker = TestWorker::with_relay(0, 1, |to, tried, _| {
            if to == "fay@x.org" && tried == 0 { Err(Class::Permanent) } else { Ok(()) }
        });
        share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org", "fay@x.org"]);
        complete(&worker);
        worker.execute(change);
        retry(&worker, true);
        assert_eq!(worker.relay.tries_for("fay@x.org"), 2, "{change}");
        assert_eq!(
            (skipped_for(&worker, 1), skipped_for(&worker, 3), worker.tally(1).pending),
            (0, 1, 0),
            "{change}"
        );
    }
}

#[test]
fn a_dry_run_reopens_no_outcome() {
    let mut worker = TestWorker::with_relay(0, 1, |_, _, _| Err(Class::Permanent));
    share(&mut worker, &["fay@x.org", "fay@x.org", "fay@x.org"]);
    complete(&worker);
    worker.execute("DELETE FROM participants WHERE id = 1");
    worker.context_mut().dummy = true;
    assert_eq!(retry(&worker, true), Counts::default());
    assert_eq!(skipped_for(&worker, 1), 2);
}

#[test]
fn when_the_one_that_has_the_mail_has_left_no_other_one_gets_it() {
    let mut worker = TestWorker::new(0, 1);
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org", "fay@x.org"]);
    complete(&worker);
    worker.execute("DELETE FROM participants WHERE id = 1; DELETE FROM deliveries WHERE participant_id = 4");
    assert_eq!(retry(&worker, true), Counts { skipped: 1, ..Counts::default() });
    assert_eq!((accepted(&worker).len(), skipped_for(&worker, 1)), (2, 2));
}

#[test]
fn thousands_who_share_one_address_are_decided_page_by_page() {
    let mut worker = TestWorker::new(0, 1);
    worker.store.add_participants(12_000, |_| super::support::person("all@x.org")).unwrap();
    set(&mut worker, true);
    worker.context_mut().page_size = 1_000;
    complete(&worker);
    let tally =
        Tally { participants: 12_000, sent: 1, skipped: 11_999, same_address: 11_999, ..Tally::default() };
    assert_eq!(worker.tally(1), tally);
}

//! With one mail for each address, people who were kept back until all pages were read: they may have left by then, or cannot be
//! read any more.

use super::*;
use crate::channels::Class;
use crate::domain::lease::Lease;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::shutdown::shutdown_pair;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::page::Page;
use crate::worker::fan_out::pages::Pages;
use crate::worker::tests::fan_out::text_keys::with_text_keys;

/// A fan-out that resumes, over people with one address who are kept back until all pages are read.
fn pages_of_a_family(worker: &mut TestWorker) -> (Pages, Lease) {
    worker.config.worker.one_mail_per_address = true;
    worker.context_mut().one_mail_per_address = true;
    worker.execute("UPDATE participants SET email = 'family@example.com'");
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    worker.execute(
        "DELETE FROM deliveries; UPDATE notifications SET state = 'running', completed_at = NULL, lease_owner = NULL",
    );
    let record = record(worker, 1);
    let event = worker.store.find_event(EVENT).unwrap();
    let held = worker.context.leases.take_over(&record, record.epoch.next()).unwrap().unwrap();
    let lease = held.lease;
    let (notification, scope) = (record.notification, Scope::Undecided);
    let claim = Claim {
        notification,
        facts: NotificationFacts::new(notification.kind, event, MessageDetails::default()),
        held,
        resumed: true,
        published_at: None,
        scope,
        one_mail_per_address: true,
    };
    (Pages::new(&claim, &worker.context), lease)
}

/// The pages that are left, put together.
fn rest(pages: &mut Pages, worker: &TestWorker, is_over: impl Fn(&Page) -> bool) -> Page {
    let (_trigger, shutdown) = shutdown_pair();
    let database_retry = DatabaseRetry::new(shutdown, Health::default());
    let mut all = Page::default();
    while !pages.ended() && !is_over(&all) {
        let page = pages.next(&worker.store, &database_retry).unwrap();
        all.recipients.extend(page.recipients);
        all.decided.extend(page.decided);
    }
    all
}

fn people(text_keys: bool) -> TestWorker {
    let worker = TestWorker::with_relay(3, 1, |_, _, _| Ok::<(), Class>(()));
    if text_keys { with_text_keys(worker) } else { worker }
}

#[test]
fn one_who_cannot_be_read_any_more_is_told() {
    for text_keys in [false, true] {
        let mut worker = people(text_keys);
        let (mut pages, _) = pages_of_a_family(&mut worker);
        worker.context_mut().page_size = 10;
        let (_trigger, shutdown) = shutdown_pair();
        let database_retry = DatabaseRetry::new(shutdown, Health::default());
        let page = pages.next(&worker.store, &database_retry).unwrap();
        assert!(page.recipients.is_empty() && page.decided.is_empty(), "else this proves nothing: {page:?}");
        break_view(&worker, "participants", "name", "rowid = 2");
        let rest = rest(&mut pages, &worker, |_| false);
        assert_eq!((rest.recipients.len(), rest.decided.len()), (1, 1), "{rest:?}");
        let unreadable = pages.unreadable().unwrap_or_default();
        assert!(unreadable.starts_with("1 participant cannot be read ("), "{text_keys}: {unreadable}");
    }
}

/// With text keys, they are on the list, so that something has to be decided about them.
#[test]
fn one_who_has_left_is_skipped_if_they_are_listed() {
    let mut worker = people(true);
    let (mut pages, _) = pages_of_a_family(&mut worker);
    let (_trigger, shutdown) = shutdown_pair();
    let database_retry = DatabaseRetry::new(shutdown, Health::default());
    let page = pages.next(&worker.store, &database_retry).unwrap();
    assert!(page.recipients.is_empty() && page.decided.is_empty(), "else this proves nothing: {page:?}");
    worker.execute("DELETE FROM participants WHERE rowid = 2");
    let rest = rest(&mut pages, &worker, |_| false);
    assert_eq!((rest.recipients.len(), rest.decided.len()), (1, 2), "{rest:?}");
    assert!(rest.decided.iter().any(|one| format!("{one:?}").contains("has left the event")), "{rest:?}");
}

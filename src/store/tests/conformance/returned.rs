//! Mails that came back.

use super::*;
use crate::domain::address_hash::AddressKey;
use crate::domain::bounce_result::BounceResult;
use crate::domain::suppression::{SuppressionReason, SuppressionSource};
use crate::store::ledger::returned::{Consequence, Recorded, ReturnedMail};
use crate::store::suppressions::{NewSuppression, SuppressionFilter};

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! returned_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            a_mail_that_came_back_counts_once_and_adds_up
            what_was_not_sent_cannot_come_back
            the_third_soft_bounce_of_an_address_suppresses_it
            mails_to_the_bounce_address_are_counted
        );
    };
}
pub(in crate::store::tests) use returned_tests;

fn returned(notification: &Notification, id: i64, status: Status) -> ReturnedMail {
    ReturnedMail {
        notification_id: notification.id,
        participant_id: ParticipantId(id),
        status,
        code: Some("5.1.1".to_owned()),
        consequence: Consequence::Nothing,
    }
}

fn suppression(address: &str) -> NewSuppression {
    let key = AddressKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap();
    let (reason, source) = (SuppressionReason::Bounced, SuppressionSource::Mailbox);
    let hash = key.hash(address).unwrap();
    NewSuppression { hash, address: Some(address.to_owned()), scope: reason.usual_scope(), reason, source }
}

fn count_suppressions(store: &Store) -> usize {
    store.list_suppressions(SuppressionFilter::default(), None, 100).unwrap().len()
}

pub fn a_mail_that_came_back_counts_once_and_adds_up(store: &Store) {
    add_people(store, EVENT, 4);
    let notification = open(store);
    record(store, &notification, Status::Sent, 1..=4);
    let suppress = Consequence::Suppress(suppression("p1@example.com"));
    let bounce = ReturnedMail { consequence: suppress, ..returned(&notification, 1, Status::Bounced) };
    assert_eq!(store.record_returned(&bounce).unwrap(), Recorded::Done { suppressed: true });
    assert_eq!(store.record_returned(&bounce).unwrap(), Recorded::Repeated);
    assert_eq!(count_suppressions(store), 1);
    let complaint = |id| returned(&notification, id, Status::Complained);
    assert_eq!(store.record_returned(&complaint(2)).unwrap(), Recorded::Done { suppressed: false });
    assert_eq!(store.record_returned(&complaint(1)).unwrap(), Recorded::Done { suppressed: false });
    assert_eq!(store.record_returned(&bounce).unwrap(), Recorded::Refused, "a complaint is stronger");
    let third = returned(&notification, 3, Status::Bounced);
    assert_eq!(store.record_returned(&third).unwrap(), Recorded::Done { suppressed: false });
    let tally = store.tally(&notification).unwrap();
    let expected = Tally { participants: 4, sent: 1, bounced: 1, complained: 2, ..Tally::default() };
    assert_eq!(tally, expected);
    assert!(tally.adds_up());
    // They stay decided.
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1, 2, 3, 4]));
    assert_eq!(store.reopen_failed(first_lease(notification.id), true).unwrap(), Some(0));
}

pub fn what_was_not_sent_cannot_come_back(store: &Store) {
    add_people(store, EVENT, 6);
    let notification = open(store);
    record(store, &notification, Status::Failed, [1]);
    record(store, &notification, Status::Skipped, [2]);
    let dry_run = Outcome { verdict: Verdict::DryRun, ..outcome(&notification, 3, Status::Sent) };
    let deferral = Verdict::deferred(Duration::from_secs(3600), None, "no reply");
    let deferred = Outcome { verdict: deferral, ..outcome(&notification, 4, Status::Sent) };
    assert!(store.record_outcomes(&[dry_run, deferred]).unwrap().is_empty());
    for id in 1..=3 {
        let bounce = returned(&notification, id, Status::Bounced);
        assert_eq!(store.record_returned(&bounce).unwrap(), Recorded::Refused, "{id}");
    }
    for id in [4, 5] {
        let bounce = returned(&notification, id, Status::Bounced);
        assert_eq!(store.record_returned(&bounce).unwrap(), Recorded::NotYet, "{id}");
    }
    record(store, &notification, Status::Sent, [5, 6]);
    complete(store, notification.id);
    let bounce = |id| returned(&notification, id, Status::Bounced);
    assert_eq!(store.record_returned(&bounce(4)).unwrap(), Recorded::NotYet, "it is still deferred");
    assert_eq!(store.record_returned(&bounce(7)).unwrap(), Recorded::Refused, "nobody has this key");
    let gone = ReturnedMail { notification_id: NotificationId(99), ..bounce(1) };
    assert_eq!(store.record_returned(&gone).unwrap(), Recorded::Refused);
    assert!(store.tally(&notification).unwrap().adds_up());
}

pub fn the_third_soft_bounce_of_an_address_suppresses_it(store: &Store) {
    add_people(store, EVENT, 6);
    let notification = open(store);
    record(store, &notification, Status::Sent, 1..=6);
    let bounce = |id, address| ReturnedMail {
        consequence: Consequence::SuppressTheThird(suppression(address)),
        ..returned(&notification, id, Status::Bounced)
    };
    let take = |id, address| store.record_returned(&bounce(id, address)).unwrap();
    let not_yet = Recorded::Done { suppressed: false };
    assert_eq!(take(1, "ann@example.com"), not_yet);
    assert_eq!(take(1, "ann@example.com"), Recorded::Repeated);
    assert_eq!(take(2, "bob@example.com"), not_yet);
    assert_eq!(take(3, "ann@example.com"), not_yet);
    assert_eq!(count_suppressions(store), 0);
    // The first one is forgotten after 30 days.
    let address = suppression("ann@example.com").hash;
    execute(store, "UPDATE soft_bounces SET reported_at = '2020-01-01 00:00:00' WHERE participant_id = 1");
    assert_eq!(take(4, "ann@example.com"), not_yet);
    assert_eq!(take(5, "Ann@Example.com"), Recorded::Done { suppressed: true });
    assert_eq!(take(6, "ann@example.com"), not_yet, "it is suppressed already");
    let list = store.list_suppressions(SuppressionFilter::default(), None, 100).unwrap();
    assert_eq!(list.iter().map(|row| row.hash).collect::<Vec<_>>(), [address]);
}

pub fn mails_to_the_bounce_address_are_counted(store: &Store) {
    assert!(store.list_bounce_counts().unwrap().is_empty());
    store.count_bounces(BounceResult::Forged, 1, None).unwrap();
    store.count_bounces(BounceResult::Bounced, 1, Some("5.1.1: unknown")).unwrap();
    store.count_bounces(BounceResult::Bounced, 1, Some("5.1.2: нет такого\0")).unwrap();
    execute(
        store,
        "INSERT INTO bounce_counts (result, number, last_at) VALUES ('of-later', 1, '2026-01-01 00:00:00')",
    );
    let counts = store.list_bounce_counts().unwrap();
    let shown: Vec<_> = counts.iter().map(|of| (of.result, of.number, of.last_detail.as_deref())).collect();
    let expected = [(BounceResult::Bounced, 2, Some("5.1.2: ??? ???????")), (BounceResult::Forged, 1, None)];
    assert_eq!(shown, expected);
    assert!(counts.iter().all(|of| of.last_ago < Duration::from_secs(600)));
}

//! What an erasure takes away, and what it leaves.

use super::*;
use crate::domain::message::details::MessageDetails;
use crate::domain::message::recipient::GivenRecipient;
use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::store::ledger::opening::Opened;
use crate::store::person::erasures::{Erased, ErasedRows};
use crate::store::suppressions::{NewSuppression, SuppressionFilter};
use crate::store::tests::conformance::notices::{address, notice, open_notice};
use crate::store::tests::conformance::person::{
    ADA, ada, count, decide, end_leases, erase, open_given, places,
};
use crate::store::tests::consumer::{AGAIN, Consumer, NEW, id_of};

pub fn erasing_leaves_numbers_that_add_up_and_nothing_of_the_person(store: &Store) {
    let key = store.address_key().unwrap();
    let hash = key.hash(ADA).unwrap();
    let muted = NewSuppression {
        hash,
        address: Some(ADA.to_owned()),
        scope: SuppressionScope::Event(EVENT),
        reason: SuppressionReason::Unsubscribed,
        source: SuppressionSource::Link,
    };
    store.add_suppressions(&[muted]).unwrap();
    add_people(store, EVENT, 3);
    execute(store, "UPDATE participants SET email = 'ada@b\u{fc}cher.example' WHERE id = 2");
    let of_event = open(store);
    record(store, &of_event, Status::Failed, [1, 2]);
    record(store, &of_event, Status::Sent, [3]);
    complete(store, of_event.id);
    let mut me = Consumer::begin(store, "me", 1);
    let (alone, lease) = open_given(&mut me, "Dear Ada", vec![ada()]);
    decide(store, lease, &alone, 1, Status::Sent);
    let (with_bob, lease) = open_given(&mut me, "Dear both", vec![address("bob@example.com"), ada()]);
    decide(store, lease, &with_bob, 1, Status::Sent);
    decide(store, lease, &with_bob, 2, Status::Failed);
    let tallies = || [&of_event, &alone, &with_bob].map(|one| store.tally(one).unwrap());
    let before = tallies();

    let rows = ErasedRows { outcomes: 2, recipients: 2, suppressions: 1, ..ErasedRows::default() };
    assert_eq!(erase(store, false), Erased { rows, left: 0 });
    assert_eq!(tallies(), before);
    assert!(before.iter().all(Tally::adds_up));
    assert_eq!(count(store, "recipients WHERE email IS NOT NULL OR name IS NOT NULL"), 1, "bob");
    assert_eq!(count(store, "notifications WHERE content LIKE '%Dear Ada%'"), 0);
    assert_eq!(count(store, "notifications WHERE content LIKE '%Dear both%'"), 1);
    assert_eq!(count(store, "deliveries WHERE detail IS NOT NULL"), 1, "of another participant");
    let suppressions = store.list_suppressions(SuppressionFilter::default(), None, 9).unwrap();
    let shown: Vec<_> = suppressions.iter().map(|row| (row.scope.as_str(), row.address.is_some())).collect();
    assert_eq!(shown, [("event:7", false), ("everything", false)]);
    assert!(suppressions.iter().all(|row| row.hash == hash));
    let log = store.list_erasures(Some(&hash), 9).unwrap();
    assert_eq!((log[0].rows, log[0].run_by.as_deref(), log.len()), (rows, Some("me"), 1));
    assert!(log[0].ended_at.is_some());

    // Again, and nothing is there.
    assert_eq!(erase(store, false), Erased::default());
    assert_eq!(places(store, &[]), [(of_event.id.0, 2)], "the number, while the application has its address");
    assert_eq!(tallies(), before);
}

pub fn a_dry_run_counts_what_an_erasure_changes(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let (given, lease) =
        open_given(&mut me, "write to ada@b\u{fc}cher.example", vec![ada(), address("bob@example.com")]);
    decide(store, lease, &given, 1, Status::Failed);
    execute(
        store,
        "INSERT INTO outbox (body, taken_at) VALUES ('{\"to\":\"Ada@b\u{fc}cher.example\"}', '2026-01-01 10:00:00');
         INSERT INTO outbox (body) VALUES ('no JSON: ada@b\u{fc}cher.example')",
    );
    let all = || {
        let recipients = count(store, "recipients WHERE email IS NOT NULL");
        (recipients, count(store, "deliveries WHERE detail IS NOT NULL"), count(store, "suppressions"))
    };
    let (before, would) = (all(), erase(store, true));
    assert_eq!(all(), before);
    assert_eq!(store.list_erasures(None, 9).unwrap(), []);
    let rows = ErasedRows { outcomes: 1, recipients: 1, notifications: 1, outbox_rows: 1, suppressions: 0 };
    assert_eq!(would, Erased { rows, left: 1 });
    assert_eq!(erase(store, false), would);
    assert_ne!(all(), before);
    assert_eq!(store.list_erasures(None, 9).unwrap()[0].ended_at, None, "a row of the outbox is left");
    assert_eq!(count(store, "outbox WHERE body LIKE '%erased%'"), 1);
    execute(store, "DELETE FROM outbox WHERE taken_at IS NULL");
    assert_eq!(erase(store, false), Erased::default());
    let log = store.list_erasures(None, 9).unwrap();
    assert_eq!((log.len(), log[0].rows), (1, rows));
    assert!(log[0].ended_at.is_some());
}

pub fn texts_of_others_lose_the_address_alone(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open(store);
    record(store, &notification, Status::Failed, [1, 2]);
    execute(
        store,
        "UPDATE deliveries SET detail = '550 <Ada@xn--bcher-kva.example> unknown' WHERE participant_id = 2",
    );
    defer_one(store, &notification);
    execute(
        store,
        "UPDATE notifications SET message_key = 'to:ada@b\u{fc}cher.example', reason = 'key ada@b\u{fc}cher.example is bad',
            event_snapshot = '{\"title\":\"Ball\",\"description\":\"Ask ada@b\u{fc}cher.example\"}'",
    );
    let mut me = Consumer::begin(store, "me", 1);
    let named =
        GivenRecipient { name: Some("c/o ada@b\u{fc}cher.example".to_owned()), ..address("bob@example.com") };
    open_given(&mut me, "Hello", vec![named]);
    let erased = erase(store, false);
    let rows = ErasedRows { outcomes: 2, notifications: 2, recipients: 1, ..ErasedRows::default() };
    assert_eq!(erased, Erased { rows, left: 1 }, "its message may come again");
    assert_eq!(count(store, "deliveries WHERE detail = '550 <(erased)> unknown'"), 1);
    assert_eq!(count(store, "deferrals WHERE detail = 'for (erased)'"), 1);
    assert_eq!(count(store, "notifications WHERE reason = 'key (erased) is bad'"), 1);
    assert_eq!(count(store, "notifications WHERE event_snapshot LIKE '%Ask (erased)%'"), 1);
    assert_eq!(count(store, "recipients WHERE email = 'bob@example.com' AND name = 'c/o (erased)'"), 1);
    execute(store, "UPDATE notifications SET acked_at = received_at");
    let rows = ErasedRows { notifications: 1, ..ErasedRows::default() };
    assert_eq!(erase(store, false), Erased { rows, left: 0 });
    assert_eq!(count(store, "notifications WHERE message_key LIKE '%ada%'"), 0);
}

pub fn a_message_that_comes_again_after_an_erasure_is_known(store: &Store) {
    let text = format!("Ask {ADA}");
    let details = MessageDetails { note: Some(text.clone()), ..MessageDetails::default() }.to_json();
    let of_event = Message { details, ..message(Kind::Updated) };
    let to_bob = notice(&text, vec![address("bob@example.com")]);
    for (number, message, left) in [(1, of_event, 1), (2, to_bob, 0)] {
        let mut first = Consumer::begin(store, "first", number);
        let opened = open_notice(&mut first, NEW, message.clone());
        let Opened::Ours { notification, .. } = opened else { panic!("{opened:?}") };
        first.crash();
        assert_eq!(erase(store, false).left, left, "what tells its message");
        let mut second = Consumer::begin(store, "second", number);
        let again = open_notice(&mut second, AGAIN, message);
        assert_eq!(id_of(&again), notification.id);
        second.ack(notification.id, second.tag);
        assert_eq!(erase(store, false).left, 0);
        assert_eq!(count(store, "notifications WHERE content LIKE '%ada@%'"), 0);
    }
}

fn defer_one(store: &Store, notification: &Notification) {
    execute(
        store,
        &format!(
            "INSERT INTO deferrals (notification_id, participant_id, tries, next_try_at, detail)
                VALUES ({}, 9, 1, '2037-01-01 10:00:00', 'for ada@b\u{fc}cher.example')",
            notification.id
        ),
    );
}

pub fn what_waits_is_skipped_and_what_a_worker_sends_is_left(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let (sending, lease) = open_given(&mut me, "a", vec![ada(), address("bob@example.com")]);
    let (deferred, deferring) = open_given(&mut me, "b", vec![ada()]);
    let later = Verdict::deferred(Duration::from_secs(60), Some(450), "later");
    let later = Outcome { verdict: later, lease: deferring, ..outcome(&deferred, 1, Status::Sent) };
    store.record_outcomes(&[later]).unwrap();
    let erased = erase(store, false);
    assert_eq!((erased.rows.recipients, erased.left), (0, 2), "both are leased");
    assert_eq!(count(store, "recipients WHERE email IS NOT NULL"), 3);
    execute(store, "UPDATE notifications SET state = 'completed'");
    assert_eq!(erase(store, false).left, 2, "a retry sends to who is undecided");
    execute(store, "UPDATE notifications SET state = 'running'");
    end_leases(store);
    let erased = erase(store, false);
    assert_eq!((erased.rows.recipients, erased.left), (2, 0));
    for notification in [&sending, &deferred] {
        let tally = store.tally(notification).unwrap();
        assert!(tally.adds_up() && tally.skipped == 1 && tally.deferred == 0, "{tally:?}");
    }
    assert_eq!(count(store, "deliveries WHERE status = 'skipped' AND detail = 'erased'"), 2);
    // A worker that goes on skips no person twice, and a retry finds none.
    decide(store, lease, &sending, 1, Status::Sent);
    assert_eq!(store.tally(&sending).unwrap().skipped, 1);
    let left = store.find_participants(&sending, &[ParticipantId(1), ParticipantId(2)]).unwrap();
    assert_eq!(
        left.iter().filter_map(|person| person.email.as_deref()).collect::<Vec<_>>(),
        ["bob@example.com"]
    );
    assert_eq!(store.reopen_suppressed(lease, &sending, false).unwrap(), Some(0));
}

//! Which notification a message belongs to, when no session of another worker is in question.

use std::collections::HashSet;

use super::*;
use crate::store::tests::consumer::{ack, id_of};

/// What the ledger says of a message that comes to a worker, which gives up what it has got of it.
fn open_as(store: &Store, identity: &Identity, kind: Kind) -> Opened {
    let opened = ask(store, identity, message(kind));
    if let Opened::Ours { lease, .. } = opened {
        store.release_lease(lease).unwrap();
    }
    opened
}

fn is_new(opened: &Opened) -> bool {
    matches!(opened, Opened::Ours { resumed: false, .. })
}

fn is_resumed(opened: &Opened) -> bool {
    matches!(opened, Opened::Ours { resumed: true, .. })
}

fn finish(store: &Store, id: NotificationId) {
    complete(store, id);
    ack(store, id);
}

pub fn a_message_id_decides_for_ever(store: &Store) {
    let first = open_as(store, &named("a", false), Kind::Updated);
    assert!(is_new(&first));
    for redelivered in [false, true] {
        let again = open_as(store, &named("a", redelivered), Kind::Updated);
        assert!(is_resumed(&again));
        assert_eq!(id_of(&again), id_of(&first));
    }
    assert!(is_new(&open_as(store, &named("A", false), Kind::Updated)), "case matters");
    finish(store, id_of(&first));
    let late = open_as(store, &named("a", false), Kind::Updated);
    assert!(matches!(late, Opened::Completed(notification) if notification.id == id_of(&first)));
}

pub fn an_empty_message_id_is_none(store: &Store) {
    assert!(is_new(&open_as(store, &named("", false), Kind::Updated)));
    assert!(is_new(&open_as(store, &named("", false), Kind::Updated)));
    assert!(is_resumed(&open_as(store, &named("", true), Kind::Updated)));
}

pub fn message_ids_differ_in_any_character(store: &Store) {
    // AMQP allows 255 bytes.
    let long = ["x", "y"].map(|end| "z".repeat(254) + end);
    let ids = ["a", "A", "a ", " a", "ä", "a\u{308}", "\u{1f980}", "\u{1f984}", &long[0], &long[1]];
    for id in ids {
        assert!(is_new(&open_as(store, &named(id, false), Kind::Updated)), "{id:?}");
    }
    for id in ids {
        assert!(is_resumed(&open_as(store, &named(id, false), Kind::Updated)), "{id:?}");
    }
}

pub fn a_message_id_that_asks_for_something_else_is_a_conflict(store: &Store) {
    let first = id_of(&open_as(store, &named("a", false), Kind::Updated));
    let other_kind = open_as(store, &named("a", false), Kind::Cancelled);
    assert!(matches!(other_kind, Opened::Conflict(notification) if notification.id == first));
    let elsewhere = Message::new(Kind::Updated, OTHER_EVENT);
    let other_event = ask(store, &named("a", true), elsewhere);
    assert!(matches!(other_event, Opened::Conflict(notification) if notification.event_id == Some(EVENT)));
    assert_eq!(store.list_notifications(None).unwrap().len(), 1);
}

pub fn without_a_message_id_each_message_is_new(store: &Store) {
    let ids: HashSet<NotificationId> = (0..3)
        .map(|_| open_as(store, &without_message_id(false), Kind::Updated))
        .inspect(|opened| assert!(is_new(opened)))
        .map(|opened| id_of(&opened))
        .collect();
    assert_eq!(ids.len(), 3);
}

pub fn a_reopened_notification_that_was_acked_is_not_attached_to(store: &Store) {
    let reopened = open(store).id;
    finish(store, reopened);
    store.reopen_failed(first_lease(reopened), false).unwrap().unwrap();
    assert!(is_new(&open_as(store, &without_message_id(true), Kind::Updated)));
}

pub fn participants_who_join_later_are_not_part_of_a_notification(store: &Store) {
    assert_eq!(open(store).audience, participants_up_to(i64::MIN));
    add_people(store, EVENT, 3);
    add_people(store, OTHER_EVENT, 2);
    let opened = open_as(store, &named("a", false), Kind::Updated);
    let Opened::Ours { notification, resumed: false, .. } = opened else { panic!("{opened:?}") };
    assert_eq!(notification.audience, participants_up_to(3));
    add_people(store, EVENT, 1);
    let again = open_as(store, &named("a", true), Kind::Updated);
    assert!(matches!(again, Opened::Ours { notification: same, resumed: true, .. } if same == notification));
}

//! What a message carries beyond kind and event, in the ledger.

use super::*;
use crate::domain::message::details::{DetailsJson, MessageDetails};
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::tests::consumer::{AGAIN, Consumer, NEW, id_of, look};

fn details(note: &str) -> Option<DetailsJson> {
    MessageDetails { note: Some(note.to_owned()), ..MessageDetails::default() }.to_json()
}

fn receive(
    consumer: &mut Consumer<'_>,
    what: (Option<&str>, bool),
    details: Option<DetailsJson>,
) -> NotificationId {
    let mut arrival: Arrival = consumer.arrival(what);
    arrival.message.details = details;
    id_of(&consumer.open_one(&arrival))
}

pub fn the_content_of_a_message_is_kept_as_it_is(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let odd = details("Caf\u{e9} \u{1f9e5} \\ \" ' \0\r\n% {{ x }} trailing ");
    let long = details(&"x".repeat(60_000));
    for details in [odd, long, None] {
        let id = receive(&mut me, NEW, details.clone());
        assert_eq!(look(store, id).details, details);
    }
}

/// Equal messages may have each other's notifications; these are not equal.
pub fn a_message_without_an_id_that_comes_again_finds_the_one_with_its_content(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let [first, second, third] =
        [details("a"), details("b"), None].map(|details| receive(&mut before, NEW, details));
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    let [third_again, second_again, first_again, new] =
        [None, details("b"), details("a"), details("c")].map(|details| receive(&mut me, AGAIN, details));
    assert_eq!([first_again, second_again, third_again], [first, second, third]);
    assert!(![first, second, third].contains(&new));
}

/// Its message had the field when a version before 0.2.0 opened it, which ignored it.
pub fn a_notification_without_content_may_be_that_of_an_older_version(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let opened = receive(&mut before, NEW, None);
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    assert_eq!(receive(&mut me, AGAIN, details("a")), opened);
}

pub fn after_a_crash_a_message_finds_the_acked_one_with_its_content(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let [first, second] = [details("a"), details("b")].map(|details| {
        let mut arrival: Arrival = before.arrival(NEW);
        arrival.message.details = details;
        let opened = before.open_one(&arrival);
        let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
        before.complete(lease);
        before.ack(notification.id, arrival.receipt.tag);
        notification.id
    });
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!(receive(&mut me, AGAIN, details("b")), second);
    let new = receive(&mut me, AGAIN, details("a"));
    assert_ne!(new, first, "the queue is first in, first out: it stood before the other");
}

/// The id says that it is the same. The first one counts.
pub fn the_same_id_is_the_same_notification_whatever_its_content(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let opened = receive(&mut me, (Some("m"), false), details("a"));
    assert_eq!(receive(&mut me, (Some("m"), false), details("b")), opened);
    assert_eq!(look(store, opened).details, details("a"));
}

//! Notices, whose messages name their recipients.

use std::sync::Arc;

use super::*;
use crate::domain::audience::Audience;
use crate::domain::message::details::{MessageDetails, Notice};
use crate::domain::message::recipient::GivenRecipient;
use crate::domain::participant::Participant;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::tests::consumer::{AGAIN, Consumer, NEW, id_of, look};

pub(super) fn user(key: &str) -> GivenRecipient {
    GivenRecipient { user_key: Some(key.to_owned()), ..GivenRecipient::default() }
}

pub(super) fn address(email: &str) -> GivenRecipient {
    GivenRecipient { email: Some(email.to_owned()), ..GivenRecipient::default() }
}

pub(super) fn notice(text: &str, recipients: Vec<GivenRecipient>) -> Message {
    let notice = Notice { message: text.to_owned(), ..Notice::default() };
    let details = MessageDetails { notice: Some(notice), ..MessageDetails::default() }.to_json();
    Message {
        kind: Kind::Notice,
        event_id: None,
        recipients: Some(Arc::from(recipients)),
        details,
        source: None,
        priority: None,
    }
}

pub(super) fn open_notice(
    consumer: &mut Consumer<'_>,
    what: (Option<&str>, bool),
    message: Message,
) -> Opened {
    let arrival: Arrival = consumer.arrival(what);
    consumer.open_one(&Arrival { message, starts_at_once: true, ..arrival })
}

fn ids(count: i64) -> Vec<ParticipantId> {
    (1..=count).map(ParticipantId).collect()
}

/// Participants and pending ones.
fn tally_of(store: &Store, notification: &Notification) -> (u64, u64) {
    let tally = store.tally(notification).unwrap();
    assert!(tally.adds_up(), "{tally:?}");
    (tally.participants, tally.pending)
}

pub fn the_recipients_of_a_notice_are_listed_when_it_is_opened(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let (name, locale) = (Some("Ann".to_owned()), Some("de-CH".to_owned()));
    let ann = GivenRecipient { name, locale, ..address("ann@example.com") };
    let own = MessageDetails { note: Some("own".to_owned()), ..MessageDetails::default() }.to_json();
    let bob = GivenRecipient { details: own.clone(), ..address("bob@example.com") };
    let opened = open_notice(&mut me, NEW, notice("Hello", vec![ann, bob, GivenRecipient::default()]));
    let Opened::Ours { notification, lease, started: true, .. } = opened else { panic!("{opened:?}") };
    assert_eq!((notification.event_id, notification.audience), (None, Audience::Given { count: 3 }));
    assert_eq!(look(store, notification.id).notification, notification);
    let mut people = store.find_participants(&notification, &ids(5)).unwrap();
    people.sort_by_key(|person| person.id);
    let person = |id, email: Option<&str>, name: &str| Participant {
        id: ParticipantId(id),
        key: None,
        email: email.map(str::to_owned),
        name: name.to_owned(),
        locale: None,
        timezone: None,
        details: None,
    };
    let expected = [
        Participant { locale: Some("de-CH".to_owned()), ..person(1, Some("ann@example.com"), "Ann") },
        Participant { details: own, ..person(2, Some("bob@example.com"), "") },
        person(3, None, ""),
    ];
    assert_eq!(people, expected);
    assert_eq!(tally_of(store, &notification), (3, 3));
    let completing = Completing { lease, after: None, listed: true };
    assert_eq!(store.complete_notifications(&[completing]).unwrap(), [Completion::Undecided]);
    let sent = |id| Outcome { lease, ..outcome(&notification, id, Status::Sent) };
    store.record_outcomes(&[sent(1), sent(2), sent(3)]).unwrap();
    assert_eq!(tally_of(store, &notification), (3, 0));
    assert_eq!(store.complete_notifications(&[completing]).unwrap(), [Completion::Completed]);
}

pub fn a_user_has_the_address_of_the_table_of_users(store: &Store) {
    make_users(store, "BIGINT", &["7", "8"]);
    let mut me = Consumer::begin(store, "me", 1);
    let opened = open_notice(&mut me, NEW, notice("Hello", vec![user("8"), user("9"), user("x"), user("7")]));
    let Opened::Ours { notification, .. } = opened else { panic!("{opened:?}") };
    let mut people = store.find_participants(&notification, &ids(4)).unwrap();
    people.sort_by_key(|person| person.id);
    let found: Vec<(i64, Option<&str>)> =
        people.iter().map(|person| (person.id.0, person.key.as_deref())).collect();
    assert_eq!(found, [(1, Some("8")), (4, Some("7"))]);
    assert!(people.iter().all(|person| person.email.is_some()), "{people:?}");
}

pub fn a_notice_without_an_id_that_comes_again_finds_its_notification(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let says = |text: &str| notice(text, vec![address("ann@example.com")]);
    let [first, second, third] =
        ["a", "b", "a"].map(|text| id_of(&open_notice(&mut before, NEW, says(text))));
    before.receive_new();
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    let mut again = |text: &str| id_of(&open_notice(&mut me, AGAIN, says(text)));
    assert_eq!([again("b"), again("a"), again("a")], [second, first, third]);
    assert!(again("a") > third, "a new one");
    assert_eq!(store.list_notifications(None).unwrap().len(), 5);
}

/// The reply to the commit was lost.
pub fn a_notice_that_is_asked_about_again_is_not_opened_twice(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    for key in [None, Some("m")] {
        let message = notice("a", vec![address("ann@example.com")]);
        let arrival = Arrival { message, ..me.arrival((key, false)) };
        let first = id_of(&me.open_one(&arrival));
        let again = Arrival { asked_at: Some(Arrival::ASKED_IN_VAIN), ..arrival };
        assert_eq!(id_of(&me.open_one(&again)), first);
    }
    assert_eq!(store.list_notifications(None).unwrap().len(), 2);
}

pub fn a_notice_for_ten_thousand_is_opened_at_once(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let everyone = (1..=10_000).map(|number| address(&format!("{number}@example.com"))).collect();
    let opened = open_notice(&mut me, (Some("m"), false), notice("Hello", everyone));
    let Opened::Ours { notification, .. } = opened else { panic!("{opened:?}") };
    assert_eq!(tally_of(store, &notification), (10_000, 10_000));
    let last = store.find_participants(&notification, &[ParticipantId(10_000)]).unwrap();
    assert_eq!(last[0].email.as_deref(), Some("10000@example.com"));
}

/// An address is no key, and is never shown.
pub fn a_failure_of_a_notice_has_the_id_of_its_user_if_there_is_one(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let opened = open_notice(&mut me, NEW, notice("Hello", vec![address("ann@example.com"), user("7")]));
    let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
    let failed = |id| Outcome { lease, ..outcome(&notification, id, Status::Failed) };
    store.record_outcomes(&[failed(1), failed(2)]).unwrap();
    let keys: Vec<Option<String>> =
        store.read_failures(&notification, None, None, 9).unwrap().into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys, [None, Some("7".to_owned())]);
}

pub fn a_long_text_for_many_alone_is_opened(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let own = MessageDetails { note: Some("x".repeat(60_000)), ..MessageDetails::default() }.to_json();
    let one = |n| GivenRecipient { details: own.clone(), ..address(&format!("p{n}@example.com")) };
    let opened = open_notice(&mut me, NEW, notice("Hello", (0..300).map(one).collect()));
    assert!(matches!(opened, Opened::Ours { .. }), "more than a server takes in one packet");
}

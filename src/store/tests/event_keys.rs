//! Applications whose events have keys that are text, as functions over a `Store` without tables.

use super::*;
use crate::domain::audience::Listing;
use crate::domain::event_key_type::EventKeyType;
use crate::store::ledger::decided::DecidedPage;
use crate::store::ledger::opening::Arrival;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::source::keyed_pages::KeyPosition;
use crate::store::source::starting::parts::{EventPart, Halves};
use crate::store::tests::consumer::{AGAIN, Consumer, NEW, id_of};

mod similar;

pub use similar::*;

/// Makes a test of each function of this file that is named here.
macro_rules! event_key_tests {
    ($empty:path) => {
        crate::store::tests::event_keys::event_key_tests!($empty:
            texts_are_served
            numbers_may_be_stored_as_texts
            uuids_may_be_stored_as_digits
            keys_are_compared_byte_by_byte
            a_key_in_another_form_names_the_event_that_is_meant
            the_ledger_tells_keys_apart_byte_by_byte
            many_notifications_of_text_keys_are_completed_together
            events_that_fanmail_cannot_serve_are_named
            bookings_have_keys_that_are_text
        );
    };
    ($empty:path: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let (_guard, store) = $empty();
                crate::store::tests::event_keys::$name(&store);
            }
        )*
    };
}
pub(super) use event_key_tests;

pub const UUID: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
pub const OTHER_UUID: &str = "0190f5d8-3c10-7e3a-9c55-2f3d1c0b7a11";

/// Makes tables whose columns have these types, with two events: participants 1, 2 and 5 take part in `key`, 4 in `other`.
pub fn make_tables(store: &Store, [id, event_id]: [&str; 2], key: &str, other: &str) {
    execute(
        store,
        &format!(
            "CREATE TABLE events (id {id} PRIMARY KEY, title VARCHAR(99), description VARCHAR(99),
                location VARCHAR(99), starts_at TIMESTAMP NULL, ends_at TIMESTAMP NULL, timezone VARCHAR(99),
                url VARCHAR(99), updated_at TIMESTAMP NULL);
             CREATE TABLE participants (id BIGINT PRIMARY KEY, event_id {event_id}, email VARCHAR(99), name VARCHAR(99),
                locale VARCHAR(99));
             INSERT INTO events (id, title) VALUES ('{key}', 'Ball'), ('{other}', 'Talk');
             INSERT INTO participants (id, event_id, email) VALUES (1, '{key}', 'a@example.com'),
                (2, '{key}', 'b@example.com'), (4, '{other}', 'c@example.com'), (5, '{key}', 'd@example.com')"
        ),
    );
    store.migrate().unwrap();
    store.check_schema().unwrap();
}

pub fn key(text: &str) -> EventId {
    EventId::from_text(text).unwrap()
}

/// A message of an event.
fn arrival(consumer: &mut Consumer<'_>, event_id: EventId, what: (Option<&str>, bool)) -> Arrival {
    let message = Message::new(Kind::Updated, event_id);
    Arrival { message, ..consumer.arrival(what) }
}

fn open_new(consumer: &mut Consumer<'_>, event_id: EventId) -> (Notification, Lease) {
    let arrival = arrival(consumer, event_id, NEW);
    match consumer.open_one(&arrival) {
        Opened::Ours { notification, lease, resumed: false, .. } => (notification, lease),
        opened => panic!("not new: {opened:?}"),
    }
}

fn record_under(store: &Store, lease: Lease, notification: &Notification, ids: &[i64], verdict: &Verdict) {
    let outcome = |id: &i64| Outcome {
        lease,
        verdict: verdict.clone(),
        deferrals: 1,
        ..outcome(notification, *id, Status::Sent)
    };
    let outcomes: Vec<Outcome> = ids.iter().map(outcome).collect();
    assert_eq!(store.record_outcomes(&outcomes).unwrap(), BTreeSet::new());
}

fn try_to_complete(store: &Store, lease: Lease) -> Completion {
    store.complete_notifications(&[Completing { lease, after: None, listed: false }]).unwrap()[0]
}

/// A notification of the event, from its message to its end.
pub fn serve(store: &Store, event_id: EventId) {
    let event = store.find_event(event_id).unwrap().unwrap();
    assert_eq!((event.id, event.title.as_str()), (event_id, "Ball"));
    assert_eq!(store.find_unreadable_times(event_id).unwrap(), [""; 0]);
    assert_eq!(store.count_participants(event_id).unwrap(), 3);
    assert_eq!(store.find_doubled_keys(event_id).unwrap(), None);
    assert_eq!(store.sample_participants(event_id, 9).unwrap().readable.len(), 3);
    assert!(store.newest_events(9).unwrap().contains(&event_id));
    assert_eq!(store.count_event_rows(event_id).unwrap(), 1);
    let alone = match store.halve_events(&EventPart::default()).unwrap() {
        Halves::Two(halves) => halves.map(|half| store.halve_events(&half).unwrap()).to_vec(),
        one @ Halves::One(_) => vec![one],
    };
    let is_it = |half: &Halves| matches!(half, Halves::One(key) if self::key(key).to_string() == event_id.to_string());
    assert!(alone.iter().any(is_it), "{alone:?}");

    let mut me = Consumer::begin(store, "me", 1);
    let (opened, lease) = open_new(&mut me, event_id);
    let up_to = ParticipantId(5);
    assert_eq!((opened.event_id, opened.audience), (Some(event_id), Audience::Event { id: event_id, up_to }));
    let notification = store.start_notification(lease).unwrap().unwrap();
    assert_eq!(notification, opened);
    let page = store.read_page(event_id, ParticipantId(1), up_to, 9).unwrap();
    assert_eq!(page.iter().map(|person| person.id.0).collect::<Vec<_>>(), [2, 5]);

    record_under(store, lease, &notification, &[1, 2], &Verdict::Sent(None));
    assert_eq!(try_to_complete(store, lease), Completion::Undecided);
    assert_eq!(store.find_decided_end(&notification, None, 9).unwrap(), DecidedPage::Undecided);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent, tally.pending), (3, 2, 1));
    let detail = "4.2.2 full".to_owned();
    let deferred = Verdict::Deferred { pause: Duration::ZERO, code: Some(450), detail };
    record_under(store, lease, &notification, &[5], &deferred);
    assert_eq!(store.find_decided_end(&notification, None, 9).unwrap(), DecidedPage::Last);
    assert_eq!(try_to_complete(store, lease), Completion::Completed);
    let due = due_people(store, &notification, None, 9);
    assert!(due.len() == 1 && due[0].1.is_some(), "{due:?}");
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent, tally.deferred, tally.pending), (3, 2, 1, 0));

    let listed = store.list_notifications(Some(event_id)).unwrap();
    assert_eq!(listed.iter().map(|record| record.notification).collect::<Vec<_>>(), [notification]);
    assert!(!store.is_cancelled_since(&notification).unwrap());
    let cancelled = Arrival { message: Message::new(Kind::Cancelled, event_id), ..me.arrival(NEW) };
    me.open_one(&cancelled);
    assert!(store.is_cancelled_since(&notification).unwrap());
    let newer = Notification { id: NotificationId::MAX, ..notification };
    assert_eq!(store.find_earlier(&newer).unwrap().map(|one| one.id), Some(notification.id));
}

pub fn texts_are_served(store: &Store) {
    make_tables(store, ["VARCHAR(99)"; 2], "caf\u{e9} \u{1f389}/ab-c", OTHER_UUID);
    assert_eq!(store.event_key_type().unwrap(), EventKeyType::Text);
    serve(store, key("caf\u{e9} \u{1f389}/ab-c"));
    assert_eq!(store.find_event(key("ab-c")).unwrap(), None);
    assert_eq!(store.find_event(key("7")).unwrap(), None);
}

pub fn numbers_may_be_stored_as_texts(store: &Store) {
    make_tables(store, ["VARCHAR(99)"; 2], "7", "ab-c");
    serve(store, EVENT);
    assert_eq!(store.find_event(key("07")).unwrap(), None);
    assert_eq!(store.find_event(key("ab-c")).unwrap().unwrap().title, "Talk");
}

/// MariaDB compares as if capitals, accents and blanks at the end did not matter, unless a column says otherwise.
pub fn keys_are_compared_byte_by_byte(store: &Store) {
    make_tables(store, ["VARCHAR(99)"; 2], "Ball", "other");
    for text in ["ball", "BALL", "Ball ", "B\u{e0}ll", "Ball\u{200b}", " Ball"] {
        assert_eq!(store.find_event(key(text)).unwrap(), None, "{text:?}");
    }
    assert_eq!(store.find_event(key("Ball")).unwrap().unwrap().title, "Ball");
}

/// Rules 0 to 3 of `identity`.
pub fn the_ledger_tells_keys_apart_byte_by_byte(store: &Store) {
    store.migrate().unwrap();
    let long = ["x", "y"].map(|end| "z".repeat(199) + end);
    let texts =
        ["a", "A", "a ", " a", "\u{e4}", "a\u{308}", "\u{1f980}", "\u{1f984}", "7", "07", &long[0], &long[1]];
    let mut me = Consumer::begin(store, "me", 1);
    let first: Vec<NotificationId> = texts.iter().map(|text| open_new(&mut me, key(text)).0.id).collect();
    for (text, id) in texts.iter().zip(&first) {
        let record = store.find_notification(*id).unwrap().unwrap();
        assert_eq!(record.notification.event_id, Some(key(text)));
        let listed = store.list_notifications(Some(key(text))).unwrap();
        assert_eq!(listed.iter().map(|record| record.notification.id).collect::<Vec<_>>(), [*id], "{text:?}");
    }
    me.lose();
    let mut again = Consumer::begin(store, "me", 2);
    for (text, id) in texts.iter().zip(&first) {
        let arrival = arrival(&mut again, key(text), AGAIN);
        assert_eq!(id_of(&again.open_one(&arrival)), *id, "{text:?}");
        let repeated = Arrival { asked_at: Some(Arrival::ASKED_IN_VAIN), ..arrival };
        assert_eq!(id_of(&again.open_one(&repeated)), *id, "{text:?}");
    }
    let named = arrival(&mut again, key("a"), (Some("m"), false));
    let named_id = id_of(&again.open_one(&named));
    let conflict = arrival(&mut again, key("A"), (Some("m"), true));
    let conflict = again.open_one(&conflict);
    assert!(matches!(conflict, Opened::Conflict(first) if first.id == named_id), "{conflict:?}");
    assert_eq!(store.list_notifications(None).unwrap().len(), texts.len() + 1);
}

pub fn many_notifications_of_text_keys_are_completed_together(store: &Store) {
    make_tables(store, ["VARCHAR(99)"; 2], "ab-c", "7");
    let mut me = Consumer::begin(store, "me", 1);
    let started: Vec<(Notification, Lease)> = (0..6)
        .map(|n| {
            let (_, lease) = open_new(&mut me, key(if n == 5 { "7" } else { "ab-c" }));
            (store.start_notification(lease).unwrap().unwrap(), lease)
        })
        .collect();
    for (n, (notification, lease)) in started.iter().enumerate() {
        let decided: &[i64] = if n == 2 { &[1, 5] } else { &[1, 2, 4, 5] };
        record_under(store, *lease, notification, decided, &Verdict::Sent(None));
    }
    let completing: Vec<Completing> =
        started.iter().map(|(_, lease)| Completing { lease: *lease, after: None, listed: false }).collect();
    let completions = store.complete_notifications(&completing).unwrap();
    let undecided: Vec<usize> = (0..6).filter(|n| completions[*n] == Completion::Undecided).collect();
    assert_eq!(undecided, [2]);
}

pub fn events_that_fanmail_cannot_serve_are_named(store: &Store) {
    make_tables(store, ["VARCHAR(300)"; 2], &"x".repeat(201), "ab-c");
    let error = store.newest_events(9).unwrap_err().to_string();
    assert!(error.contains("events.id has a key that fanmail cannot use: it has 201 bytes"), "{error}");
}

/// As in the README.
pub fn bookings_have_keys_that_are_text(store: &Store) {
    serve_bookings(store, ["VARCHAR(99)"; 2], "caf\u{e9} \u{1f389}/ab-c", ["b", "f81d4fae", "A"]);
}

/// A notification to participants whose keys are of the second type, of an event whose key is of the first one.
pub fn serve_bookings(store: &Store, [event_type, booking_type]: [&str; 2], event: &str, keys: [&str; 3]) {
    let [one, two, three] = keys;
    execute(
        store,
        &format!(
            "CREATE TABLE events (id {event_type}, title VARCHAR(99), description VARCHAR(99),
                location VARCHAR(99), starts_at TIMESTAMP NULL, ends_at TIMESTAMP NULL, timezone VARCHAR(99),
                url VARCHAR(99), updated_at TIMESTAMP NULL);
             CREATE TABLE bookings (booking_id {booking_type}, event_id {event_type}, user_email VARCHAR(99));
             CREATE VIEW participants AS SELECT booking_id AS id, event_id, user_email AS email, NULL AS name,
                NULL AS locale FROM bookings;
             INSERT INTO events (id, title) VALUES ('{event}', 'Ball'), ('{OTHER_UUID}', 'Talk');
             INSERT INTO bookings VALUES ('{one}', '{event}', 'a@example.com'), ('{two}', '{event}', 'b@example.com'),
                ('{three}', '{event}', 'A@example.com'), ('{OTHER_UUID}', '{OTHER_UUID}', 'b@example.com')"
        ),
    );
    store.migrate().unwrap();
    store.check_schema().unwrap();
    let event_id = key(event);
    let sample = store.sample_participants(event_id, 9).unwrap();
    assert_eq!((sample.readable.len(), sample.text_keys.is_some(), sample.lacks_keys), (3, true, false));
    assert_eq!(store.find_doubled_keys(event_id).unwrap(), None);
    let mut repeated = Vec::new();
    store.find_repeated_addresses(event_id, None, |address| repeated.push(address.to_owned())).unwrap();
    assert_eq!(repeated, ["a@example.com"]);

    let (opened, lease) = open_new(&mut Consumer::begin(store, "me", 1), event_id);
    assert_eq!(opened.audience, Audience::Recipients { id: event_id });
    let notification = store.start_notification(lease).unwrap().unwrap();
    let count = || {
        let tally = store.tally(&notification).unwrap();
        (tally.participants, tally.sent, tally.pending)
    };
    assert_eq!((notification, count()), (opened, (3, 0, 3)));
    let text = store.text_key(event_id).unwrap();
    let first = store.read_keyed_page(text, event_id, &KeyPosition::default(), 2).unwrap();
    let rest = store.read_keyed_page(text, event_id, &first.end, 2).unwrap();
    assert!(!first.is_last && rest.is_last);
    let listed: Vec<&str> =
        first.people.iter().chain(&rest.people).map(|person| person.key.as_str()).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from(keys));
    let page = NewRecipients {
        lease,
        after: ParticipantId(0),
        keys: &listed[..2],
        listing: Some(Listing::ReadOnce),
    };
    assert_eq!(store.append_recipients(&page).unwrap(), Appended::Done);
    assert_eq!(store.find_unlisted_keys(text, notification.id, event_id, 9).unwrap().keys, [listed[2]]);
    assert_eq!(count(), (3, 0, 3));
    let (after, listing) = (ParticipantId(2), Some(Listing::Frozen(3)));
    let last = NewRecipients { lease, after, keys: &listed[2..], listing };
    assert_eq!(store.append_recipients(&last).unwrap(), Appended::Done);
    let found = store.find_participants(&notification, &[1, 2, 3].map(ParticipantId)).unwrap();
    assert_eq!(found.iter().map(|person| person.id.0).collect::<BTreeSet<_>>(), BTreeSet::from([1, 2, 3]));

    let complete = || {
        let completing = Completing { lease, after: None, listed: true };
        store.complete_notifications(&[completing]).unwrap()[0]
    };
    record_under(store, lease, &notification, &[1, 3], &Verdict::Sent(None));
    assert_eq!((complete(), count()), (Completion::Undecided, (3, 2, 1)));
    record_under(store, lease, &notification, &[2], &Verdict::Sent(None));
    assert_eq!((complete(), count()), (Completion::Completed, (3, 3, 0)));
}

//! UPDATEDs that wait until no further one of their event has come for a while.

use super::*;
use crate::config::coalesce::Coalescing;
use crate::domain::message::details::MessageDetails;
use crate::store::ledger::opening::without_message::{Audiences, OpenedWanted, Wanted};
use crate::store::tests::consumer::{ack, look, take_over};

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! coalescing_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            an_update_waits_and_the_next_one_takes_its_place
            the_message_of_one_that_waits_only_needs_an_ack
            an_update_with_words_for_people_is_not_replaced
            one_that_has_begun_is_not_replaced
            one_that_was_replaced_is_not_begun_as_it_was_seen_before
            wanted_updates_wait_as_those_of_messages
        );
    };
}
pub(in crate::store::tests) use coalescing_tests;

/// A store that has updates wait for an hour, and three in all.
fn waiting(store: &Store) -> Store {
    let [quiet, longest] = [3600, 3 * 3600].map(Duration::from_secs);
    store.clone().coalescing(Some(Coalescing { quiet, longest }))
}

/// Its key, for how long it waits, in seconds, and whose place it takes; `None` if it does not wait.
fn receive(store: &Store, id: &str, message: Message) -> Option<(NotificationId, i64, Vec<i64>)> {
    let opened = ask(store, &named(id, false), message);
    let Opened::LeftToLedger { notification, waits: Some(waits) } = opened else { return None };
    let record = look(store, notification.id);
    assert!(record.is_coalescing() && record.acked_at.is_none(), "{record:?}");
    assert_eq!(record.not_before, Some(waits.until));
    let clock = store.run("read the clock", crate::store::backend::dispatch::clock).unwrap();
    // To the next ten minutes.
    let seconds = ((waits.until - clock).num_seconds() + 300) / 600 * 600;
    Some((notification.id, seconds, waits.replaced.iter().map(|id| id.0).collect()))
}

/// Those that any worker may begin.
fn due(store: &Store) -> Vec<i64> {
    let listed = store.list_left_behind("me", &[], 9).unwrap();
    listed.iter().map(|record| record.notification.id.0).collect()
}

fn with_note() -> Message {
    let details = MessageDetails { note: Some("Bring a coat.".to_owned()), ..MessageDetails::default() };
    Message { details: details.to_json(), ..message(Kind::Updated) }
}

pub fn an_update_waits_and_the_next_one_takes_its_place(store: &Store) {
    add_people(store, EVENT, 3);
    let store = &waiting(store);
    let updated = || message(Kind::Updated);
    assert_eq!(receive(store, "a", updated()), Some((NotificationId(1), 3600, vec![])));
    let elsewhere = Message::new(Kind::Updated, OTHER_EVENT);
    assert_eq!(receive(store, "b", elsewhere), Some((NotificationId(2), 3600, vec![])));
    assert_eq!(receive(store, "c", updated()), Some((NotificationId(3), 3600, vec![1])));
    let replaced = look(store, NotificationId(1));
    assert_eq!(
        (replaced.state, replaced.superseded_by, store.tally(&replaced.notification).unwrap()),
        (NotificationState::Completed, Some(NotificationId(3)), Tally::default())
    );
    assert_eq!((look(store, NotificationId(3)).coalescing_since), replaced.coalescing_since);
    for kind in [Kind::Created, Kind::Cancelled] {
        assert_eq!(receive(store, kind.as_str(), message(kind)), None, "only updates wait");
    }
    assert_eq!(due(store), [0; 0]);
    execute(store, "UPDATE notifications SET coalescing_since = '2026-01-01 00:00:00' WHERE id = 3");
    let (last, seconds, _) = receive(store, "d", updated()).unwrap();
    assert!(seconds < 0, "the first of them has waited for long enough");
    assert_eq!(due(store), [last.0]);
}

pub fn the_message_of_one_that_waits_only_needs_an_ack(store: &Store) {
    add_people(store, EVENT, 3);
    let older = open(store);
    let store = &waiting(store);
    let (id, ..) = receive(store, "a", message(Kind::Updated)).unwrap();
    assert_eq!(store.find_related(&older, None).unwrap().newer, None, "it has not begun");
    let again = ask(store, &named("a", true), message(Kind::Updated));
    assert!(matches!(again, Opened::LeftToLedger { notification, waits: None } if notification.id == id));
    ack(store, id);
    execute(store, &format!("UPDATE notifications SET not_before = '2026-01-01 00:00:00' WHERE id = {id}"));
    assert_eq!(due(store), [id.0]);
    take_over(store, &look(store, id), "sweep").unwrap();
    assert_eq!(store.find_related(&older, None).unwrap().newer, Some(id));
    let again = ask(store, &named("a", true), message(Kind::Updated));
    assert!(
        matches!(again, Opened::LeftToLedger { waits: None, .. }),
        "another worker has begun it: {again:?}"
    );
}

pub fn an_update_with_words_for_people_is_not_replaced(store: &Store) {
    let store = &waiting(store);
    assert_eq!(receive(store, "a", message(Kind::Updated)), Some((NotificationId(1), 3600, vec![])));
    assert_eq!(receive(store, "b", with_note()), Some((NotificationId(2), 3600, vec![1])));
    assert_eq!(receive(store, "c", message(Kind::Updated)), Some((NotificationId(3), 3600, vec![])));
    assert!(look(store, NotificationId(2)).is_coalescing());
    assert_eq!(store.count_coalescing().unwrap(), 2);
}

pub fn one_that_has_begun_is_not_replaced(store: &Store) {
    let store = &waiting(store);
    let (id, ..) = receive(store, "a", message(Kind::Updated)).unwrap();
    take_over(store, &look(store, id), "sweep").unwrap();
    assert_eq!(receive(store, "b", message(Kind::Updated)), Some((NotificationId(2), 3600, vec![])));
    assert_eq!((look(store, id).superseded_by, store.count_coalescing().unwrap()), (None, 1));
}

pub fn one_that_was_replaced_is_not_begun_as_it_was_seen_before(store: &Store) {
    add_people(store, EVENT, 3);
    let store = &waiting(store);
    let (id, ..) = receive(store, "a", message(Kind::Updated)).unwrap();
    let seen = look(store, id);
    receive(store, "b", message(Kind::Updated)).unwrap();
    assert_eq!(take_over(store, &seen, "sweep"), None);
    let replaced = look(store, id);
    assert!(replaced.holder.is_none() && !replaced.notification.audience.is_frozen(), "{replaced:?}");
}

pub fn wanted_updates_wait_as_those_of_messages(store: &Store) {
    let store = &waiting(store);
    let wanted =
        |key: &str, kind| Wanted { message: message(kind), key: key.to_owned(), starts_at_once: true };
    let all = [
        wanted("a", Kind::Updated),
        wanted("b", Kind::Created),
        wanted("c", Kind::Updated),
        wanted("c", Kind::Updated),
    ];
    let opened = store.open_wanted(&all, Audiences::Read, &lease_request("me")).unwrap();
    let waits = |opened: &OpenedWanted| match opened {
        OpenedWanted::LeftToLedger { waits, .. } => Some(waits.replaced.len()),
        _ => None,
    };
    assert_eq!(opened.iter().map(waits).collect::<Vec<_>>(), [Some(0), None, Some(1), None]);
    assert!(matches!(opened[3], OpenedWanted::Known(_)));
    let [replaced, last] = [1, 3].map(|id| look(store, NotificationId(id)));
    assert_eq!(replaced.superseded_by, Some(NotificationId(3)));
    assert!(last.is_coalescing() && last.acked_at.is_some());
}

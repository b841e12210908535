//! Opening notifications that no message of the broker carries.

use super::*;
use crate::store::ledger::opening::without_message::{Audiences, OpenedWanted, Wanted};

fn wanted(key: &str, kind: Kind, event_id: EventId) -> Wanted {
    Wanted { message: Message::new(kind, event_id), key: key.to_owned(), starts_at_once: true }
}

fn open_wanted(store: &Store, wanted: &[Wanted]) -> Vec<OpenedWanted> {
    store.open_wanted(wanted, Audiences::Read, &lease_request("me")).unwrap()
}

/// Notification and lease of one that is new, or that was abandoned.
fn ours(opened: &OpenedWanted) -> (Notification, Lease) {
    let OpenedWanted::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
    (*notification, *lease)
}

/// Those that a worker without these leases may resume.
fn left_behind(store: &Store, held: &[Lease]) -> Vec<i64> {
    let held: Vec<NotificationId> = held.iter().map(|lease| lease.notification_id).collect();
    let listed = store.list_left_behind("me", &held, 9).unwrap();
    listed.iter().map(|record| record.notification.id.0).collect()
}

pub fn wanted_notifications_are_opened_once_and_need_no_ack(store: &Store) {
    add_people(store, EVENT, 3);
    let all = [
        wanted("a", Kind::Updated, EVENT),
        wanted("b", Kind::Created, OTHER_EVENT),
        wanted("a", Kind::Updated, EVENT),
        wanted("b", Kind::Updated, OTHER_EVENT),
    ];
    let opened = open_wanted(store, &all);
    let [(first, lease), (second, _)] = [0, 1].map(|index| ours(&opened[index]));
    assert_eq!(opened[2..], [OpenedWanted::Known(first), OpenedWanted::Conflict(second)]);
    assert_eq!(
        (first.audience, first.kind, first.event_id),
        (participants_up_to(3), Kind::Updated, Some(EVENT))
    );
    let record = store.find_notification(first.id).unwrap().unwrap();
    assert!(record.acked_at.is_some() && record.broker_session.is_none());
    assert_eq!((record.notification, record.message_key.as_deref()), (first, Some("a")));
    assert_eq!((record.state, record.holder.unwrap().owner.as_str()), (NotificationState::Running, "me"));
    assert_eq!(open_wanted(store, &all[..1]), [OpenedWanted::Known(first)]);
    assert_eq!(complete_under(store, lease), Completion::Completed);
    assert_eq!(open_wanted(store, &all[..1]), [OpenedWanted::Known(first)]);
    let listed = store.list_notifications(None).unwrap();
    assert_eq!(listed.len(), 2);
}

pub fn an_abandoned_one_that_is_wanted_again_is_sent(store: &Store) {
    let one = [wanted("a", Kind::Updated, EVENT)];
    let (notification, lease) = ours(&open_wanted(store, &one)[0]);
    assert!(store.abandon_notification(lease, "its event is gone").unwrap());
    assert_eq!(left_behind(store, &[]), Vec::<i64>::new());
    let opened = open_wanted(store, &one);
    let (again, newer) = ours(&opened[0]);
    assert!(matches!(opened[0], OpenedWanted::Ours { resumed: true, started: false, .. }));
    assert_eq!((again.id, newer.epoch), (notification.id, lease.epoch.next()));
    let record = store.find_notification(again.id).unwrap().unwrap();
    assert_eq!((record.state, record.reason, record.completed_at), (NotificationState::Waiting, None, None));
    assert!(record.acked_at.is_some());
    assert_eq!(open_wanted(store, &one), [OpenedWanted::Known(again)]);
}

pub fn those_that_no_worker_may_know_of_are_listed(store: &Store) {
    add_people(store, EVENT, 1);
    let opened = open_wanted(store, &["a", "b", "c"].map(|key| wanted(key, Kind::Updated, EVENT)));
    let [first, second, third] = [0, 1, 2].map(|index| ours(&opened[index]));
    // A message of the broker, which delivers it again.
    open(store);
    let leases = [first.1, second.1, third.1];
    assert_eq!(left_behind(store, &leases), Vec::<i64>::new());
    assert_eq!(left_behind(store, &leases[1..]), [first.0.id.0], "the reply to the commit was lost");
    let of_other = "UPDATE notifications SET lease_owner = 'other'";
    execute(store, of_other);
    assert_eq!(left_behind(store, &[]), [first.0.id.0, second.0.id.0, third.0.id.0]);
    store.release_lease(second.1).unwrap();
    assert_eq!(complete_under(store, third.1), Completion::Completed);
    assert_eq!(left_behind(store, &leases), [first.0.id.0, second.0.id.0], "of others, and of nobody");
}

pub fn a_wanted_event_that_cannot_be_read_is_opened_without_an_audience(store: &Store) {
    add_people(store, EVENT, 2);
    add_people(store, OTHER_EVENT, 3);
    break_participants(store, "id", "event_id = 7");
    let all = [wanted("a", Kind::Updated, EVENT), wanted("b", Kind::Created, EVENT)];
    let open_with = |audiences| store.open_wanted(&all, audiences, &lease_request("me"));
    assert!(open_with(Audiences::Read).unwrap_err().is_unreadable());
    let opened = open_with(Audiences::Leave).unwrap();
    assert!(matches!(opened[0], OpenedWanted::Ours { started: false, .. }));
    let [(broken, lease), (other, _)] = [0, 1].map(|index| ours(&opened[index]));
    assert!(!broken.audience.is_frozen() && !other.audience.is_frozen());
    mend_participants(store);
    assert_eq!(store.start_notification(lease).unwrap().unwrap().audience, participants_up_to(2));
    let opened = open_wanted(store, &[wanted("c", Kind::Updated, OTHER_EVENT)]);
    assert!(matches!(opened[0], OpenedWanted::Ours { started: true, .. }));
}

//! Opening messages at receipt: new ones, those with a `message_id`, repeated calls, and rows that vanished.

use super::*;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::priority::Priority;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::tests::consumer::*;

pub fn what_arrives_together_is_opened_together(store: &Store) {
    add_people(store, EVENT, 3);
    let mut me = Consumer::begin(store, "me", 1);
    let mut arrivals =
        vec![me.arrival(NEW), me.arrival((Some("a"), false)), me.arrival(NEW), me.arrival(NEW)];
    arrivals[0].starts_at_once = true;
    arrivals[3].starts_at_once = true;
    arrivals[3].message.event_id = Some(OTHER_EVENT);
    arrivals[0].message.priority = Some(Priority::High);
    arrivals[1].message.priority = Some(Priority::Low);
    let opened = me.open(&arrivals);
    let ids: Vec<NotificationId> = opened.iter().map(id_of).collect();
    assert!(ids.is_sorted() && ids[0] != ids[1], "in the order of arrival: {ids:?}");
    for (number, (opened, arrival)) in opened.iter().zip(&arrivals).enumerate() {
        let Opened::Ours { notification, lease, resumed: false, started } = opened else {
            panic!("{opened:?}")
        };
        let record = look(store, notification.id);
        assert_eq!(record.notification, *notification);
        assert_eq!(notification.priority, arrival.message.priority.unwrap_or_default());
        assert_eq!((record.epoch, record.holder.unwrap().owner.as_str()), (lease.epoch, "me"));
        assert_eq!(record.broker_session.as_deref(), Some("me/1"));
        assert_eq!(record.message_key, arrival.identity.message_id);
        let running = record.state == NotificationState::Running;
        assert_eq!(running, arrival.starts_at_once, "number {number}");
        // The other event has no participants: nothing is frozen yet.
        assert_eq!(*started, number == 0, "number {number}");
        let up_to = if number == 3 { i64::MIN } else { 3 };
        assert_eq!(
            notification.audience,
            Audience::Event { id: arrival.message.event_id.unwrap(), up_to: ParticipantId(up_to) }
        );
    }
    assert_eq!(me.open(&[]), []);
}

pub fn any_number_of_messages_is_opened(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let arrivals: Vec<Arrival> = (0..2500).map(|_| me.arrival(NEW)).collect();
    let ids: Vec<NotificationId> = me.open(&arrivals).iter().map(id_of).collect();
    assert!(ids.is_sorted_by(|one, other| one < other));
    assert_eq!(store.list_notifications(None).unwrap().len(), 2500);
}

pub fn starting_freezes_an_audience_that_was_empty(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = me.receive_new();
    assert_eq!(notification.audience, participants_up_to(i64::MIN));
    add_people(store, EVENT, 3);
    let started = store.start_notification(lease).unwrap().unwrap();
    assert_eq!(started.audience, participants_up_to(3));
    let record = look(store, notification.id);
    assert_eq!((record.state, record.notification), (NotificationState::Running, started));
    add_people(store, EVENT, 1);
    assert_eq!(store.start_notification(lease).unwrap(), Some(started), "it stays frozen");
    let stale = Lease { epoch: lease.epoch.next(), ..lease };
    assert_eq!(store.start_notification(stale).unwrap(), None);
    store.release_leases(&[lease]).unwrap();
    assert_eq!(store.start_notification(lease).unwrap(), None);
}

pub fn a_message_id_names_one_notification_for_ever(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let Opened::Ours { notification, lease, resumed: false, .. } = me.receive((Some("a"), false)) else {
        panic!()
    };
    me.complete(lease);
    me.ack(notification.id, 1);
    for redelivered in [false, true] {
        assert_eq!(me.receive((Some("a"), redelivered)), Opened::Completed(notification));
    }
    assert_ne!(id_of(&me.receive((Some("b"), true))), notification.id);
    let mut other = me.arrival((Some("a"), false));
    other.message.kind = Kind::Cancelled;
    assert_eq!(me.open_one(&other), Opened::Conflict(notification));
    let empty = [me.receive((Some(""), false)), me.receive((Some(""), false))];
    assert_ne!(id_of(&empty[0]), id_of(&empty[1]), "an empty id is none");
}

pub fn twins_in_one_call_are_one_notification(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let mut arrivals =
        vec![me.arrival((Some("a"), false)), me.arrival((Some("a"), false)), me.arrival((Some("a"), true))];
    arrivals[2].message.event_id = Some(OTHER_EVENT);
    let opened = me.open(&arrivals);
    let Opened::Ours { notification, lease, .. } = opened[0] else { panic!("{opened:?}") };
    assert_eq!(opened[1], Opened::Held { notification, lease });
    assert_eq!(opened[2], Opened::Conflict(notification));
    // The first receipt counts.
    me.complete(lease);
    me.ack(notification.id, 2);
    assert_eq!(store.find_acked(&[notification.id]).unwrap(), []);
    me.ack(notification.id, 1);
    assert_eq!(store.find_acked(&[notification.id]).unwrap(), [notification.id]);
    let again = [me.arrival((Some("a"), true)), me.arrival((Some("a"), true))];
    assert_eq!(me.open(&again), [Opened::Completed(notification), Opened::Completed(notification)]);
}

pub fn a_repeated_call_opens_nothing_twice(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let mut arrivals: Vec<Arrival> = (0..3).map(|_| me.arrival(NEW)).collect();
    arrivals.push(me.arrival((Some("a"), false)));
    // The reply to this commit is lost.
    let lost: Vec<NotificationId> = me.open(&arrivals).iter().map(id_of).collect();
    for arrival in &mut arrivals {
        arrival.asked_at = Some(Arrival::ASKED_IN_VAIN);
    }
    // Another equal message has come meanwhile.
    arrivals.push(me.arrival(NEW));
    arrivals.reverse();
    let repeated = me.open(&arrivals);
    assert!(matches!(repeated[0], Opened::Ours { resumed: false, .. }), "{repeated:?}");
    let again: Vec<NotificationId> = repeated[1..].iter().rev().map(id_of).collect();
    assert_eq!(again, lost);
    assert!(repeated[1..].iter().all(|opened| matches!(opened, Opened::Held { .. })), "{repeated:?}");
    assert_eq!(store.list_notifications(None).unwrap().len(), 5);
    let Opened::Held { notification, lease } = repeated[1] else { panic!() };
    let seen = look(store, notification.id);
    let until = seen.holder.unwrap().until;
    assert!(store.take_over(lease, Some(until), lease.epoch.next(), &lease_request("me")).unwrap().is_some());
}

pub fn one_message_id_received_at_once_is_one_notification(store: &Store) {
    add_people(store, EVENT, 3);
    let opened: Vec<Vec<Opened>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|number| {
                scope.spawn(move || {
                    let mut worker = Consumer::begin(store, &format!("worker-{number}"), 1);
                    let arrivals = [worker.arrival((Some("a"), false)), worker.arrival((Some("b"), false))];
                    worker.open(&arrivals)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    for index in 0..2 {
        let ids: HashSet<NotificationId> = opened.iter().map(|opened| id_of(&opened[index])).collect();
        assert_eq!(ids.len(), 1, "{opened:?}");
        let ours = opened.iter().filter(|opened| matches!(opened[index], Opened::Ours { .. }));
        assert_eq!(ours.count(), 1, "{opened:?}");
    }
}

pub fn a_notification_that_vanished_is_opened_anew(store: &Store) {
    add_people(store, EVENT, 3);
    let mut me = Consumer::begin(store, "me", 1);
    let mut arrival = me.arrival(NEW);
    arrival.starts_at_once = true;
    let Opened::Ours { lease, .. } = me.open_one(&arrival) else { panic!() };
    execute(store, "DELETE FROM notifications");
    assert_eq!(store.start_notification(lease).unwrap(), None);
    let opened = me.open_one(&arrival);
    let Opened::Ours { notification, lease: newer, resumed: false, started: true } = opened else {
        panic!("{opened:?}")
    };
    let again = Arrival { asked_at: Some(Arrival::ASKED_IN_VAIN), ..arrival };
    assert_eq!(me.open_one(&again), Opened::Held { notification, lease: newer }, "the reply was lost");
    assert_eq!(notification.audience, participants_up_to(3));
    me.complete(newer);
    me.ack(notification.id, 1);
    assert_eq!(store.find_acked(&[notification.id]).unwrap(), [notification.id]);
}

pub fn a_stale_message_is_opened_only_if_a_notification_has_it(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let stale =
        |arrival: Arrival| Arrival { refusal: Some(MessageRefusal::DeadLetter("old".to_owned())), ..arrival };
    let refused = Opened::Refused(MessageRefusal::DeadLetter("old".to_owned()));
    for redelivered in [false, true] {
        let arrivals = [(Some("a"), redelivered), (None, redelivered)].map(|what| stale(me.arrival(what)));
        assert_eq!(me.open(&arrivals), [refused.clone(), refused.clone()], "{redelivered}");
    }
    // A copy that was published later.
    let copies = [stale(me.arrival((Some("b"), false))), me.arrival((Some("b"), false))];
    let opened = me.open(&copies);
    assert_eq!(opened[0], refused);
    let first = id_of(&opened[1]);
    assert!(matches!(opened[1], Opened::Ours { resumed: false, .. }), "{opened:?}");
    // What was opened may be half sent, and comes again with the mark of the broker or without.
    for redelivered in [false, true] {
        let again = stale(me.arrival((Some("b"), redelivered)));
        assert_eq!(id_of(&me.open_one(&again)), first, "{redelivered}");
    }
    let nameless = id_of(&me.receive(NEW));
    release_all(store, "me");
    let mut later = Consumer::begin(store, "me", 2);
    let again = stale(later.arrival((None, true)));
    assert_eq!(id_of(&later.open_one(&again)), nameless);
}

pub fn a_restored_copy_has_the_message_id(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let older = me.receive((Some("a"), false));
    let Opened::Ours { notification, .. } = older else { panic!() };
    release_all(store, "me");
    // The copy was made before this message came again, in a session that the copy does not know.
    execute(store, "DELETE FROM broker_sessions");
    me.session.number = 7;
    let opened = me.receive((Some("a"), true));
    assert!(matches!(opened, Opened::Ours { resumed: false, .. }), "{opened:?}");
    assert_eq!(id_of(&opened), notification.id);
}

pub fn a_lease_fits_no_row_that_got_its_key_later(store: &Store) {
    add_people(store, EVENT, 1);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = me.receive_new();
    // A restored copy: the key is given once more.
    execute(store, "DELETE FROM notifications");
    let copied = format!(
        "INSERT INTO notifications (id, kind, event_id, audience, max_participant_id, state, received_at, lease_owner,
            lease_until, epoch)
         VALUES ({}, 'UPDATED', 8, 'event', 5, 'running', '2026-11-21 10:00:00', 'they', '2100-01-01 00:00:00', 1)",
        notification.id
    );
    execute(store, &copied);
    assert_ne!(lease.epoch, Epoch(1));
    let late = Outcome { lease, ..outcome(&notification, 1, Status::Sent) };
    assert_eq!(store.record_outcomes(&[late]).unwrap(), BTreeSet::from([lease]));
    assert_eq!(store.start_notification(lease).unwrap(), None);
    assert!(!store.abandon_notification(lease, "gone").unwrap());
    store.release_leases(&[lease]).unwrap();
    me.ack(notification.id, 1);
    let record = look(store, notification.id);
    assert_eq!((record.state, record.acked_at), (NotificationState::Running, None));
    assert_eq!(record.holder.unwrap().owner, "they");
}

//! Completing is checked against the tables, and abandoning is told.

use super::*;
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::decided::DecidedPage;
use crate::store::ledger::opening::Opened;
use crate::store::tests::consumer::*;

fn complete_all(store: &Store, leases: &[Lease], after: i64) -> Vec<Completion> {
    let completing = |lease: &Lease| Completing {
        lease: *lease,
        after: (after > 0).then_some(ParticipantId(after)),
        listed: false,
    };
    store.complete_notifications(&leases.iter().map(completing).collect::<Vec<_>>()).unwrap()
}

fn record_sent(store: &Store, notification: &Notification, lease: Lease, ids: &[i64]) {
    let outcomes: Vec<Outcome> =
        ids.iter().map(|id| Outcome { lease, ..outcome(notification, *id, Status::Sent) }).collect();
    assert_eq!(store.record_outcomes(&outcomes).unwrap(), BTreeSet::new());
}

/// A new notification, and that it is running.
fn start(me: &mut Consumer<'_>) -> (Notification, Lease) {
    let (_, lease) = me.receive_new();
    (me.store.start_notification(lease).unwrap().unwrap(), lease)
}

pub fn a_notification_is_completed_when_everyone_is_decided(store: &Store) {
    add_people(store, EVENT, 3);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    record_sent(store, &notification, lease, &[1, 2]);
    assert_eq!(complete_all(store, &[lease], 0), [Completion::Undecided]);
    let record = look(store, notification.id);
    assert!(record.state == NotificationState::Running && record.holder.is_some(), "nothing has changed");
    assert_eq!(
        complete_all(store, &[lease], 3),
        [Completion::Completed],
        "all up to 3 are known to be decided"
    );
    let record = look(store, notification.id);
    assert!(record.state == NotificationState::Completed && record.holder.is_none());
    assert_eq!(complete_all(store, &[lease], 0), [Completion::Completed], "the reply was lost");
    assert_eq!(look(store, notification.id).completed_at, record.completed_at, "it keeps its time");
}

pub fn who_is_deferred_or_joined_later_does_not_hold_up_completion(store: &Store) {
    add_people(store, EVENT, 3);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    record_sent(store, &notification, lease, &[1, 3]);
    let pause = Duration::from_secs(300);
    let deferred = Verdict::Deferred { pause, code: Some(450), detail: "4.2.2 full".to_owned() };
    let deferred = Outcome { lease, verdict: deferred, ..outcome(&notification, 2, Status::Sent) };
    assert_eq!(store.record_outcomes(&[deferred]).unwrap(), BTreeSet::new());
    add_people(store, EVENT, 1);
    add_people(store, OTHER_EVENT, 1);
    assert_eq!(complete_all(store, &[lease], 0), [Completion::Completed]);
}

pub fn a_late_commit_with_a_lower_key_holds_up_completion(store: &Store) {
    execute(store, "INSERT INTO participants (id, event_id, name) VALUES (1, 7, ''), (5, 7, '')");
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    record_sent(store, &notification, lease, &[1, 5]);
    execute(store, "INSERT INTO participants (id, event_id, name) VALUES (3, 7, '')");
    assert_eq!(complete_all(store, &[lease], 0), [Completion::Undecided]);
    assert_eq!(store.find_decided_end(&notification, ParticipantId(0), 100).unwrap(), DecidedPage::Undecided);
    record_sent(store, &notification, lease, &[3]);
    assert_eq!(complete_all(store, &[lease], 0), [Completion::Completed]);
}

pub fn many_notifications_are_completed_at_once(store: &Store) {
    use Completion::{Completed, LeaseLost, Undecided};
    add_people(store, EVENT, 2);
    let mut me = Consumer::begin(store, "me", 1);
    let started: Vec<(Notification, Lease)> = (0..6).map(|_| start(&mut me)).collect();
    let mut leases: Vec<Lease> = started.iter().map(|(_, lease)| *lease).collect();
    for (notification, lease) in &started {
        record_sent(store, notification, *lease, &[1]);
    }
    for number in [0, 2, 4, 5] {
        let (notification, lease) = &started[number];
        record_sent(store, notification, *lease, &[2]);
    }
    leases[4].epoch = leases[4].epoch.next();
    leases[5].notification_id = NotificationId(leases[5].notification_id.0 + 7);
    leases.reverse();
    assert_eq!(
        complete_all(store, &leases, 0),
        [LeaseLost, LeaseLost, Undecided, Completed, Undecided, Completed]
    );
    assert_eq!(
        complete_all(store, &leases, 1),
        [LeaseLost, LeaseLost, Undecided, Completed, Undecided, Completed]
    );
    assert_eq!(
        complete_all(store, &leases, 2),
        [LeaseLost, LeaseLost, Completed, Completed, Completed, Completed]
    );
    assert_eq!(complete_all(store, &[], 0), []);
}

pub fn pages_show_how_far_everyone_is_decided(store: &Store) {
    add_people(store, EVENT, 6);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    add_people(store, EVENT, 3);
    let page = |after| store.find_decided_end(&notification, ParticipantId(after), 2).unwrap();
    assert_eq!(page(0), DecidedPage::Undecided);
    record_sent(store, &notification, lease, &[1, 2, 3, 5]);
    let deferred = Verdict::Deferred { pause: Duration::ZERO, code: None, detail: String::new() };
    let deferred = Outcome { lease, verdict: deferred, ..outcome(&notification, 4, Status::Sent) };
    store.record_outcomes(&[deferred]).unwrap();
    assert_eq!(
        [page(0), page(2), page(4)],
        [DecidedPage::UpTo(ParticipantId(2)), DecidedPage::UpTo(ParticipantId(4)), DecidedPage::Undecided]
    );
    record_sent(store, &notification, lease, &[6]);
    assert_eq!(
        [page(4), page(5), page(6)],
        [DecidedPage::UpTo(ParticipantId(6)), DecidedPage::Last, DecidedPage::Last]
    );
}

pub fn an_abandoned_notification_has_a_reason(store: &Store) {
    add_people(store, EVENT, 1);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = me.receive_new();
    let stale = Lease { epoch: lease.epoch.next(), ..lease };
    assert!(!store.abandon_notification(stale, "no").unwrap());
    assert!(store.abandon_notification(lease, "event 7 is not in the database").unwrap());
    assert!(store.abandon_notification(lease, "the reply was lost").unwrap());
    let record = look(store, notification.id);
    assert_eq!((record.state, record.holder), (NotificationState::Abandoned, None));
    assert_eq!(record.reason.as_deref(), Some("event 7 is not in the database"));
    assert!(record.completed_at.is_some());
    assert_eq!(complete_all(store, &[lease], 9), [Completion::Undecided], "it is not completed");
    let (completed, lease) = start(&mut me);
    complete_all(store, &[lease], 9);
    assert!(!store.abandon_notification(lease, "late").unwrap());
    assert_eq!(look(store, completed.id).reason, None);
}

pub fn an_abandoned_notification_is_opened_again_unless_it_was_acked(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let Opened::Ours { notification, lease, .. } = me.receive((Some("a"), false)) else { panic!() };
    assert!(store.abandon_notification(lease, "the event is gone").unwrap());
    // Never acked: it is tried again.
    let opened = me.receive((Some("a"), true));
    let Opened::Ours { lease, resumed: true, started: false, .. } = opened else { panic!("{opened:?}") };
    let record = look(store, notification.id);
    assert_eq!((record.state, record.reason, record.completed_at), (NotificationState::Running, None, None));

    assert!(store.abandon_notification(lease, "the event is gone").unwrap());
    me.ack(notification.id, me.tag);
    assert_eq!(me.receive((Some("a"), true)), Opened::Completed(notification), "only the ack was lost");
    // Published once more.
    let opened = me.receive((Some("a"), false));
    assert!(matches!(opened, Opened::Ours { resumed: true, .. }), "{opened:?}");
    let record = look(store, notification.id);
    assert_eq!((record.state, record.reason, record.acked_at), (NotificationState::Running, None, None));
}

pub fn a_notification_whose_message_is_lost_is_closed_and_may_be_purged_if_it_is_untouched(store: &Store) {
    add_people(store, EVENT, 1);
    for (name, has_outcome) in [("a", false), ("b", true)] {
        let mut me = Consumer::begin(store, name, 1);
        let Opened::Ours { notification, lease, .. } = me.receive((Some(name), false)) else { panic!() };
        let sent = Outcome { lease, ..outcome(&notification, 1, Status::Sent) };
        if has_outcome {
            assert!(store.record_outcomes(&[sent]).unwrap().is_empty());
        }
        let stale = Lease { epoch: lease.epoch.next(), ..lease };
        assert!(!store.abandon_lost(stale, "lost").unwrap());
        assert!(store.abandon_lost(lease, "lost").unwrap());
        let record = look(store, notification.id);
        assert_eq!((record.state, record.holder), (NotificationState::Abandoned, None));
        assert_eq!(record.reason.as_deref(), Some("lost"));
        assert_eq!(record.acked_at.is_none(), has_outcome);
    }
}

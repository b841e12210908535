//! Rows that cannot be read, and notifications that are set aside for them.

use std::collections::BTreeMap;

use super::*;
use crate::store::error::StoreError;
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::ledger::row::NotificationRecord;
use crate::store::tests::consumer::*;

/// Puts a view over the participants in which this expression fails where `condition` holds: a number that is too large, or more
/// than one row where one is expected.
pub fn break_participants(store: &Store, column: &str, condition: &str) {
    let failing = if store.version().unwrap().starts_with("SQLite") {
        "abs(-9223372036854775807 - 1)".to_owned()
    } else {
        format!("(SELECT others.{column} FROM people others WHERE others.event_id = people.event_id)")
    };
    let expression = format!("CASE WHEN {condition} THEN {failing} ELSE {column} END AS {column}");
    let columns = ["id", "event_id", "email", "name", "locale"];
    let columns = columns.map(|name| if name == column { expression.as_str() } else { name }).join(", ");
    execute(store, "ALTER TABLE participants RENAME TO people");
    execute(store, &format!("CREATE VIEW participants AS SELECT {columns} FROM people"));
}

pub fn mend_participants(store: &Store) {
    execute(store, "DROP VIEW participants");
    execute(store, "ALTER TABLE people RENAME TO participants");
}

pub fn a_statement_that_fails_over_a_row_is_told_from_a_database_that_is_away(store: &Store) {
    add_people(store, EVENT, 4);
    break_participants(store, "name", "id = 2");
    let range = |first, last| store.read_range(EVENT, ParticipantId(first), ParticipantId(last), 9);
    let error = range(1, 4).unwrap_err();
    assert!(error.is_unreadable() && !error.is_transient(), "{error}");
    assert!(range(2, 2).unwrap_err().is_unreadable());
    assert_eq!((range(1, 1).unwrap().len(), range(3, 4).unwrap().len()), (1, 2));
    let keys = store.read_page_ids(EVENT, None, ParticipantId::MAX, 9).unwrap();
    assert_eq!(keys, (1..=4).map(ParticipantId).collect::<Vec<_>>());
    // A view or a column that is gone.
    execute(store, "DROP VIEW participants");
    let error = range(1, 4).unwrap_err();
    assert!(error.is_unreadable() && error.to_string().contains("fanmail migrate"), "{error}");
    execute(store, "CREATE VIEW participants AS SELECT id, event_id, email FROM people");
    assert!(range(1, 4).unwrap_err().is_unreadable());
}

fn look(store: &Store, notification: &Notification) -> NotificationRecord {
    store.find_notification(notification.id).unwrap().unwrap()
}

/// The time since it is set aside is this, by the clock of the database.
fn age(store: &Store, minutes: i64) {
    let clock = store.run("read the clock", crate::store::backend::dispatch::clock).unwrap();
    let since = (clock - chrono::TimeDelta::minutes(minutes)).format("%F %T");
    execute(store, &format!("UPDATE notifications SET completed_at = '{since}', not_before = '{since}'"));
}

pub fn a_notification_is_set_aside_with_growing_pauses(store: &Store) {
    let notification = open(store);
    let lease = first_lease(notification.id);
    let minute = Duration::from_secs(60);
    assert_eq!(store.list_set_aside(9).unwrap(), []);
    assert_eq!(store.set_aside(lease, "why").unwrap(), Some(minute));
    assert_eq!(store.set_aside(lease, "why").unwrap(), Some(minute), "the reply was lost");
    let record = look(store, &notification);
    assert_eq!((record.state, record.reason.as_deref()), (NotificationState::SetAside, Some("why")));
    assert!(record.holder.is_none() && record.completed_at.is_some() && record.acked_at.is_none());
    let listed = store.list_set_aside(9).unwrap();
    assert_eq!((listed.len(), &listed[0].record), (1, &record));
    assert!(listed[0].due_in > minute / 2 && listed[0].due_in <= minute, "{:?}", listed[0].due_in);

    for (minutes, pause) in [(3, 3), (60, 5)] {
        age(store, minutes);
        let seen = look(store, &notification);
        assert_eq!(store.list_set_aside(9).unwrap()[0].due_in, Duration::ZERO);
        let lease = Lease { notification_id: notification.id, epoch: seen.epoch };
        let request = lease_request("me");
        let lease = store.take_over(lease, None, seen.epoch.next(), &request).unwrap().unwrap();
        let found = store.set_aside(lease, "still").unwrap().unwrap().as_secs();
        assert!((pause * 60..pause * 60 + 10).contains(&found), "{found}");
        let record = look(store, &notification);
        assert_eq!((record.holder, record.reason.as_deref()), (None, Some("still")));
        assert_eq!(record.completed_at, seen.completed_at, "since when it is set aside");
        assert_eq!(store.set_aside(first_lease(notification.id), "lost").unwrap(), None);
    }
    assert!(store.purge(chrono::TimeDelta::zero()).unwrap().step().unwrap().is_none(), "it has not ended");
}

pub fn a_notification_that_is_set_aside_is_completed_like_any_other(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open(store);
    let lease = first_lease(notification.id);
    store.set_aside(lease, "why").unwrap().unwrap();
    let completing = Completing { lease, after: None, listed: false };
    assert_eq!(
        store.complete_notifications(&[completing]).unwrap(),
        [Completion::Undecided],
        "it is not running"
    );
    record(store, &notification, Status::Sent, [1]);
    assert_eq!(store.complete_set_aside(completing).unwrap(), Completion::Undecided);
    record(store, &notification, Status::Sent, [2]);
    let stale =
        Completing { lease: Lease { epoch: lease.epoch.next(), ..lease }, after: None, listed: false };
    assert_eq!(store.complete_set_aside(stale).unwrap(), Completion::LeaseLost);
    assert_eq!(store.complete_set_aside(completing).unwrap(), Completion::Completed);
    assert_eq!(store.complete_set_aside(completing).unwrap(), Completion::Completed, "the reply was lost");
    let record = look(store, &notification);
    assert_eq!((record.state, record.reason, record.not_before), (NotificationState::Completed, None, None));
    assert_eq!(store.set_aside(lease, "late").unwrap(), None);
    assert_eq!(store.list_set_aside(9).unwrap(), []);
}

pub fn a_message_of_a_notification_that_is_set_aside_only_needs_an_ack(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let (unnamed, lease) = me.receive_new();
    store.set_aside(lease, "why").unwrap().unwrap();
    let Opened::Ours { notification: named, lease, .. } = me.receive((Some("a"), false)) else { panic!() };
    store.set_aside(lease, "why").unwrap().unwrap();
    me.ack(named.id, me.tag);
    me.lose();

    let mut again = Consumer::begin(store, "me", 2);
    for (what, expected) in [(AGAIN, unnamed.id), ((Some("a"), true), named.id)] {
        let opened = again.receive(what);
        assert!(matches!(opened, Opened::Completed(found) if found.id == expected), "{opened:?}");
    }
    assert!(look(store, &unnamed).state == NotificationState::SetAside);
    let (new, _) = again.receive_new();
    assert!(new.id > named.id, "another message is another notification");
}

pub fn an_event_whose_participants_cannot_be_read_is_opened_without_an_audience(store: &Store) {
    add_people(store, EVENT, 3);
    break_participants(store, "id", "event_id = 7");
    let mut me = Consumer::begin(store, "me", 1);
    let arrival = Arrival { starts_at_once: true, ..me.arrival(NEW) };
    let request = lease_request("me");
    let failed =
        store.open_messages(&me.session, std::slice::from_ref(&arrival), &request, &mut me.watermarks);
    assert!(failed.unwrap_err().is_unreadable());
    let alone = Arrival { asked_at: Some(Arrival::ASKED_IN_VAIN), ..arrival };
    let Opened::Ours { notification, lease, started: false, .. } = me.open_one(&alone) else { panic!() };
    assert!(!notification.audience.is_frozen());
    assert!(store.start_notification(lease).unwrap_err().is_unreadable());
    store.set_aside(lease, "why").unwrap().unwrap();
    assert!(store.freeze_audience(lease).unwrap_err().is_unreadable());

    mend_participants(store);
    let frozen = store.freeze_audience(lease).unwrap().unwrap();
    assert_eq!(frozen.audience, participants_up_to(3));
    assert_eq!(look(store, &notification).notification, frozen);
    assert_eq!(look(store, &notification).state, NotificationState::SetAside);
}

pub fn a_deferred_participant_who_cannot_be_read_does_not_hide_the_others(store: &Store) {
    add_people(store, EVENT, 5);
    let notification = open(store);
    let deferred = |id| Outcome {
        verdict: Verdict::deferred(Duration::ZERO, Some(450), "4.2.0 greylisted"),
        ..outcome(&notification, id, Status::Failed)
    };
    assert!(store.record_outcomes(&(1..=5).map(deferred).collect::<Vec<_>>()).unwrap().is_empty());
    store.set_aside(first_lease(notification.id), "why").unwrap().unwrap();
    assert_eq!(
        store.list_due_notifications(9).unwrap().len(),
        1,
        "deferred mails do not wait for the others"
    );
    break_participants(store, "name", "id = 4");
    execute(store, "DELETE FROM people WHERE id = 2");
    let page = store.read_due_page(notification.id, None, 9).unwrap();
    assert_eq!(page.iter().map(|due| due.participant_id.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let find = |ids: &[i64]| {
        let ids: Vec<ParticipantId> = ids.iter().copied().map(ParticipantId).collect();
        let found = store.find_participants(&notification, &ids)?;
        Ok::<_, StoreError>(found.iter().map(|person| person.id.0).collect::<BTreeSet<_>>())
    };
    assert!(find(&[1, 2, 3, 4, 5]).unwrap_err().is_unreadable());
    assert!(find(&[4]).unwrap_err().is_unreadable());
    assert_eq!(find(&[1, 2, 3, 5]).unwrap(), BTreeSet::from([1, 3, 5]));
}

pub fn a_postponed_mail_is_due_later_and_uses_up_no_step(store: &Store) {
    add_people(store, EVENT, 4);
    let (notification, other) = (open(store), open(store));
    let deferred = |of: &Notification, id, deferrals| Outcome {
        deferrals,
        verdict: Verdict::deferred(Duration::ZERO, Some(354), "4.2.0 greylisted"),
        ..outcome(of, id, Status::Failed)
    };
    let outcomes = [(1, 0), (2, 4), (3, 0)].map(|(id, deferrals)| deferred(&notification, id, deferrals));
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    assert!(store.record_outcomes(&[deferred(&other, 1, 0)]).unwrap().is_empty());
    let (lease, hour) = (first_lease(notification.id), Duration::from_secs(3600));
    let reasons = [("its row cannot be read", vec![2, 4]), ("cannot be read: \u{fc}", vec![3])];
    let reasons: BTreeMap<String, Vec<ParticipantId>> = reasons
        .into_iter()
        .map(|(why, ids)| (why.to_owned(), ids.into_iter().map(ParticipantId).collect()))
        .collect();
    let due = |of: &Notification| -> Vec<i64> {
        let page = store.read_due_page(of.id, None, 9).unwrap();
        page.iter().map(|deferral| deferral.participant_id.0).collect()
    };
    let stale = Lease { epoch: lease.epoch.next(), ..lease };
    assert!(!store.postpone_deferrals(stale, hour, &reasons).unwrap());
    assert_eq!(due(&notification), [1, 2, 3]);
    for _ in 0..2 {
        assert!(store.postpone_deferrals(lease, hour, &reasons).unwrap(), "it may be repeated");
    }
    assert_eq!((due(&notification), due(&other)), (vec![1], vec![1]));
    let kept = store.deferrals_between(notification.id, None, ParticipantId::MAX).unwrap();
    let kept: BTreeMap<i64, (u32, Option<u16>)> =
        kept.values().map(|one| (one.participant_id.0, (one.tries, one.code))).collect();
    assert_eq!(kept, [1, 2, 3].map(|id| (id, (if id == 2 { 5 } else { 1 }, Some(354)))).into());
    execute(store, "DELETE FROM deferrals WHERE detail NOT LIKE '%cannot be read%'");
    assert_eq!(store.count_deferrals().unwrap(), 2, "the detail says why they wait");
    let step = deferred(&notification, 2, 5);
    assert!(store.record_outcomes(&[step]).unwrap().is_empty());
    let next = store.deferrals_between(notification.id, None, ParticipantId::MAX).unwrap();
    assert_eq!(next[&ParticipantId(2)].tries, 6, "the next step replaces it");
}

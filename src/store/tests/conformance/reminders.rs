//! What the ledger knows of reminders.

use chrono::{TimeDelta, Utc};

use super::*;
use crate::domain::reminder::{Reminder, ReminderOffset};
use crate::store::ledger::opening::without_message::{Audiences, OpenedWanted, Wanted};

fn wanted(seconds: i64, starts_at: &str) -> Wanted {
    let offset = ReminderOffset::from_seconds(seconds).unwrap();
    let reminder = Reminder { event_id: EVENT, offset, starts_at: starts_at.parse().unwrap() };
    Wanted { message: message(Kind::Reminder), key: reminder.key(), starts_at_once: true }
}

pub fn a_look_for_reminders_never_goes_back(store: &Store) {
    let look = store.begin_reminder_look().unwrap();
    assert_eq!(look.last, None);
    assert!((Utc::now() - look.clock).abs() < TimeDelta::hours(1));
    store.end_reminder_look(look.clock).unwrap();
    store.end_reminder_look(look.clock - TimeDelta::minutes(1)).unwrap();
    assert_eq!(store.begin_reminder_look().unwrap().last, Some(look.clock));
    let later = look.clock + TimeDelta::minutes(1);
    store.end_reminder_look(later).unwrap();
    assert_eq!(store.begin_reminder_look().unwrap().last, Some(later));
}

pub fn a_reminder_is_known_by_its_key_and_a_missed_one_is_not_tried_again(store: &Store) {
    add_people(store, EVENT, 3);
    let [day, hour, moved] = [
        wanted(86_400, "2026-12-24T17:00:00Z"),
        wanted(3_600, "2026-12-24T17:00:00Z"),
        wanted(3_600, "2026-12-24T18:00:00Z"),
    ];
    let open_day = |owner| {
        store.open_wanted(std::slice::from_ref(&day), Audiences::Read, &lease_request(owner)).unwrap()
    };
    let opened = open_day("me");
    assert!(matches!(opened[..], [OpenedWanted::Ours { started: true, .. }]));
    let again = open_day("other");
    assert!(matches!(again[..], [OpenedWanted::Known(_)]), "one for all workers");

    let missed = [(day.clone(), "no".to_owned()), (hour.clone(), "missed: too late".to_owned())];
    assert_eq!(store.record_missed(&missed, &lease_request("me")).unwrap(), 1);
    assert_eq!(store.record_missed(&missed, &lease_request("other")).unwrap(), 0, "told once");
    let records = store.list_notifications(None).unwrap();
    assert_eq!(records.len(), 2);
    let of_key = |wanted: &Wanted| {
        records.iter().find(|record| record.message_key.as_ref() == Some(&wanted.key)).unwrap()
    };
    assert_eq!(of_key(&day).state, NotificationState::Running);
    let record = of_key(&hour);
    assert_eq!(
        (record.state, record.reason.as_deref()),
        (NotificationState::Abandoned, Some("missed: too late"))
    );
    assert!(record.holder.is_none() && record.completed_at.is_some());
    assert!(!record.notification.audience.is_frozen(), "nobody is told");
    assert_eq!(store.list_left_behind("other", &[], 9).unwrap().len(), 1);

    let keys = [&day, &hour, &moved].map(|wanted| wanted.key.clone());
    assert_eq!(store.find_known_keys(&keys).unwrap(), HashSet::from([keys[0].clone(), keys[1].clone()]));
}

pub fn an_event_is_cancelled_until_it_is_announced_again(store: &Store) {
    let open_kind = |kind: Kind, key: &str| {
        let wanted = Wanted { message: message(kind), key: key.to_owned(), starts_at_once: true };
        store.open_wanted(&[wanted], Audiences::Read, &lease_request("me")).unwrap();
        store.is_cancelled(EVENT).unwrap()
    };
    assert!(!store.is_cancelled(EVENT).unwrap());
    let steps = [
        (Kind::Created, false),
        (Kind::Cancelled, true),
        (Kind::Reminder, true),
        (Kind::Updated, false),
        (Kind::Cancelled, true),
    ];
    for (n, (kind, expected)) in steps.into_iter().enumerate() {
        assert_eq!(open_kind(kind, &n.to_string()), expected, "{n}: {kind}");
    }
    assert!(!store.is_cancelled(OTHER_EVENT).unwrap());
}

pub fn a_purge_keeps_reminders_that_might_be_sent_again(store: &Store) {
    let one = wanted(86_400, "2026-12-24T17:00:00Z");
    let missed = [(one, "missed: too late".to_owned())];
    store.record_missed(&missed, &lease_request("me")).unwrap();
    let clock = store.run("read the clock", crate::store::backend::dispatch::clock).unwrap();
    for (hours, purged) in [(71, 0), (73, 1)] {
        let ended_at = (clock - TimeDelta::hours(hours)).format("%F %T");
        execute(
            store,
            &format!("UPDATE notifications SET completed_at = '{ended_at}', acked_at = '{ended_at}'"),
        );
        let mut purge = store.purge(TimeDelta::hours(1)).unwrap();
        assert_eq!(purge.plan().unwrap().notifications, purged, "{hours}");
        let mut deleted = 0;
        while let Some(step) = purge.step().unwrap() {
            deleted += step.notifications;
        }
        assert_eq!(deleted, purged, "{hours}");
    }
}

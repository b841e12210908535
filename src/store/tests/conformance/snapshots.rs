//! The events as notifications have shown them: what is kept, and who got a mail of the last one.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::domain::event::Event;
use crate::domain::event_snapshot::EventSnapshot;
use crate::store::ledger::batch::LedgerBatch;
use crate::store::ledger::snapshots::EarlierNotification;
use crate::store::ledger::snapshots::row::NewSnapshot;

fn event(title: &str) -> Event {
    Event {
        id: EVENT,
        title: title.to_owned(),
        description: Some("\"Grüße\" \u{1f384}\n".to_owned()),
        location: None,
        starts_at: None,
        ends_at: None,
        timezone: "UTC".to_owned(),
        url: None,
        updated_at: None,
    }
}

fn json(title: &str) -> String {
    EventSnapshot::of(&event(title)).to_json().unwrap()
}

fn write(store: &Store, snapshots: &[(Lease, String)]) {
    let snapshots: Vec<NewSnapshot<'_>> =
        snapshots.iter().map(|(lease, json)| NewSnapshot { lease: *lease, json }).collect();
    store.record_batch(LedgerBatch { snapshots: &snapshots, ..LedgerBatch::default() }).unwrap();
}

/// Opens a notification that shows this title.
fn show(store: &Store, title: &str) -> Notification {
    let notification = open(store);
    write(store, &[(first_lease(notification.id), json(title))]);
    notification
}

/// What a notification shows when it is resumed.
fn resumed(store: &Store, notification: &Notification) -> Option<Result<String, String>> {
    Some(store.find_snapshot(notification).unwrap()?.map(|snapshot| snapshot.event(EVENT).title))
}

fn earlier(store: &Store, notification: &Notification) -> Option<(NotificationId, Option<String>)> {
    let EarlierNotification { id, snapshot, .. } = store.find_earlier(notification).unwrap()?;
    Some((id, snapshot.map(|snapshot| snapshot.event(EVENT).title)))
}

pub fn snapshots_of_a_batch_are_written_once_by_the_holder_of_each_lease(store: &Store) {
    let all: Vec<Notification> = (0..9).map(|_| open(store)).collect();
    let lease = |index: usize| first_lease(all[index].id);
    write(store, &[(lease(0), json("a"))]);
    assert_eq!(resumed(store, &all[0]), Some(Ok("a".to_owned())));
    execute(store, &format!("UPDATE notifications SET epoch = 2 WHERE id = {}", all[3].id));
    write(store, &(0..6).rev().map(|index| (lease(index), json(&index.to_string()))).collect::<Vec<_>>());
    execute(store, &format!("UPDATE notifications SET event_id = id + 100 WHERE id < {}", all[8].id));
    let shown = |index: usize| {
        let event_id = Some(EventId::Number(all[index].id.0 + 100));
        resumed(store, &Notification { event_id, ..all[index] })
    };
    let title = |text: &str| Some(Ok(text.to_owned()));
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6].map(shown),
        [title("a"), title("1"), title("2"), None, title("4"), title("5"), None]
    );
}

pub fn a_notification_that_is_resumed_shows_no_older_facts_than_a_later_one(store: &Store) {
    add_people(store, EVENT, 1);
    let (first, second) = (show(store, "a"), show(store, "b"));
    assert_eq!(resumed(store, &first), Some(Ok("b".to_owned())));
    assert_eq!(resumed(store, &second), Some(Ok("b".to_owned())));
    let not_begun = open(store);
    assert_eq!(resumed(store, &not_begun), None);
    let about_none = Notification { event_id: None, ..second };
    assert_eq!(resumed(store, &about_none), None);
    execute(store, &format!("UPDATE notifications SET event_snapshot = '{{' WHERE id = {}", second.id));
    assert!(matches!(resumed(store, &second), Some(Err(_))));
}

pub fn the_last_notification_is_the_one_that_somebody_got(store: &Store) {
    add_people(store, EVENT, 3);
    let (first, second, third) = (show(store, "a"), show(store, "b"), show(store, "c"));
    assert_eq!(earlier(store, &third), None, "nobody got one");
    record(store, &first, Status::Sent, [2]);
    record(store, &first, Status::Failed, [3]);
    record(store, &second, Status::Failed, [1]);
    record(store, &second, Status::Skipped, [2]);
    let dry_run = Outcome { verdict: Verdict::DryRun, ..outcome(&second, 3, Status::Sent) };
    store.record_outcomes(&[dry_run]).unwrap();
    record(store, &third, Status::Sent, [1, 2, 3]);
    assert_eq!(earlier(store, &third), Some((first.id, Some("a".to_owned()))));
    assert_eq!(earlier(store, &first), None);
    let found = store.find_earlier(&third).unwrap().unwrap();
    assert_eq!((found.kind, found.audience), (Kind::Updated, participants_up_to(3)));
    let ids = [1, 2, 3, 4].map(ParticipantId);
    let got = |notifications: &[&Notification]| {
        let notification_ids: Vec<NotificationId> = notifications.iter().map(|one| one.id).collect();
        let got = store.who_got(&notification_ids, &ids).unwrap();
        got.into_iter().map(|(id, newest)| (id.0, newest)).collect::<BTreeMap<i64, NotificationId>>()
    };
    assert_eq!((got(&[&first]), got(&[&second])), (BTreeMap::from([(2, first.id)]), BTreeMap::new()));
    record(store, &third, Status::Failed, [4]);
    let all = [&first, &second, &third];
    assert_eq!(got(&all), BTreeMap::from([1, 2, 3].map(|id| (id, third.id))));
    assert_eq!(got(&all[..2]), BTreeMap::from([(2, first.id)]));
    assert_eq!((got(&[]), store.who_got(&[third.id], &[]).unwrap()), (BTreeMap::new(), HashMap::new()));
    assert_eq!(store.list_earlier(&third).unwrap(), [second.id, first.id]);
    let by_id = store.find_earlier_by_id(&third, second.id).unwrap().unwrap();
    assert_eq!(by_id.snapshot.unwrap().event(EVENT).title, "b");
    let of_other = Notification { event_id: Some(OTHER_EVENT), ..third };
    assert_eq!(earlier(store, &of_other), None);
}

pub fn rows_without_a_snapshot_say_nothing_of_the_event(store: &Store) {
    add_people(store, EVENT, 1);
    let (first, second, third) = (show(store, "a"), open(store), open(store));
    record(store, &first, Status::Sent, [1]);
    record(store, &second, Status::Sent, [1]);
    // An older version has written it: what people know is not what they got with the first one.
    assert_eq!(earlier(store, &third), Some((second.id, None)));
    for bad in ["", "{", "{\"version\":99}"] {
        execute(
            store,
            &format!("UPDATE notifications SET event_snapshot = '{bad}' WHERE id = {}", second.id),
        );
        assert_eq!(earlier(store, &third), Some((second.id, None)), "{bad}");
    }
}

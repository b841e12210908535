//! What becomes of a mail that is deferred: its row, the time of its next attempt, and what the sweep reads.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// An outcome of a participant whose mail was deferred `deferrals` times before: deferred again for `pause`.
fn deferred(notification: &Notification, id: i64, deferrals: u32, pause: Duration) -> Outcome {
    let verdict = Verdict::deferred(pause, Some(450), "4.2.0 greylisted");
    Outcome { deferrals, verdict, ..outcome(notification, id, Status::Failed) }
}

/// An outcome of a participant whose mail was deferred `deferrals` times before.
fn decided_after(notification: &Notification, id: i64, deferrals: u32, status: Status) -> Outcome {
    Outcome { deferrals, ..outcome(notification, id, status) }
}

fn record_all(store: &Store, outcomes: &[Outcome]) {
    assert_eq!(store.record_outcomes(outcomes).unwrap(), BTreeSet::new());
}

/// Participant and tries of all deferrals of the notification, in key order.
fn rows(store: &Store, notification: &Notification) -> Vec<(i64, u32)> {
    let found = store.deferrals_between(notification.id, ParticipantId::MIN, ParticipantId::MAX).unwrap();
    let mut rows: Vec<_> = found.iter().map(|(id, deferral)| (id.0, deferral.tries)).collect();
    rows.sort_unstable();
    rows
}

/// Participant and tries of a page of due deferrals.
fn due_page(store: &Store, notification: &Notification, after: i64, limit: u32) -> Vec<(i64, u32)> {
    let page = store.read_due_page(notification.id, ParticipantId(after), limit).unwrap();
    page.iter().map(|deferral| (deferral.participant_id.0, deferral.tries)).collect()
}

/// The keys of the notifications with due deferrals, in order.
fn due(store: &Store, limit: u32) -> Vec<NotificationId> {
    store.list_due_notifications(limit).unwrap().iter().map(|record| record.notification.id).collect()
}

pub fn a_deferred_mail_has_a_row_until_it_is_decided(store: &Store) {
    add_people(store, EVENT, 3);
    let notification = open(store);
    record_all(
        store,
        &[
            outcome(&notification, 1, Status::Sent),
            deferred(&notification, 2, 0, HOUR),
            deferred(&notification, 3, 0, HOUR),
        ],
    );
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1]));
    assert_eq!(rows(store, &notification), [(2, 1), (3, 1)]);
    record_all(
        store,
        &[deferred(&notification, 2, 1, HOUR), decided_after(&notification, 3, 1, Status::Sent)],
    );
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1, 3]));
    assert_eq!(rows(store, &notification), [(2, 2)]);
    record_all(store, &[decided_after(&notification, 2, 2, Status::Failed)]);
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1, 2, 3]));
    assert_eq!((rows(store, &notification), store.count_deferrals().unwrap()), (vec![], 0));
}

pub fn a_deferral_keeps_what_the_next_attempt_needs(store: &Store) {
    let notification = open(store);
    let ambiguous = Outcome {
        verdict: Verdict::deferred(Duration::ZERO, Some(354), "no reply after the body"),
        ..deferred(&notification, 1, 2, HOUR)
    };
    let without_code =
        Outcome { verdict: Verdict::deferred(HOUR, None, ""), ..deferred(&notification, 2, 0, HOUR) };
    record_all(store, &[ambiguous, without_code]);
    let found = store.deferrals_between(notification.id, ParticipantId(0), ParticipantId(2)).unwrap();
    let Deferral { participant_id, tries, code, overdue } = found[&ParticipantId(1)].clone();
    assert_eq!((participant_id, tries, code), (ParticipantId(1), 3, Some(354)));
    assert!(overdue < HOUR, "{overdue:?}");
    let expected =
        Deferral { participant_id: ParticipantId(2), tries: 1, code: None, overdue: Duration::ZERO };
    assert_eq!(found[&ParticipantId(2)], expected);
    assert_eq!(
        store.deferrals_between(notification.id, ParticipantId(1), ParticipantId(1)).unwrap().len(),
        0
    );
    assert_eq!(
        store.deferrals_between(notification.id, ParticipantId(1), ParticipantId(2)).unwrap().len(),
        1
    );
    let other = open(store);
    assert_eq!(rows(store, &other), []);
}

pub fn recording_deferrals_again_after_a_lost_reply_changes_nothing(store: &Store) {
    let notification = open(store);
    let first = [deferred(&notification, 1, 0, HOUR), deferred(&notification, 2, 0, HOUR)];
    let second = [deferred(&notification, 1, 1, HOUR), decided_after(&notification, 2, 1, Status::Sent)];
    for batch in [&first, &first, &second, &second] {
        record_all(store, batch);
    }
    assert_eq!(rows(store, &notification), [(1, 2)]);
    // A server may execute a statement whose client has given it up, after the next one.
    record_all(store, &first);
    assert_eq!(rows(store, &notification), [(1, 2)], "what was replaced stays replaced");
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([2]));
}

pub fn a_decided_participant_gets_no_deferral(store: &Store) {
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    record_all(
        store,
        &[
            deferred(&notification, 1, 0, HOUR),
            deferred(&notification, 2, 0, HOUR),
            decided_after(&notification, 2, 0, Status::Failed),
            decided_after(&notification, 3, 0, Status::Skipped),
            deferred(&notification, 3, 0, HOUR),
            deferred(&notification, 4, 0, HOUR),
            deferred(&notification, 4, 1, HOUR),
        ],
    );
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1, 2, 3]));
    assert_eq!(rows(store, &notification), [(4, 2)]);
}

pub fn deferrals_of_a_lost_lease_are_refused(store: &Store) {
    let (kept, lost) = (open(store), open_and_hold(store));
    record_all(store, &[deferred(&lost, 1, 0, HOUR), deferred(&lost, 2, 0, HOUR)]);
    let seen = store.find_notification(lost.id).unwrap().unwrap();
    let until = seen.holder.map(|holder| holder.until);
    let newer = store
        .take_over(first_lease(lost.id), until, first_lease(lost.id).epoch.next(), &lease_request("they"))
        .unwrap()
        .unwrap();
    let late = [
        deferred(&lost, 1, 1, HOUR),
        decided_after(&lost, 2, 1, Status::Sent),
        deferred(&lost, 3, 0, HOUR),
        deferred(&kept, 1, 0, HOUR),
    ];
    assert_eq!(store.record_outcomes(&late).unwrap(), BTreeSet::from([first_lease(lost.id)]));
    assert_eq!((rows(store, &lost), rows(store, &kept)), (vec![(1, 1), (2, 1)], vec![(1, 1)]));
    assert!(decided(store, lost.id, 0, 9).is_empty());
    record_all(store, &[Outcome { lease: newer, ..late[1].clone() }]);
    assert_eq!(rows(store, &lost), [(1, 1)]);
}

pub fn deferrals_are_recorded_in_any_number(store: &Store) {
    let (notification, other) = (open(store), open(store));
    let mut outcomes: Vec<Outcome> = (1..=2500).map(|id| deferred(&notification, id, 0, HOUR)).collect();
    outcomes.push(deferred(&other, 7, 0, HOUR));
    record_all(store, &outcomes);
    assert_eq!(store.count_deferrals().unwrap(), 2501);
    let mut outcomes: Vec<Outcome> =
        (1..=2500).map(|id| decided_after(&notification, id, 1, Status::Sent)).collect();
    outcomes.push(deferred(&other, 7, 1, HOUR));
    record_all(store, &outcomes);
    assert_eq!(rows(store, &other), [(7, 2)]);
    assert_eq!((decided(store, notification.id, 0, 2500).len(), store.count_deferrals().unwrap()), (2500, 1));
}

pub fn due_deferrals_are_read_in_pages(store: &Store) {
    add_people(store, EVENT, 6);
    execute(
        store,
        "UPDATE participants SET event_id = 99 WHERE id = 4; DELETE FROM participants WHERE id = 5",
    );
    let (notification, other) = (open(store), open(store));
    let mut outcomes: Vec<Outcome> =
        (1..=5).map(|id| deferred(&notification, id, 0, Duration::ZERO)).collect();
    outcomes.push(deferred(&notification, 6, 0, HOUR));
    outcomes.push(deferred(&other, 6, 0, Duration::ZERO));
    record_all(store, &outcomes);
    assert_eq!(due_page(store, &notification, i64::MIN, 2), [(1, 1), (2, 1)]);
    assert_eq!(due_page(store, &notification, 2, 2), [(3, 1), (4, 1)]);
    assert_eq!(due_page(store, &notification, 4, 2), [(5, 1)]);
    assert_eq!(due_page(store, &notification, 5, 2), []);
    let page = due_people(store, &notification, ParticipantId(0), 100);
    let present = |(deferral, participant): &(Deferral, Option<Participant>)| {
        participant.as_ref().map(|participant| participant.id) == Some(deferral.participant_id)
    };
    assert_eq!(page.iter().map(present).collect::<Vec<_>>(), [true, true, true, false, false]);
    assert_eq!(page[0].1.as_ref().unwrap().email.as_deref(), Some("p1@example.com"));
    assert!(page[3].1.is_none() && page[4].1.is_none(), "they have left the event");
}

pub fn a_deferral_beside_a_delivery_is_not_read(store: &Store) {
    let notification = open(store);
    record_all(store, &[1, 2, 3].map(|id| deferred(&notification, id, 0, Duration::ZERO)));
    // As a program would that does not know deferrals.
    record(store, &notification, Status::Sent, [2]);
    assert_eq!(store.tally(&notification).unwrap().deferred, 2);
    assert_eq!(due_page(store, &notification, 0, 9), [(1, 1), (3, 1)]);
    assert_eq!(rows(store, &notification), [(1, 1), (3, 1)], "it is deleted");
}

pub fn notifications_with_due_deferrals_are_listed(store: &Store) {
    assert_eq!((due(store, 9), store.time_to_next_deferral().unwrap()), (vec![], None));
    let [first, second, later, running, none] = [0; 5].map(|_| open(store));
    let mut outcomes: Vec<Outcome> = (1..=3).map(|id| deferred(&second, id, 0, Duration::ZERO)).collect();
    outcomes.push(deferred(&later, 1, 0, HOUR));
    record_all(store, &outcomes);
    let next = store.time_to_next_deferral().unwrap().unwrap();
    assert_eq!(next, Duration::ZERO);
    record_all(store, &[first, running].map(|of| deferred(&of, 1, 0, Duration::ZERO)));
    execute(
        store,
        &format!(
            "UPDATE deferrals SET next_try_at = '2020-01-01 00:00:00' WHERE notification_id = {}",
            first.id
        ),
    );
    execute(
        store,
        &format!(
            "UPDATE deferrals SET next_try_at = '2019-01-01 00:00:00' WHERE notification_id = {}",
            running.id
        ),
    );
    for notification in [first, second, later, none] {
        complete(store, notification.id);
    }
    assert_eq!(due(store, 9), [first.id, second.id], "a running one is left to its fan-out");
    assert_eq!(due(store, 1), [first.id]);
    execute(store, &format!("DELETE FROM notifications WHERE id = {}", first.id));
    assert_eq!(due(store, 1), [second.id], "a deferral without a notification holds up no other");
    execute(store, "UPDATE notifications SET kind = 'LATER_KIND'");
    assert_eq!(due(store, 9), []);
}

pub fn the_time_to_the_next_deferral_is_that_of_the_database(store: &Store) {
    let notification = open(store);
    record_all(store, &[deferred(&notification, 1, 0, 2 * HOUR), deferred(&notification, 2, 0, HOUR)]);
    let next = store.time_to_next_deferral().unwrap().unwrap();
    assert!(next <= HOUR && HOUR.abs_diff(next) < Duration::from_secs(60), "{next:?}");
    let at = store.find_next_try(notification.id).unwrap().unwrap();
    let clock = store.run("read the clock", crate::store::backend::dispatch::clock).unwrap();
    assert!((at - clock).to_std().unwrap() <= HOUR, "{at}");
    assert_eq!(store.find_next_try(open(store).id).unwrap(), None);
    assert_eq!(due(store, 9), []);
    assert_eq!(due_page(store, &notification, 0, 9), []);
    execute(store, "UPDATE deferrals SET next_try_at = '2020-01-01 00:00:00' WHERE participant_id = 1");
    assert_eq!(store.time_to_next_deferral().unwrap(), Some(Duration::ZERO));
    let page = store.read_due_page(notification.id, ParticipantId(0), 9).unwrap();
    assert!(page.len() == 1 && page[0].overdue > 24 * HOUR, "{page:?}");
}

pub fn a_later_cancellation_of_the_event_is_found(store: &Store) {
    let cancelled = |event_id| Message::new(Kind::Cancelled, event_id);
    ask(store, &named("before", false), cancelled(EVENT));
    let notification = open(store);
    ask(store, &named("elsewhere", false), cancelled(OTHER_EVENT));
    ask(store, &named("update", false), message(Kind::Updated));
    assert!(!store.is_cancelled_since(&notification).unwrap());
    ask(store, &named("after", false), cancelled(EVENT));
    assert!(store.is_cancelled_since(&notification).unwrap());
    let about_none = Notification { event_id: None, ..notification };
    assert!(!store.is_cancelled_since(&about_none).unwrap());
}

/// More than are read along the index by time.
pub fn of_very_many_due_deferrals_all_are_found(store: &Store) {
    let [big, small, running] = [0; 3].map(|_| open(store));
    record_all(store, &(1..=1500).map(|id| deferred(&big, id, 0, Duration::ZERO)).collect::<Vec<_>>());
    // The larger a key, the longer it has waited.
    execute(
        store,
        "UPDATE deferrals SET next_try_at = '2020-01-01 00:00:00' WHERE participant_id > 750;
         UPDATE deferrals SET next_try_at = '2019-01-01 00:00:00' WHERE participant_id > 1200",
    );
    record_all(store, &[small, running].map(|of| deferred(&of, 1, 0, Duration::ZERO)));
    for notification in [big, small] {
        complete(store, notification.id);
    }
    assert_eq!(due(store, 9), [big.id, small.id], "the many do not hide the others");
    assert_eq!(due(store, 1), [big.id]);
    assert_eq!(due_page(store, &small, 0, 9), [(1, 1)]);

    let (mut found, mut passes) = (Vec::new(), 0);
    while !due_page(store, &big, 0, 1).is_empty() {
        let mut after = 0;
        loop {
            let page = due_page(store, &big, after, 100);
            let Some((last, _)) = page.last() else { break };
            assert!(page.is_sorted() && page[0].0 > after, "{page:?} after {after}");
            after = *last;
            let sent: Vec<Outcome> =
                page.iter().map(|(id, tries)| decided_after(&big, *id, *tries, Status::Sent)).collect();
            record_all(store, &sent);
            found.extend(page.into_iter().map(|(id, _)| id));
        }
        passes += 1;
    }
    found.sort_unstable();
    assert!(found.iter().copied().eq(1..=1500) && passes <= 2, "{} in {passes} passes", found.len());
}

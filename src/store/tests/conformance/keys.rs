//! Every whole number is a key: zero, negative ones, the smallest and the largest.

use super::*;
use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::decided::DecidedPage;
use crate::store::suppressions::NewSuppression;
use crate::store::tests::consumer::*;

const KEYS: [i64; 5] = [i64::MIN, -1, 0, 1, i64::MAX];

/// Participants of [`EVENT`] with these keys. They are changed and not inserted: MySQL takes a 0 for the next number.
fn add_with_keys(store: &Store, keys: &[i64]) {
    add_people(store, EVENT, u32::try_from(keys.len()).unwrap());
    let temporary = 1_000_000;
    execute(store, &format!("UPDATE participants SET id = id + {temporary} WHERE id BETWEEN 1 AND 100"));
    for (n, key) in (1..).zip(keys) {
        execute(store, &format!("UPDATE participants SET id = {key} WHERE id = {}", temporary + n));
    }
}

fn start(me: &mut Consumer<'_>) -> (Notification, Lease) {
    let (_, lease) = me.receive_new();
    (me.store.start_notification(lease).unwrap().unwrap(), lease)
}

fn decide(store: &Store, notification: &Notification, lease: Lease, keys: &[i64]) {
    let outcomes: Vec<Outcome> =
        keys.iter().map(|id| Outcome { lease, ..outcome(notification, *id, Status::Sent) }).collect();
    assert_eq!(store.record_outcomes(&outcomes).unwrap(), BTreeSet::new());
}

fn complete(store: &Store, lease: Lease, after: Option<ParticipantId>) -> Completion {
    store.complete_notifications(&[Completing { lease, after, listed: false }]).unwrap()[0]
}

pub fn every_whole_number_is_paged_in_order(store: &Store) {
    add_with_keys(store, &KEYS);
    for limit in 1..=6 {
        let (mut after, mut read) = (None, Vec::new());
        while read.last() != Some(&i64::MAX) {
            let page = store.read_page(EVENT, after, ParticipantId::MAX, limit).unwrap();
            assert!(!page.is_empty(), "{read:?}");
            after = page.last().map(|last| last.id);
            read.extend(page.into_iter().map(|person| person.id.0));
        }
        assert_eq!(read, KEYS, "pages of {limit}");
    }
    assert_eq!(page(store, -1, 0, 9).len(), 1);
    assert_eq!(store.read_page(EVENT, None, ParticipantId::MIN, 9).unwrap().len(), 1);
}

pub fn a_notification_waits_for_everyone_whatever_the_key(store: &Store) {
    add_with_keys(store, &KEYS);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    assert_eq!(notification.audience, participants_up_to(i64::MAX));
    for missing in KEYS {
        let others: Vec<i64> = KEYS.into_iter().filter(|key| *key != missing).collect();
        execute(store, "DELETE FROM deliveries");
        decide(store, &notification, lease, &others);
        assert_eq!(complete(store, lease, None), Completion::Undecided, "{missing}");
        let tally = store.tally(&notification).unwrap();
        assert_eq!((tally.participants, tally.sent, tally.pending), (5, 4, 1), "{missing}");
        let pages: Vec<DecidedPage> = [None, Some(ParticipantId(-1))]
            .map(|after| store.find_decided_end(&notification, after, 2).unwrap())
            .into();
        assert!(pages.contains(&DecidedPage::Undecided) || missing == i64::MAX, "{missing}: {pages:?}");
    }
    decide(store, &notification, lease, &KEYS);
    let read = store.decided_between(notification.id, None, ParticipantId::MAX).unwrap();
    assert_eq!(read.len(), KEYS.len());
    let page = store.find_decided_end(&notification, None, 2).unwrap();
    assert_eq!(page, DecidedPage::UpTo(ParticipantId(-1)));
    assert_eq!(complete(store, lease, Some(ParticipantId(-1))), Completion::Completed);
    assert_eq!(store.tally(&notification).unwrap().pending, 0);
}

/// Four in one statement, as a recorder does it with the last outcomes of small notifications.
pub fn many_notifications_wait_for_everyone_whatever_the_key(store: &Store) {
    add_with_keys(store, &[-5, 0]);
    let mut me = Consumer::begin(store, "me", 1);
    let started: Vec<(Notification, Lease)> = (0..5).map(|_| start(&mut me)).collect();
    for (n, (notification, lease)) in started.iter().enumerate() {
        let decided: &[i64] = if n == 2 { &[0] } else { &[-5, 0] };
        decide(store, notification, *lease, decided);
    }
    let completing: Vec<Completing> =
        started.iter().map(|(_, lease)| Completing { lease: *lease, after: None, listed: false }).collect();
    let completions = store.complete_notifications(&completing).unwrap();
    let undecided: Vec<usize> = (0..5).filter(|n| completions[*n] == Completion::Undecided).collect();
    assert_eq!(undecided, [2]);
}

pub fn an_audience_of_keys_of_zero_and_below_is_frozen(store: &Store) {
    add_with_keys(store, &[-7, -3]);
    let mut me = Consumer::begin(store, "me", 1);
    let (opened, lease) = me.receive_new();
    assert_eq!(opened.audience, participants_up_to(-3));
    execute(store, "UPDATE participants SET id = 0 WHERE id = -3");
    execute(store, "INSERT INTO participants (id, event_id, name) VALUES (-9, 7, '')");
    let started = store.start_notification(lease).unwrap().unwrap();
    assert_eq!(started.audience, participants_up_to(-3), "who joins later is not part of it");
    decide(store, &started, lease, &[-7]);
    assert_eq!(complete(store, lease, None), Completion::Undecided, "a late commit with a lower key");
    decide(store, &started, lease, &[-9]);
    assert_eq!(complete(store, lease, None), Completion::Completed);

    let (opened, lease) = me.receive_new();
    assert_eq!(opened.audience, participants_up_to(0));
    execute(store, "INSERT INTO participants (id, event_id, name) VALUES (5, 7, '')");
    assert_eq!(store.start_notification(lease).unwrap().unwrap().audience, participants_up_to(0));
}

pub fn who_comes_before_the_fan_out_of_an_empty_event_is_part_of_it(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let leases: Vec<Lease> = (0..2).map(|_| me.receive_new().1).collect();
    // As versions before 0.2.0 wrote it.
    let id = leases[1].notification_id;
    execute(store, &format!("UPDATE notifications SET max_participant_id = 0 WHERE id = {id}"));
    add_with_keys(store, &[3]);
    for lease in leases {
        assert_eq!(store.start_notification(lease).unwrap().unwrap().audience, participants_up_to(3));
    }
}

pub fn deferrals_are_due_whatever_the_key(store: &Store) {
    add_with_keys(store, &KEYS);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    let pause = Duration::ZERO;
    let verdict = Verdict::Deferred { pause, code: Some(450), detail: "4.2.2 full".to_owned() };
    let outcomes: Vec<Outcome> = KEYS
        .iter()
        .map(|id| Outcome {
            lease,
            verdict: verdict.clone(),
            deferrals: 1,
            ..outcome(&notification, *id, Status::Sent)
        })
        .collect();
    store.record_outcomes(&outcomes).unwrap();
    assert_eq!(store.deferrals_between(notification.id, None, ParticipantId::MAX).unwrap().len(), KEYS.len());
    for limit in 1..=6 {
        let (mut after, mut read) = (None, Vec::new());
        loop {
            let page = due_people(store, &notification, after, limit);
            let Some((last, _)) = page.last() else { break };
            after = Some(last.participant_id);
            assert!(page.iter().all(|(_, participant)| participant.is_some()));
            read.extend(page.iter().map(|(deferral, _)| deferral.participant_id.0));
        }
        assert_eq!(read, KEYS, "pages of {limit}");
    }
}

/// Whoever reads them goes on behind the last one of a page, until a page is empty.
pub fn pages_of_outcomes_end_behind_the_largest_key(store: &Store) {
    add_with_keys(store, &KEYS);
    let notification = open(store);
    record(store, &notification, Status::Failed, KEYS);
    let failures = |after| store.read_failures(&notification, None, after, 9).unwrap().len();
    assert_eq!([None, Some(ParticipantId(0)), Some(ParticipantId::MAX)].map(failures), [5, 2, 0]);

    let skip = |verdict: &Verdict| {
        execute(store, "DELETE FROM deliveries");
        let skipped =
            |id| Outcome { verdict: verdict.clone(), ..outcome(&notification, id, Status::Skipped) };
        assert!(store.record_outcomes(&KEYS.map(skipped)).unwrap().is_empty());
    };
    skip(&Verdict::same_address(ParticipantId(5)));
    let skipped = |after| store.read_skipped_for_address(notification.id, after, 9).unwrap().len();
    assert_eq!([None, Some(ParticipantId(0)), Some(ParticipantId::MAX)].map(skipped), [5, 2, 0]);

    skip(&Verdict::suppressed(SuppressionReason::Blocked));
    let key = store.address_key().unwrap();
    let suppression = |person: Participant| NewSuppression {
        hash: key.hash(&person.email.unwrap()).unwrap(),
        address: None,
        scope: SuppressionScope::All,
        reason: SuppressionReason::Blocked,
        source: SuppressionSource::Command,
    };
    let people = store.read_page(EVENT, None, ParticipantId::MAX, 9).unwrap();
    store.add_suppressions(&people.into_iter().map(suppression).collect::<Vec<_>>()).unwrap();
    let reopened = store.reopen_suppressed(first_lease(notification.id), &notification, false).unwrap();
    assert_eq!(reopened, Some(0));
}

pub fn an_event_may_have_any_key(store: &Store) {
    let ids: Vec<i64> = vec![i64::MIN, -1, i64::MAX];
    for id in &ids {
        execute(store, &format!("INSERT INTO events (id, title) VALUES ({id}, 'event {id}')"));
    }
    execute(store, "UPDATE events SET id = 0 WHERE id = -1");
    for id in [i64::MIN, 0, i64::MAX] {
        assert_eq!(store.find_event(EventId::Number(id)).unwrap().unwrap().id, EventId::Number(id));
    }
    assert_eq!(store.find_event(EventId::Number(-1)).unwrap(), None);
}

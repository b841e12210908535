//! Deferrals, outcomes and leases in any order: the ledger adds up, and no participant is forgotten.

use std::collections::BTreeMap;

use super::*;
use crate::domain::outcome::Tally;
use crate::store::tests::consumer::{look, take_over};

const PEOPLE: i64 = 12;

fn defer(notification: &Notification, id: i64, deferrals: u32) -> Outcome {
    let verdict = Verdict::deferred(Duration::ZERO, Some(450), "4.2.0 greylisted");
    Outcome { deferrals, verdict, ..outcome(notification, id, Status::Failed) }
}

pub fn a_completed_notification_with_deferrals_is_leased_by_one_worker(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open_and_hold(store);
    assert!(store.record_outcomes(&[1, 2].map(|id| defer(&notification, id, 0))).unwrap().is_empty());
    complete(store, notification.id);
    let seen = look(store, notification.id);
    assert_eq!((seen.state, &seen.holder), (NotificationState::Completed, &None));
    let sweep = take_over(store, &seen, "a sweep").unwrap();
    assert_eq!(take_over(store, &seen, "another sweep"), None);
    assert_eq!(store.renew_leases(&[sweep], &lease_request("a sweep")).unwrap(), []);
    let listed = store.list_due_notifications(9).unwrap();
    assert_eq!(listed.len(), 1, "only time shows whether its holder is alive");
    assert_eq!(listed[0].holder.as_ref().unwrap().owner, "a sweep");

    // Its message comes again: it is acked, and the lease stays.
    let again = ask(store, &without_message_id(true), message(Kind::Updated));
    assert_eq!(again, Opened::Completed(notification));

    let outcomes = [
        Outcome { lease: sweep, deferrals: 1, ..outcome(&notification, 1, Status::Sent) },
        Outcome { lease: sweep, ..defer(&notification, 2, 1) },
    ];
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    store.release_lease(sweep).unwrap();
    let seen = look(store, notification.id);
    assert_eq!((seen.state, &seen.holder), (NotificationState::Completed, &None));
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.sent, tally.deferred, tally.pending), (1, 1, 0));
}

/// The event of the notification is gone: until `fanmail retry` sends them, its deferred mails keep no sweep awake, however
/// many they are.
pub fn deferrals_of_an_abandoned_notification_are_not_due(store: &Store) {
    let (abandoned, completed) = (open_and_hold(store), open(store));
    let outcomes: Vec<Outcome> = (1..=1500).map(|id| defer(&abandoned, id, 0)).collect();
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    assert_eq!(store.time_to_next_deferral().unwrap(), Some(Duration::ZERO), "it is running");
    assert!(store.abandon_notification(first_lease(abandoned.id), "the event is gone").unwrap());
    assert_eq!(store.time_to_next_deferral().unwrap(), None);
    assert_eq!(store.list_due_notifications(9).unwrap(), []);

    assert!(store.record_outcomes(&[defer(&completed, 1, 0)]).unwrap().is_empty());
    complete(store, completed.id);
    assert_eq!(store.time_to_next_deferral().unwrap(), Some(Duration::ZERO));
    let due = store.list_due_notifications(9).unwrap();
    assert_eq!(due.iter().map(|record| record.notification.id).collect::<Vec<_>>(), [completed.id]);
    assert_eq!(store.read_due_page(completed.id, ParticipantId(0), 9).unwrap().len(), 1);
}

pub fn reopening_failures_leaves_deferrals_as_they_are(store: &Store) {
    add_people(store, EVENT, 4);
    let notification = open(store);
    record(store, &notification, Status::Failed, [1, 2]);
    assert!(store.record_outcomes(&[3, 4].map(|id| defer(&notification, id, 0))).unwrap().is_empty());
    complete(store, notification.id);
    let retry = take_over(store, &look(store, notification.id), "a retry").unwrap();
    assert_eq!(store.reopen_failed(retry, false).unwrap(), Some(2));
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.failed, tally.deferred, tally.pending), (0, 2, 2));
    let outcomes = [
        Outcome { lease: retry, ..defer(&notification, 1, 0) },
        Outcome { lease: retry, deferrals: 1, ..outcome(&notification, 3, Status::Sent) },
    ];
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    let tally = store.tally(&notification).unwrap();
    let expected = Tally { participants: 4, sent: 1, deferred: 2, pending: 1, ..Tally::default() };
    assert_eq!(tally, expected, "an interrupted retry leaves the others to the sweep");
}

/// What the ledger must say of one participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Deferred(u32),
    Decided(Status),
}

/// The rules, without a database.
struct Model {
    states: BTreeMap<i64, State>,
    left: HashSet<i64>,
}

impl Model {
    fn apply(&mut self, batch: &[Outcome]) {
        let (deferred, decided): (Vec<_>, Vec<_>) =
            batch.iter().partition(|outcome| outcome.verdict.status().is_none());
        for outcome in decided.into_iter().chain(deferred) {
            let state = self.states.get_mut(&outcome.participant_id.0).unwrap();
            *state = match (*state, outcome.verdict.status()) {
                (State::Decided(status), _) | (_, Some(status)) => State::Decided(status),
                (State::Deferred(tries), None) => State::Deferred(tries.max(outcome.deferrals + 1)),
                (State::Pending, None) => State::Deferred(outcome.deferrals + 1),
            };
        }
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (id, state) in &self.states {
            match state {
                State::Pending if self.left.contains(id) => continue,
                State::Pending => tally.pending += 1,
                State::Deferred(_) => tally.deferred += 1,
                State::Decided(Status::Sent) => tally.sent += 1,
                State::Decided(Status::Failed) => tally.failed += 1,
                State::Decided(Status::Skipped) => tally.skipped += 1,
                State::Decided(status) => panic!("no mail came back: {status}"),
            }
            tally.participants += 1;
        }
        tally
    }

    fn deferred(&self) -> BTreeMap<i64, u32> {
        let tries = |(id, state): (&i64, &State)| match state {
            State::Deferred(tries) => Some((*id, *tries)),
            _ => None,
        };
        self.states.iter().filter_map(tries).collect()
    }

    /// What a worker that has read the ledger may find out about some participants.
    fn batch(&self, random: &mut fastrand::Rng, notification: &Notification, lease: Lease) -> Vec<Outcome> {
        let size = random.usize(1..5);
        // A fan-out sends one mail of a participant at a time, so a batch has one outcome of each.
        let ids = random.choose_multiple(1..=PEOPLE, size);
        ids.into_iter()
            .map(|id| {
                let deferrals = match self.states[&id] {
                    State::Deferred(tries) => tries,
                    _ => 0,
                };
                let outcome =
                    match random.choice([None, None, Some(Status::Sent), Some(Status::Failed)]).unwrap() {
                        Some(status) => Outcome { deferrals, ..outcome(notification, id, status) },
                        None => defer(notification, id, deferrals),
                    };
                Outcome { lease, ..outcome }
            })
            .collect()
    }
}

pub fn deferrals_and_outcomes_add_up_in_any_order(store: &Store) {
    for seed in 0..4 {
        let random = &mut fastrand::Rng::with_seed(seed);
        run_at_random(store, random, &format!("seed {seed}"));
        execute(store, "DELETE FROM participants");
    }
}

fn run_at_random(store: &Store, random: &mut fastrand::Rng, name: &str) {
    let people: Vec<String> = (1..=PEOPLE).map(|id| format!("({id}, {EVENT})")).collect();
    execute(store, &format!("INSERT INTO participants (id, event_id) VALUES {}", people.join(", ")));
    let notification = open(store);
    complete(store, notification.id);
    let mut model =
        Model { states: (1..=PEOPLE).map(|id| (id, State::Pending)).collect(), left: HashSet::new() };
    let mut lease = first_lease(notification.id);
    let mut batches: Vec<Vec<Outcome>> = Vec::new();
    for step in 0..60 {
        match random.u32(0..10) {
            // A lost reply to a commit, or an earlier statement that the server executes late.
            0..3 if !batches.is_empty() => {
                let batch = random.choice(&batches).unwrap();
                let refused = store.record_outcomes(batch).unwrap();
                assert_eq!(refused.is_empty(), batch[0].lease == lease, "{name}, step {step}");
                if batch[0].lease == lease {
                    model.apply(batch);
                }
            }
            3 => lease = take_over(store, &look(store, notification.id), name).unwrap(),
            4 => {
                lease = take_over(store, &look(store, notification.id), name).unwrap();
                store.reopen_failed(lease, true).unwrap().unwrap();
                for state in model.states.values_mut() {
                    if *state == State::Decided(Status::Failed) {
                        *state = State::Pending;
                    }
                }
            }
            5 => {
                let id = random.i64(1..=PEOPLE);
                execute(store, &format!("DELETE FROM participants WHERE id = {id}"));
                model.left.insert(id);
            }
            _ => {
                let batch = model.batch(random, &notification, lease);
                assert!(store.record_outcomes(&batch).unwrap().is_empty(), "{name}, step {step}");
                model.apply(&batch);
                batches.push(batch);
            }
        }
        let tally = store.tally(&notification).unwrap();
        let tally = Tally { failed_permanent: 0, ..tally };
        assert_eq!(tally, model.tally(), "{name}, step {step}");
        assert!(tally.adds_up(), "{name}, step {step}");
        let due = store.read_due_page(notification.id, ParticipantId(0), 100).unwrap();
        let due: BTreeMap<i64, u32> = due.iter().map(|found| (found.participant_id.0, found.tries)).collect();
        assert_eq!(due, model.deferred(), "{name}, step {step}");
    }
    assert!(batches.len() > 10, "else this proves little");
}

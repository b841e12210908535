//! A batch of the recorder is one transaction: outcomes, then completions, then acks. What is refused of it concerns its own
//! notification only.

use std::time::Instant;

use super::*;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::batch::{LedgerBatch, RecordedBatch};
use crate::store::ledger::opening::Opened;
use crate::store::tests::consumer::*;

/// A running notification, with the receipt of its message.
struct Sent {
    notification: Notification,
    lease: Lease,
    tag: u64,
}

/// What goes into a batch.
#[derive(Default)]
struct Batch {
    outcomes: Vec<Outcome>,
    completing: Vec<Completing>,
    acked: Vec<AckedMessage>,
}

impl Batch {
    /// Mails to these people, the completion, and the ack.
    fn add(&mut self, sent: &Sent, people: impl IntoIterator<Item = i64>) {
        let Sent { notification, lease, tag } = sent;
        let outcome = |id| Outcome { lease: *lease, ..outcome(notification, id, Status::Sent) };
        self.outcomes.extend(people.into_iter().map(outcome));
        self.completing.push(Completing { lease: *lease, after: None, listed: false });
        self.acked.push(AckedMessage {
            notification_id: notification.id,
            session: "me/1".to_owned(),
            tag: *tag,
            sent_at: Instant::now(),
        });
    }

    fn record(&self, store: &Store) -> RecordedBatch {
        store.record_batch(self.all()).unwrap()
    }

    fn all(&self) -> LedgerBatch<'_> {
        let Self { outcomes, completing, acked } = self;
        LedgerBatch { outcomes, completing, acked, ..LedgerBatch::default() }
    }
}

fn start(me: &mut Consumer<'_>) -> Sent {
    let (_, lease) = me.receive_new();
    let notification = me.store.start_notification(lease).unwrap().unwrap();
    Sent { notification, lease, tag: me.tag }
}

/// State, number of decided people, whether a process has its lease, and whether it is acked.
fn found(store: &Store, sent: &Sent) -> (NotificationState, usize, bool, bool) {
    let record = look(store, sent.notification.id);
    let decided = decided(store, sent.notification.id, 0, i64::MAX).len();
    (record.state, decided, record.holder.is_some(), record.acked_at.is_some())
}

pub fn a_batch_records_outcomes_before_completions_and_may_be_repeated(store: &Store) {
    add_people(store, EVENT, 2);
    let mut me = Consumer::begin(store, "me", 1);
    let (first, second) = (start(&mut me), start(&mut me));
    let mut batch = Batch::default();
    batch.add(&first, [1, 2]);
    batch.add(&second, [1]);
    let pause = Duration::from_secs(300);
    let verdict = Verdict::Deferred { pause, code: Some(450), detail: "4.2.2 full".to_owned() };
    batch.outcomes.push(Outcome { lease: second.lease, verdict, ..batch.outcomes[1].clone() });
    let recorded = RecordedBatch { refused: BTreeSet::new(), completions: vec![Completion::Completed; 2] };
    assert_eq!(batch.record(store), recorded);
    assert_eq!(found(store, &first), (NotificationState::Completed, 2, false, true));
    assert_eq!(found(store, &second), (NotificationState::Completed, 1, false, true));
    let records = || [&first, &second].map(|sent| look(store, sent.notification.id));
    let before = records();
    assert_eq!(batch.record(store), recorded, "the reply was lost");
    assert_eq!(records(), before, "the times are the first ones");
    assert_eq!(store.tally(&second.notification).unwrap().deferred, 1);
}

pub fn what_a_batch_refuses_does_not_hold_up_the_others(store: &Store) {
    refuse_some(store, 0);
}

/// So many that each kind has a statement for all.
pub fn what_a_large_batch_refuses_does_not_hold_up_the_others(store: &Store) {
    refuse_some(store, 3);
}

fn refuse_some(store: &Store, more: usize) {
    use Completion::{Completed, LeaseLost, Undecided};
    add_people(store, EVENT, 2);
    let mut me = Consumer::begin(store, "me", 1);
    let [lost, missing, mut stale, mut vanished] = [(); 4].map(|()| start(&mut me));
    let good: Vec<Sent> = (0..=more).map(|_| start(&mut me)).collect();
    let seen = look(store, lost.notification.id);
    let until = seen.holder.map(|holder| holder.until);
    store.take_over(lost.lease, until, lost.lease.epoch.next(), &lease_request("they")).unwrap().unwrap();
    stale.tag = good[0].tag;
    vanished.lease.notification_id = NotificationId(vanished.lease.notification_id.0 + 1000);
    let mut batch = Batch::default();
    batch.add(&good[0], [1, 2]);
    batch.add(&vanished, [1, 2]);
    batch.add(&missing, [2]);
    good[1..].iter().for_each(|sent| batch.add(sent, [1, 2]));
    batch.add(&stale, [1, 2]);
    batch.add(&lost, [1, 2]);
    batch.acked[1].session = "me/2".to_owned();
    let recorded = batch.record(store);
    assert_eq!(recorded.refused, BTreeSet::from([lost.lease, vanished.lease]));
    let completions =
        [vec![Completed, LeaseLost, Undecided], vec![Completed; more], vec![Completed, LeaseLost]];
    assert_eq!(recorded.completions, completions.concat());
    for sent in &good {
        assert_eq!(found(store, sent), (NotificationState::Completed, 2, false, true));
    }
    // The broker has an ack whatever became of the mails.
    assert_eq!(found(store, &missing), (NotificationState::Running, 1, true, true));
    assert_eq!(found(store, &lost), (NotificationState::Running, 0, true, true));
    assert_eq!(found(store, &stale), (NotificationState::Completed, 2, false, false), "another receipt");
    assert_eq!(found(store, &vanished), (NotificationState::Running, 0, true, false), "another session");
}

/// Another worker has taken over between the outcome and the completion: no participant may be left out.
pub fn refused_outcomes_of_a_batch_decide_nothing(store: &Store) {
    add_people(store, EVENT, 1);
    let mut me = Consumer::begin(store, "me", 1);
    let old = start(&mut me);
    store.release_lease(old.lease).unwrap();
    let newer =
        store.take_over(old.lease, None, old.lease.epoch.next(), &lease_request("me")).unwrap().unwrap();
    let mut batch = Batch::default();
    batch.add(&old, [1]);
    batch.completing[0].lease = newer;
    let recorded = batch.record(store);
    assert_eq!(recorded.refused, BTreeSet::from([old.lease]));
    assert_eq!(recorded.completions, [Completion::Undecided]);
    assert_eq!(found(store, &old), (NotificationState::Running, 0, true, true));
}

/// A message that was published twice has two receipts, and its notification keeps the first one.
pub fn of_two_receipts_in_a_batch_the_first_one_counts(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let opened = [(); 2].map(|()| me.receive((Some("a"), false)));
    let id = id_of(&opened[0]);
    assert!(matches!(opened[1], Opened::Held { .. }) && id_of(&opened[1]) == id, "{opened:?}");
    let (session, sent_at) = ("me/1", Instant::now());
    let acked = |tag| AckedMessage { notification_id: id, session: session.to_owned(), tag, sent_at };
    for (tags, ids) in [(vec![2; 5], vec![]), (vec![2, 1, 2, 2, 2], vec![id])] {
        let acks: Vec<AckedMessage> = tags.into_iter().map(acked).collect();
        store.record_batch(LedgerBatch { acked: &acks, ..LedgerBatch::default() }).unwrap();
        assert_eq!(store.find_acked(&[id]).unwrap(), ids);
    }
}

pub fn a_batch_that_fails_leaves_nothing_behind(store: &Store) {
    add_people(store, EVENT, 1);
    let mut me = Consumer::begin(store, "me", 1);
    let sent = start(&mut me);
    let mut batch = Batch::default();
    batch.add(&sent, [1]);
    // The last of its statements fails.
    execute(store, "ALTER TABLE notifications RENAME COLUMN acked_at TO away");
    store.record_batch(batch.all()).unwrap_err();
    execute(store, "ALTER TABLE notifications RENAME COLUMN away TO acked_at");
    assert_eq!(found(store, &sent), (NotificationState::Running, 0, true, false));
    assert_eq!(batch.record(store).completions, [Completion::Completed]);
}

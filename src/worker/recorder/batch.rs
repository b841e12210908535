//! The recorder's desk. Entries gather here without waking anybody, until somebody cannot go on before theirs is
//! committed: then the recorder takes all of them at once (group commit on demand). Where no company comes, because
//! there are few lanes or the relay is slow, each entry is written at once instead, while its lane goes about the next
//! mail.
//!
//! Refuses to let an entry lie about: one that nobody asks for is taken after a while all the same. That bounds for how
//! long a lane that waits for something else, the breaker or the limit of mails a second, has one unwritten.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::worker::recorder::entry::LedgerWrite;

/// The side of those who have something written. The recorder ends when all clones are gone.
#[derive(Debug)]
pub struct BatchSender {
    shared: Arc<BatchShared>,
}

/// The recorder's side.
#[derive(Debug)]
pub struct BatchReceiver {
    shared: Arc<BatchShared>,
    linger: Duration,
}

#[derive(Debug)]
struct BatchShared {
    state: Mutex<BatchState>,
    /// Only the recorder waits here.
    wake: Condvar,
}

#[derive(Debug)]
struct BatchState {
    pending: Vec<LedgerWrite>,
    /// The number of the group that gathers.
    batch: u64,
    /// Somebody cannot go on before it is committed.
    flush_requested: bool,
    /// The last group was a single entry: there is nothing to be gained by waiting for more.
    last_batch_was_single: bool,
    receiver: ReceiverState,
    senders: usize,
}

/// What has to happen for the recorder to look at the desk. It is woken for nothing less: a thread that wakes costs
/// more than an entry that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReceiverState {
    /// Nothing: it is writing, or about to look.
    Busy,
    /// A group is wanted, or has gathered for long enough.
    WaitingForFlush,
    /// Anything.
    WaitingForAnything,
}

/// A desk, and what gathers on it: for `linger`, if nobody asks for it.
#[must_use]
pub fn batch_queue(linger: Duration) -> (BatchSender, BatchReceiver) {
    let state = BatchState {
        pending: Vec::new(),
        batch: 0,
        flush_requested: false,
        last_batch_was_single: true,
        receiver: ReceiverState::Busy,
        senders: 1,
    };
    let shared = Arc::new(BatchShared { state: Mutex::new(state), wake: Condvar::new() });
    (BatchSender { shared: Arc::clone(&shared) }, BatchReceiver { shared, linger })
}

impl BatchSender {
    /// Leaves an entry, to be written before long, and returns the number of its group.
    #[must_use]
    pub fn push(&self, write: LedgerWrite) -> u64 {
        let mut state = self.shared.lock();
        state.pending.push(write);
        let batch = state.batch;
        state.flush_requested |= state.last_batch_was_single;
        if state.flush_requested || state.receiver == ReceiverState::WaitingForAnything {
            self.shared.wake(state);
        }
        batch
    }

    /// Has a group written now. Nothing happens when it was taken already.
    pub fn flush(&self, batch: u64) {
        let mut state = self.shared.lock();
        if state.batch == batch && !state.flush_requested {
            state.flush_requested = true;
            self.shared.wake(state);
        }
    }
}

impl Clone for BatchSender {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for BatchSender {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders -= 1;
        if state.senders == 0 {
            self.shared.wake(state);
        }
    }
}

impl BatchReceiver {
    /// Waits until what has gathered is wanted, or has waited for long enough. Nothing has gathered only when
    /// nobody is left who could leave anything.
    #[must_use]
    pub fn next_batch(&self) -> Vec<LedgerWrite> {
        let mut state = self.shared.lock();
        while !state.flush_requested && state.senders > 0 {
            state.receiver = ReceiverState::WaitingForFlush;
            let waited = self.shared.wake.wait_timeout(state, self.linger);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            // What happened just when its time was over is seen by the loop.
            if !timeout.timed_out() || state.senders == 0 {
                continue;
            }
            if !state.pending.is_empty() {
                break;
            }
            state.receiver = ReceiverState::WaitingForAnything;
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.receiver = ReceiverState::Busy;
        drop(state);
        // Lanes that only want a processor leave their entries first; where there are none, this takes no time.
        thread::yield_now();
        let mut state = self.shared.lock();
        state.flush_requested = false;
        state.batch += 1;
        state.last_batch_was_single = state.pending.len() <= 1;
        std::mem::take(&mut state.pending)
    }
}

impl BatchShared {
    fn wake(&self, mut state: MutexGuard<'_, BatchState>) {
        if state.receiver != ReceiverState::Busy {
            state.receiver = ReceiverState::Busy;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BatchState> {
        // Nothing that is done under the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crossbeam_channel::{Receiver, unbounded};

    use super::*;
    use crate::domain::ids::{EventId, NotificationId};

    const NEVER: Duration = Duration::from_secs(3600);
    const PATIENCE: Duration = Duration::from_secs(20);

    fn write(id: i64) -> LedgerWrite {
        LedgerWrite::Acked {
            notification_id: NotificationId(id),
            event_id: EventId(1),
            recorded: unbounded().0,
        }
    }

    /// A recorder that hands over what it takes, until there is nothing any more.
    fn receive_all(batches: BatchReceiver) -> Receiver<Vec<i64>> {
        let (sender, received) = unbounded();
        thread::spawn(move || {
            loop {
                let ids: Vec<i64> =
                    batches.next_batch().iter().map(|write| write.notification_id().0).collect();
                let is_last = ids.is_empty();
                sender.send(ids).unwrap();
                if is_last {
                    return;
                }
            }
        });
        received
    }

    fn wait_until(batch_sender: &BatchSender, expected: ReceiverState) {
        let deadline = Instant::now() + PATIENCE;
        while batch_sender.shared.lock().receiver != expected {
            assert!(Instant::now() < deadline, "the recorder is not {expected:?}");
            thread::yield_now();
        }
    }

    #[test]
    fn a_group_that_is_wanted_is_taken_at_once_with_all_that_has_gathered() {
        let (batch_sender, batches) = batch_queue(NEVER);
        batch_sender.shared.lock().last_batch_was_single = false;
        let received = receive_all(batches);
        wait_until(&batch_sender, ReceiverState::WaitingForFlush);
        let batch = batch_sender.push(write(1));
        assert_eq!(batch_sender.clone().push(write(2)), batch);
        assert_eq!(
            batch_sender.shared.lock().receiver,
            ReceiverState::WaitingForFlush,
            "nobody has asked for them"
        );
        batch_sender.flush(batch);
        assert_eq!(received.recv_timeout(PATIENCE).unwrap(), [1, 2]);
        assert_ne!(batch_sender.push(write(3)), batch, "that is gathering for the next one");
        batch_sender.flush(batch);
        assert!(!batch_sender.shared.lock().flush_requested, "it was taken already");
    }

    #[test]
    fn while_no_company_comes_an_entry_does_not_wait_for_it() {
        let (batch_sender, batches) = batch_queue(NEVER);
        for id in 1..=3 {
            let _group = batch_sender.push(write(id));
            assert_eq!(batches.next_batch().len(), 1, "though nobody has asked for it");
        }
        let _group = (batch_sender.push(write(4)), batch_sender.push(write(5)));
        assert_eq!(batches.next_batch().len(), 2);
        let batch = batch_sender.push(write(6));
        assert!(!batch_sender.shared.lock().flush_requested, "more may come, as it did before");
        batch_sender.flush(batch);
        assert_eq!(batches.next_batch().len(), 1);
    }

    #[test]
    fn an_entry_that_nobody_asks_for_is_taken_all_the_same_even_from_a_recorder_that_sleeps() {
        let (batch_sender, batches) = batch_queue(Duration::from_millis(1));
        let received = receive_all(batches);
        for id in 1..=3 {
            wait_until(&batch_sender, ReceiverState::WaitingForAnything);
            batch_sender.shared.lock().last_batch_was_single = false;
            let _group = batch_sender.push(write(id));
            assert_eq!(received.recv_timeout(PATIENCE).unwrap(), [id]);
            batch_sender.shared.lock().last_batch_was_single = false;
            let _group = batch_sender.push(write(10 + id));
            assert_eq!(received.recv_timeout(PATIENCE).unwrap(), [10 + id]);
        }
    }

    #[test]
    fn the_last_one_may_leave_in_the_moment_in_which_a_doze_is_over() {
        let (batch_sender, batches) = batch_queue(Duration::from_millis(50));
        let received = receive_all(batches);
        wait_until(&batch_sender, ReceiverState::WaitingForFlush);
        let mut state = batch_sender.shared.lock();
        assert_eq!(state.receiver, ReceiverState::WaitingForFlush);
        // The doze ends while the lock is not to be had.
        thread::sleep(Duration::from_millis(200));
        state.senders -= 1;
        batch_sender.shared.wake(state);
        std::mem::forget(batch_sender);
        assert_eq!(received.recv_timeout(PATIENCE).unwrap(), Vec::<i64>::new());
    }

    #[test]
    fn nothing_is_lost_at_the_end() {
        let (batch_sender, batches) = batch_queue(NEVER);
        batch_sender.shared.lock().last_batch_was_single = false;
        let received = receive_all(batches);
        wait_until(&batch_sender, ReceiverState::WaitingForFlush);
        let first = batch_sender.push(write(1));
        let other = batch_sender.clone();
        drop(batch_sender);
        assert_eq!(other.push(write(2)), first);
        assert!(received.is_empty(), "somebody may still come");
        drop(other);
        assert_eq!(received.iter().collect::<Vec<_>>(), [vec![1, 2], vec![]]);
    }
}

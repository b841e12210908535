//! Group-commit queue in front of the recorder. `push` wakes no thread while batches are larger than one write. `flush`
//! wakes the recorder, because a lane is blocked on its commit or idle, or an ack is to be recorded; the recorder then
//! takes everything that is pending (group commit on demand). After a batch of one, batching gains nothing, and the next
//! write is committed at once. `linger` bounds how long the write of a paused lane (breaker, rate limit) stays
//! uncommitted. What is written is left to `entry`, the commit to the recorder.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::sync::lock;
use crate::worker::recorder::entry::LedgerWrite;

/// The lanes' and the dispatcher's end. The recorder ends when all clones are dropped.
#[derive(Debug)]
pub struct BatchSender {
    shared: Arc<BatchShared>,
}

/// The recorder's end.
#[derive(Debug)]
pub struct BatchReceiver {
    shared: Arc<BatchShared>,
    linger: Duration,
}

#[derive(Debug)]
struct BatchShared {
    state: Mutex<BatchState>,
    /// Only the recorder waits on it.
    wake: Condvar,
}

#[derive(Debug)]
struct BatchState {
    pending: Vec<LedgerWrite>,
    /// The number of the batch that is pending.
    batch: u64,
    /// The pending batch is to be written now: `flush` was called, or the last batch was a single write.
    flush_requested: bool,
    /// The last batch was a single write: waiting for more gains nothing.
    last_batch_was_single: bool,
    receiver: ReceiverState,
    senders: usize,
}

/// What wakes the recorder. Nothing less does: waking a thread costs more than writing an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReceiverState {
    /// Nothing: it is writing, or about to look at what is pending.
    Busy,
    /// A flush, or the end of `linger`.
    WaitingForFlush,
    /// Any write.
    WaitingForAnything,
}

/// A queue whose writes are taken after `linger` at the latest, unless the recorder is still busy.
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
    /// Queues a write, and returns the number of its batch for [`Self::flush`]. Never blocks on the database.
    #[must_use]
    pub fn push(&self, write: LedgerWrite) -> u64 {
        let mut state = lock(&self.shared.state);
        state.pending.push(write);
        let batch = state.batch;
        state.flush_requested |= state.last_batch_was_single;
        if state.flush_requested || state.receiver == ReceiverState::WaitingForAnything {
            self.shared.wake(state);
        }
        batch
    }

    /// Has a batch committed now. Does nothing when the recorder has taken it already.
    pub fn flush(&self, batch: u64) {
        let mut state = lock(&self.shared.state);
        if state.batch == batch && !state.flush_requested {
            state.flush_requested = true;
            self.shared.wake(state);
        }
    }
}

impl Clone for BatchSender {
    fn clone(&self) -> Self {
        lock(&self.shared.state).senders += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for BatchSender {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.senders -= 1;
        if state.senders == 0 {
            self.shared.wake(state);
        }
    }
}

impl BatchReceiver {
    /// Waits for a batch: until a flush is requested or `linger` is over. Empty only when no sender is left.
    #[must_use]
    pub fn next_batch(&self) -> Vec<LedgerWrite> {
        self.wait_until_due();
        // Lanes that only need a processor push their writes first; without such lanes this takes no time.
        thread::yield_now();
        let mut state = lock(&self.shared.state);
        state.flush_requested = false;
        state.batch += 1;
        state.last_batch_was_single = state.pending.len() <= 1;
        std::mem::take(&mut state.pending)
    }

    fn wait_until_due(&self) {
        let mut state = lock(&self.shared.state);
        while !state.flush_requested && state.senders > 0 {
            state.receiver = ReceiverState::WaitingForFlush;
            let waited = self.shared.wake.wait_timeout(state, self.linger);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            // What happened just as the time was over is seen by the loop.
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
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crossbeam_channel::{Receiver, unbounded};

    use super::*;
    use crate::domain::ids::NotificationId;
    use crate::domain::session::Receipt;
    use crate::store::ledger::acks::AckedMessage;

    const NEVER: Duration = Duration::from_secs(3600);
    const TIMEOUT: Duration = Duration::from_secs(20);

    fn write(id: i64) -> LedgerWrite {
        let (notification_id, session) = (NotificationId(id), String::new());
        let message = AckedMessage { notification_id, session, tag: 1, sent_at: Instant::now() };
        LedgerWrite::Acked { message, receipt: Receipt { session: 1, tag: 1 }, recorded: unbounded().0 }
    }

    /// A recorder that hands over the batches that it takes, and ends after the last one.
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
        let deadline = Instant::now() + TIMEOUT;
        while lock(&batch_sender.shared.state).receiver != expected {
            assert!(Instant::now() < deadline, "the recorder is not {expected:?}");
            thread::yield_now();
        }
    }

    #[test]
    fn a_flush_takes_everything_that_is_pending_at_once() {
        let (batch_sender, batches) = batch_queue(NEVER);
        lock(&batch_sender.shared.state).last_batch_was_single = false;
        let received = receive_all(batches);
        wait_until(&batch_sender, ReceiverState::WaitingForFlush);
        let batch = batch_sender.push(write(1));
        assert_eq!(batch_sender.clone().push(write(2)), batch);
        assert_eq!(
            lock(&batch_sender.shared.state).receiver,
            ReceiverState::WaitingForFlush,
            "no flush was requested"
        );
        batch_sender.flush(batch);
        assert_eq!(received.recv_timeout(TIMEOUT).unwrap(), [1, 2]);
        assert_ne!(batch_sender.push(write(3)), batch, "it belongs to the next batch");
        batch_sender.flush(batch);
        assert!(!lock(&batch_sender.shared.state).flush_requested, "the batch was taken already");
    }

    #[test]
    fn after_a_batch_of_one_a_write_is_taken_without_a_flush() {
        let (batch_sender, batches) = batch_queue(NEVER);
        for id in 1..=3 {
            let _batch = batch_sender.push(write(id));
            assert_eq!(batches.next_batch().len(), 1, "without a flush");
        }
        let _batch = (batch_sender.push(write(4)), batch_sender.push(write(5)));
        assert_eq!(batches.next_batch().len(), 2);
        let batch = batch_sender.push(write(6));
        assert!(!lock(&batch_sender.shared.state).flush_requested, "more may follow, as before");
        batch_sender.flush(batch);
        assert_eq!(batches.next_batch().len(), 1);
    }

    #[test]
    fn a_write_without_a_flush_is_taken_after_linger_in_every_state_of_the_recorder() {
        let (batch_sender, batches) = batch_queue(Duration::from_millis(1));
        let received = receive_all(batches);
        for id in 1..=3 {
            wait_until(&batch_sender, ReceiverState::WaitingForAnything);
            lock(&batch_sender.shared.state).last_batch_was_single = false;
            let _batch = batch_sender.push(write(id));
            assert_eq!(received.recv_timeout(TIMEOUT).unwrap(), [id]);
            lock(&batch_sender.shared.state).last_batch_was_single = false;
            let _batch = batch_sender.push(write(10 + id));
            assert_eq!(received.recv_timeout(TIMEOUT).unwrap(), [10 + id]);
        }
    }

    #[test]
    fn the_last_sender_may_be_dropped_just_as_linger_is_over() {
        let (batch_sender, batches) = batch_queue(Duration::from_millis(50));
        let received = receive_all(batches);
        wait_until(&batch_sender, ReceiverState::WaitingForFlush);
        let mut state = lock(&batch_sender.shared.state);
        assert_eq!(state.receiver, ReceiverState::WaitingForFlush);
        // `linger` ends while the lock is held.
        thread::sleep(Duration::from_millis(200));
        state.senders -= 1;
        batch_sender.shared.wake(state);
        std::mem::forget(batch_sender);
        assert_eq!(received.recv_timeout(TIMEOUT).unwrap(), Vec::<i64>::new());
    }

    #[test]
    fn no_write_is_lost_when_the_senders_are_dropped() {
        let (batch_sender, batches) = batch_queue(NEVER);
        lock(&batch_sender.shared.state).last_batch_was_single = false;
        let received = receive_all(batches);
        wait_until(&batch_sender, ReceiverState::WaitingForFlush);
        let first = batch_sender.push(write(1));
        let other = batch_sender.clone();
        drop(batch_sender);
        assert_eq!(other.push(write(2)), first);
        assert!(received.is_empty(), "a sender is left");
        drop(other);
        assert_eq!(received.iter().collect::<Vec<_>>(), [vec![1, 2], vec![]]);
    }
}

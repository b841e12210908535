//! Whether a lane's last outcome is committed. No second body is transmitted before it is: that bounds the duplicates
//! of a crash to one per connection.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::domain::outcome::Outcome;
use crate::worker::delivery::job::FanOutHandle;
use crate::worker::recorder::LedgerWrite;
use crate::worker::recorder::batch::BatchSender;

/// One a lane. Of the outcomes that it hands over, at most one is not committed.
#[derive(Debug)]
pub struct CommitGate {
    batch_sender: BatchSender,
    /// In which group it is written; none when everything is committed.
    batch: Option<u64>,
    flag: CommitFlag,
}

/// Where the recorder says that an outcome is committed.
#[derive(Debug, Clone, Default)]
pub struct CommitFlag {
    shared: Arc<(Mutex<CommitState>, Condvar)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum CommitState {
    #[default]
    Committed,
    Pending,
    /// The lane sleeps until it is committed.
    Awaited,
}

impl CommitGate {
    /// For a lane that has sent nothing so far.
    #[must_use]
    pub fn new(batch_sender: BatchSender) -> Self {
        Self { batch_sender, batch: None, flag: CommitFlag::default() }
    }

    /// Hands an outcome to the recorder, which reports to the fan-out once it is committed. Waits until the one
    /// before is.
    pub fn record(&mut self, outcome: Outcome, fan_out: Arc<FanOutHandle>) {
        self.wait_until_committed();
        *self.flag.lock() = CommitState::Pending;
        self.batch = Some(self.batch_sender.push(LedgerWrite::Outcome {
            outcome,
            fan_out,
            committed: self.flag.clone(),
        }));
    }

    /// Has everything that was handed over committed soon, for somebody else who may wait for it: the lane has
    /// nothing to do.
    pub fn flush(&self) {
        if let Some(batch) = self.batch {
            self.batch_sender.flush(batch);
        }
    }

    /// Returns once everything that was handed over is committed.
    pub fn wait_until_committed(&mut self) {
        if let Some(batch) = self.batch.take().filter(|_| self.flag.is_pending()) {
            self.batch_sender.flush(batch);
            self.flag.wait();
        }
    }
}

impl CommitFlag {
    /// The outcome is committed. Wakes the lane if it waits for that.
    pub fn set(&self) {
        if std::mem::take(&mut *self.lock()) == CommitState::Awaited {
            self.shared.1.notify_one();
        }
    }

    fn is_pending(&self) -> bool {
        *self.lock() != CommitState::Committed
    }

    fn wait(&self) {
        let mut state = self.lock();
        while *state != CommitState::Committed {
            *state = CommitState::Awaited;
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, CommitState> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A lane's gate: no second body is transmitted before the lane's last outcome is committed. That bounds the duplicates
//! of a crash to one per connection. Writing the outcome is left to the recorder.

use std::sync::Arc;

use crate::domain::outcome::Outcome;
use crate::worker::fan_out_handle::FanOutHandle;
use crate::worker::recorder::batch::BatchSender;
use crate::worker::recorder::entry::{CommitFlag, LedgerWrite};

/// One for each lane. At most one of the outcomes that it has recorded is not committed.
#[derive(Debug)]
pub struct CommitGate {
    batch_sender: BatchSender,
    /// The batch of the last outcome; `None` when that is known to be committed.
    batch: Option<u64>,
    flag: CommitFlag,
}

impl CommitGate {
    /// The gate of a lane that has sent nothing so far.
    #[must_use]
    pub fn new(batch_sender: BatchSender) -> Self {
        Self { batch_sender, batch: None, flag: CommitFlag::default() }
    }

    /// Hands an outcome to the recorder, which reports to the fan-out after the commit; with the address if the relay says that it does not
    /// exist. Blocks until the outcome before it is committed.
    pub fn record(&mut self, outcome: Outcome, refused_address: Option<String>, fan_out: Arc<FanOutHandle>) {
        self.wait_until_committed();
        self.flag.clear();
        let committed = self.flag.clone();
        let write = LedgerWrite::Outcome { outcome, refused_address, fan_out, committed };
        self.batch = Some(self.batch_sender.push(write));
    }

    /// Called when the lane goes idle: has its last outcome committed soon, so that the fan-out need not wait out `linger`.
    pub fn flush(&self) {
        if let Some(batch) = self.batch {
            self.batch_sender.flush(batch);
        }
    }

    /// Returns once every recorded outcome is committed.
    pub fn wait_until_committed(&mut self) {
        if let Some(batch) = self.batch.take().filter(|_| !self.flag.is_set()) {
            self.batch_sender.flush(batch);
            self.flag.wait();
        }
    }
}

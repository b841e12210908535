//! Connections to the broker, as the worker and the ledger know them: which one holds a message. Opening them is left to
//! `broker`, what they mean for the ledger to `store::ledger::identity`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers for the sessions of one process, from 1. All clones count together.
#[derive(Debug, Clone, Default)]
pub struct SessionNumbers(Arc<AtomicU64>);

impl SessionNumbers {
    /// The next one.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Names one delivery of one message. A receipt of a lost session is void: the broker delivers the message again, with a new
/// receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    /// Number of the session in this process, from 1.
    pub session: u64,
    /// The delivery tag of the message in that session.
    pub tag: u64,
}

/// When a broker writes the acks of a queue to its disk: a crash makes it forget those that it has not written. How long that
/// takes, `store::ledger::identity::unwritten_acks` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckWriting {
    /// In any short pause.
    Soon,
    /// Only when the queue has had nothing to do for long.
    Late,
}

/// One connection of one worker to the broker, which takes messages from one queue, from its first message to its loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSession {
    /// The name of the worker, which also owns its leases.
    pub worker: String,
    /// Number of the session in that process, from 1.
    pub number: u64,
    /// The queue. Its messages come again to sessions of the same queue only.
    pub queue: String,
    /// Whether the broker was seen not running before the session began. A broker that crashed may have forgotten acks.
    pub follows_restart: bool,
    /// When this broker writes acks to its disk.
    pub ack_writing: AckWriting,
}

impl BrokerSession {
    /// The name of the session number `number` of the worker `worker`, as in the ledger.
    #[must_use]
    pub fn name_of(worker: &str, number: u64) -> String {
        format!("{worker}/{number}")
    }

    /// The worker of the session with this name.
    #[must_use]
    pub fn worker_of(name: &str) -> Option<&str> {
        name.rsplit_once('/').map(|(worker, _)| worker)
    }

    /// Its name in the ledger.
    #[must_use]
    pub fn name(&self) -> String {
        Self::name_of(&self.worker, self.number)
    }
}

//! What is written to the ledger, and the flag that tells a lane that its outcome is committed. When writes are
//! committed is left to `batch` and to the recorder.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crossbeam_channel::Sender;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::outcome::Outcome;
use crate::domain::session::Receipt;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::completion::Completion;
use crate::sync::lock;
use crate::worker::fan_out_handle::FanOutHandle;

/// One write to the ledger.
#[derive(Debug)]
pub enum LedgerWrite {
    /// What became of a mail.
    Outcome {
        /// The row.
        outcome: Outcome,
        /// The address, if the relay has said that it does not exist. It gets no further mail.
        refused_address: Option<String>,
        /// The fan-out that gets the report.
        fan_out: Arc<FanOutHandle>,
        /// The flag of the lane, which transmits no further body before it is set.
        committed: CommitFlag,
    },
    /// Everyone of a notification is decided or deferred, as far as its fan-out knows.
    Complete {
        /// Its lease.
        lease: Lease,
        /// Everyone up to this participant is known to be decided or deferred.
        after: Option<ParticipantId>,
        /// Whether its people are listed in the ledger.
        listed: bool,
        /// Gets what became of it. Dropped when the database does not answer at once.
        reply: Sender<Completion>,
    },
    /// The broker has the ack of a message.
    Acked {
        /// The notification, and the delivery that was acked, as the ledger knows it.
        message: AckedMessage,
        /// The same delivery, which `recorded` gets back.
        receipt: Receipt,
        /// Gets the receipt once the ack is committed.
        recorded: Sender<Receipt>,
    },
}

/// Whether a lane's last outcome is committed. All clones are one flag.
#[derive(Debug, Clone, Default)]
pub struct CommitFlag {
    shared: Arc<(Mutex<CommitState>, Condvar)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum CommitState {
    #[default]
    Committed,
    Pending,
    /// The lane is blocked until it is committed.
    Awaited,
}

impl LedgerWrite {
    /// The notification that it is about.
    #[must_use]
    pub fn notification_id(&self) -> NotificationId {
        match self {
            Self::Outcome { outcome, .. } => outcome.lease.notification_id,
            Self::Complete { lease, .. } => lease.notification_id,
            Self::Acked { message, .. } => message.notification_id,
        }
    }
}

impl CommitFlag {
    /// An outcome is handed over, and not committed yet.
    pub fn clear(&self) {
        *lock(&self.shared.0) = CommitState::Pending;
    }

    /// The outcome is committed. Wakes the lane if it is blocked.
    pub fn set(&self) {
        if std::mem::take(&mut *lock(&self.shared.0)) == CommitState::Awaited {
            self.shared.1.notify_one();
        }
    }

    /// Whether the outcome is committed.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *lock(&self.shared.0) == CommitState::Committed
    }

    /// Blocks until the outcome is committed.
    pub fn wait(&self) {
        let mut state = lock(&self.shared.0);
        while *state != CommitState::Committed {
            *state = CommitState::Awaited;
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

//! The newest answer of the broker: proof that it had a session then. What follows from that is left to `store::ledger::identity`.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::sync::lock;

/// The newest call that the broker has answered. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct LastAnswer(Arc<Mutex<Option<(u64, Instant)>>>);

impl LastAnswer {
    /// The broker has answered a call of this session that began at `began_at`.
    pub fn set(&self, session: u64, began_at: Instant) {
        *lock(&self.0) = Some((session, began_at));
    }

    /// The session, and when its newest answered call began. `None` before the first answer.
    #[must_use]
    pub fn get(&self) -> Option<(u64, Instant)> {
        *lock(&self.0)
    }
}

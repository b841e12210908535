//! Which session lasts. Threads that work for a message ask before they publish anything about it: when its session is lost, the
//! broker delivers the message again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::session::Receipt;

/// The number of the session that lasts; 0 between two of them. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct LiveSession(Arc<AtomicU64>);

impl LiveSession {
    /// The session of this number begins.
    pub fn begin(&self, number: u64) {
        self.0.store(number, Ordering::SeqCst);
    }

    /// It has ended.
    pub fn end(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// Whether the broker takes a settlement of this receipt.
    #[must_use]
    pub fn has(&self, receipt: Receipt) -> bool {
        self.0.load(Ordering::SeqCst) == receipt.session
    }
}

//! The right of one worker to work on a notification, as the ledger knows it.

use crate::domain::ids::{Epoch, NotificationId};

/// A fencing token. Every write to the ledger names the lease: once another worker has taken the notification over, its
/// epoch is higher, and the ledger refuses the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// The notification.
    pub notification_id: NotificationId,
    /// The number of this lease of the notification. A newer one has a larger one.
    pub epoch: Epoch,
}

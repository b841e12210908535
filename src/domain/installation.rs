//! The installation: one ledger, whose Message-IDs no other installation has.

use crate::domain::ids::NotificationId;

/// A ledger among those that send from the same domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// A random word of lowercase letters and digits, which the migration made.
    pub tag: String,
    /// Notifications with keys up to this one were opened before there was a tag; their Message-IDs have none.
    pub untagged_up_to: NotificationId,
}

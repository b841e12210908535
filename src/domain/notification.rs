//! A notification: one accepted message, as the ledger has it.

use crate::domain::kind::Kind;

/// One accepted message: a row of `notifications`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// Its key in the ledger.
    pub id: i64,
    /// What happened to the event.
    pub kind: Kind,
    /// The event.
    pub event_id: i64,
    /// The highest participant id when the notification was opened; later participants are not part of it. 0 when the
    /// event had no participants.
    pub max_participant_id: i64,
}

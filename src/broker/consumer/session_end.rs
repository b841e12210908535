//! How a session ended. What follows from it is left to `consumer`.

use crate::broker::error::BrokerError;

/// How a session ended.
pub(super) enum SessionEnd {
    /// A queue could not be found, created or consumed.
    NotStarted(BrokerError),
    /// The connection, the channel or the queue was lost.
    Lost(BrokerError),
    /// A shutdown was requested, and all settlements are sent.
    Stopped,
}

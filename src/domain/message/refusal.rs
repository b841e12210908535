//! What becomes of a message that is not opened. Whether it is, is left to the dispatcher and the ledger.

/// What becomes of a message that is not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageRefusal {
    /// It becomes a dead letter, for this reason.
    DeadLetter(String),
    /// It is acked: no route is for its routing key.
    Ignored {
        /// The routing key.
        routing_key: String,
    },
}

//! What identifies a message: its id, and the broker's hint that it was delivered before.

/// An id as the ledger keeps it: a NUL becomes U+FFFD, which has three bytes. AMQP and JSON allow one, and the text of a `PostgreSQL`
/// database cannot hold any.
pub(super) fn without_nul(id: &str) -> String {
    id.replace('\0', "\u{FFFD}")
}

/// The identity of a message, as AMQP carries it beside the body, or the envelope in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The AMQP `message_id`, or the id in the envelope, when the publisher set one: it names the notification for ever.
    pub message_id: Option<String>,
    /// The broker's hint that it has delivered this message before.
    pub redelivered: bool,
}

impl Identity {
    /// From the properties of a delivery.
    #[must_use]
    pub fn new(message_id: Option<&str>, redelivered: bool) -> Self {
        Self { message_id: message_id.map(without_nul), redelivered }
    }

    /// The same, with an id from the envelope of the message where AMQP carries none.
    #[must_use]
    pub fn or_id(self, id: Option<String>) -> Self {
        match (self.key(), id) {
            (None, Some(id)) => Self::new(Some(&id), self.redelivered),
            _ => self,
        }
    }

    /// The `message_id` that names the notification for ever. An empty one does not count: all messages with an empty
    /// id would be the same.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.message_id.as_deref().filter(|id| !id.is_empty())
    }
}

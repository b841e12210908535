//! What the worker publishes about notifications that have ended: `REPLIES` and `EVENTS_EXCHANGE`. Publishing it is left to
//! `broker/publications`.

use crate::config::reader::Reader;

const EXCHANGE: &str = "EVENTS_EXCHANGE";

/// AMQP allows so many bytes for a name (short string, AMQP 0-9-1 section 4.2.5.3).
const LONGEST: usize = 255;

/// What is published beside dead letters. Nothing, unless it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishingConfig {
    /// Whether messages with `reply_to` are answered (`REPLIES`).
    pub replies: bool,
    /// The topic exchange that gets an event for each notification and each failure (`EVENTS_EXCHANGE`).
    pub events_exchange: Option<String>,
}

impl PublishingConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            replies: reader.flag("REPLIES").unwrap_or(false),
            events_exchange: reader.parsed(EXCHANGE, "the name of an exchange, at most 255 bytes", |value| {
                let is_name = value.len() <= LONGEST && !value.chars().any(char::is_control);
                is_name.then(|| value.to_owned())
            }),
        }
    }

    /// Whether anything is published.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.replies || self.events_exchange.is_some()
    }

    /// The variables that are set, for messages.
    #[must_use]
    pub fn variables(&self) -> String {
        let replies = self.replies.then_some("REPLIES");
        let exchange = self.events_exchange.as_ref().map(|_| EXCHANGE);
        replies.into_iter().chain(exchange).collect::<Vec<_>>().join(" and ")
    }
}

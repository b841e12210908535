//! A message that a route reads, in any form: what it is made of. Which route it is, and what that says, is left to `routes`.

use serde_json::{Map, Value};
use siphasher::sip128::SipHasher24;

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::details::{MessageDetails, ROUTING_KEY, Routed};
use crate::domain::message::malformed::Malformed;
use crate::domain::message::{fields, notice};

/// What tells the message of a route from others. It knows nothing of the routes: when they are changed while a message is on its way,
/// its notification is found all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoutedSource {
    /// Its routing key.
    pub routing_key: Box<str>,
    digest: u128,
}

impl RoutedSource {
    /// That of these texts.
    #[must_use]
    pub fn new(routing_key: &str, payload: &Map<String, Value>, meta: &Map<String, Value>) -> Self {
        let texts = [payload, meta].map(|fields| serde_json::to_string(fields).unwrap_or_default());
        let hashed = format!("{routing_key}\n{}", texts.join("\n"));
        Self { routing_key: routing_key.into(), digest: SipHasher24::new().hash(hashed.as_bytes()).as_u128() }
    }

    pub(super) fn digest(&self) -> String {
        format!("{:032x}", self.digest)
    }
}

/// What the ledger keeps of such a message: all that its mails need. The built-in templates show what they show of other messages.
///
/// # Errors
/// When the payload lacks what the built-in templates of this kind show.
pub fn details(kind: Kind, routed: Routed) -> Result<MessageDetails, Malformed> {
    let payload = &routed.payload;
    let shown = match kind {
        Kind::Routed => MessageDetails::default(),
        Kind::Notice => notice::read_text(payload)?,
        Kind::Created | Kind::Updated | Kind::Cancelled | Kind::Reminder => MessageDetails {
            note: fields::optional_text("note", payload.get("note"))?,
            reason: fields::optional_text("reason", payload.get("reason"))?,
            metadata: fields::metadata(payload.get("metadata"))?,
            ..MessageDetails::default()
        },
    };
    Ok(MessageDetails { routed: Some(routed), ..shown })
}

/// `meta` with the routing key in it.
#[must_use]
pub fn with_routing_key(mut meta: Map<String, Value>, routing_key: &str) -> Map<String, Value> {
    meta.insert(ROUTING_KEY.to_owned(), routing_key.into());
    meta
}

/// The key of an event, for an application with such keys.
///
/// # Errors
/// When the value is none.
pub fn event_id(value: &Value, keys: EventKeyType) -> Result<EventId, Malformed> {
    fields::event_id("event_id", value, keys)
}

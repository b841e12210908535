//! What a publisher sends: how the body of a message is read and written. One file for each form of body, and for each sort of
//! envelope around one.

mod bare;
pub mod body;
pub mod cloud_event;
pub mod details;
mod encoding;
mod envelope;
mod event_form;
mod fields;
pub mod identity;
pub mod malformed;
mod notice;
pub mod origin;
pub mod recipient;
pub mod refusal;
pub mod routed;

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use siphasher::sip128::SipHasher24;

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::body::{Body, BodyContent};
use crate::domain::message::details::{DetailsJson, MessageDetails};
use crate::domain::message::malformed::Malformed;
use crate::domain::message::origin::Origin;
use crate::domain::message::recipient::GivenRecipient;
use crate::domain::message::routed::RoutedSource;
use crate::domain::priority::Priority;

/// To whom a notice is addressed: at least one, each with a number from 1 on, which is their place in the list.
pub type Recipients = Option<Arc<[GivenRecipient]>>;

/// A message that could be read: not yet accepted, and in no ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// What happened to the event, or [`Kind::Notice`] or [`Kind::Routed`].
    pub kind: Kind,
    /// The event; `None` if it is about none.
    pub event_id: Option<EventId>,
    /// To whom it is addressed; `None` where the participants of the event are meant.
    pub recipients: Recipients,
    /// What it carries beyond that. The ledger has it in the column `content`.
    pub details: Option<DetailsJson>,
    /// What a route has made it of.
    pub source: Option<RoutedSource>,
    /// How urgent it is, if its publisher says so.
    pub priority: Option<Priority>,
}

/// A body that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The message.
    pub message: Message,
    /// What its envelope says about it.
    pub origin: Origin,
}

impl Message {
    /// A message that carries nothing more.
    #[must_use]
    pub const fn new(kind: Kind, event_id: EventId) -> Self {
        Self { kind, event_id: Some(event_id), recipients: None, details: None, source: None, priority: None }
    }

    /// The same message, as urgent as its transport says where its body says nothing.
    #[must_use]
    pub fn or_priority(self, priority: Priority) -> Self {
        Self { priority: self.priority.or(Some(priority)), ..self }
    }

    /// A message that comes again and that no route reads any more. It has nothing to be sent, and only finds the notification that it may
    /// have.
    #[must_use]
    pub const fn trace(source: RoutedSource) -> Self {
        let source = Some(source);
        let (event_id, recipients, details, priority) = (None, None, None, None);
        Self { kind: Kind::Routed, event_id, recipients, details, source, priority }
    }

    /// Whether it only finds a notification.
    #[must_use]
    pub fn is_trace(&self) -> bool {
        self.source.is_some() && self.details.is_none()
    }

    /// Whether another message with the same id asks for the same notification. What it carries may be written differently when it is
    /// published again.
    #[must_use]
    pub fn asks_for_same(&self, other: &Self) -> bool {
        match (&self.source, &other.source) {
            (Some(source), Some(other)) => source.routing_key == other.routing_key,
            _ => (self.kind, self.event_id) == (other.kind, other.event_id),
        }
    }

    /// What tells a message from others that names its recipients or that a route has read, where it has no id: two of them are equal if
    /// their digests of 128 bits are. `None` of others, which the event and the details tell.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        if let Some(source) = &self.source {
            return Some(source.digest());
        }
        let recipients = serde_json::to_string(self.recipients.as_deref()?).unwrap_or_default();
        let details = self.details.as_ref().map_or("", DetailsJson::as_str);
        let digest = SipHasher24::new().hash(format!("{details}\n{recipients}").as_bytes());
        Some(format!("{:032x}", digest.as_u128()))
    }

    /// Reads a message body such as `{"type":"UPDATED","event_id":123}`, or in another form, perhaps in an envelope, for an
    /// application whose events have such keys. Unknown fields are ignored, so that publishers may add their own.
    ///
    /// # Errors
    /// One sentence for the person who finds the dead letter: why the body cannot be read.
    pub fn decode(body: &[u8], keys: EventKeyType) -> Result<Decoded, Malformed> {
        Self::read(Body::parse(body)?, keys)
    }

    /// The same for a body that was taken out of its envelope.
    ///
    /// # Errors
    /// Why it is no message.
    pub fn read(body: Body, keys: EventKeyType) -> Result<Decoded, Malformed> {
        body.check_single_envelope()?;
        let message = match &body.content {
            BodyContent::Batch(notices) => {
                let (recipients, priority) = notice::read_batch(notices)?;
                Self::notice(recipients, None, priority)
            }
            BodyContent::Fields(fields) if notice::is_notice(fields) => {
                let (recipients, details) = notice::read(fields)?;
                Self::notice(recipients, details.to_json(), details.priority())
            }
            BodyContent::Fields(fields) => Self::about_event(fields, keys)?,
        };
        Ok(Decoded { message, origin: body.origin })
    }

    fn notice(
        recipients: Vec<GivenRecipient>,
        details: Option<DetailsJson>,
        priority: Option<Priority>,
    ) -> Self {
        let recipients = Some(recipients.into());
        Self { kind: Kind::Notice, event_id: None, recipients, details, source: None, priority }
    }

    fn about_event(fields: &Map<String, Value>, keys: EventKeyType) -> Result<Self, Malformed> {
        let (kind, event_id, event) = if event_form::carries_event(fields) {
            let (kind, event_id, event) = event_form::read(fields, keys)?;
            (kind, event_id, Some(event))
        } else {
            let (kind, event_id) = bare::read(fields, keys)?;
            (kind, event_id, None)
        };
        let details = MessageDetails {
            note: fields::optional_text("note", fields.get("note"))?,
            reason: fields::optional_text("reason", fields.get("reason"))?,
            metadata: fields::metadata(fields.get("metadata"))?,
            event,
            ..MessageDetails::default()
        };
        // Publishers may have a field of this name of their own, with other values.
        let priority = fields.get("priority").and_then(Value::as_str).and_then(Priority::from_word);
        Ok(Self { details: details.to_json(), priority, ..Self::new(kind, event_id) })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event_id {
            Some(event_id) => write!(f, "{} of event {event_id}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

#[cfg(test)]
mod tests;

//! What a message carries beyond kind and event: a note or a reason for its readers, metadata for the templates, and perhaps the
//! event itself. How it is read from a body is left to the forms.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::priority::Priority;
use crate::domain::times;

/// The field of `meta` that has the routing key.
pub const ROUTING_KEY: &str = "routing_key";

/// What a message carries beyond kind and event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageDetails {
    /// A text for all recipients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why the event changed, or does not take place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Fields of the publisher's own.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The text for people that is about no event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// The event, if the message carries it. Then it is not read from the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<EventFacts>,
    /// What a route has read, and with which templates it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routed>,
}

/// What a route has read of a message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routed {
    /// The folder of the templates.
    pub template: String,
    /// The publisher's own fields.
    pub payload: Map<String, Value>,
    /// What is known about the message: the rest of its envelope, and `routing_key`.
    pub meta: Map<String, Value>,
}

/// A text for some people, about no event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notice {
    /// The text. Not empty.
    pub message: String,
    /// Above it, on one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where there is more about it on the web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The publisher's own word for what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_type: Option<String>,
    /// `high`, `medium` or `low`; `None` when the publisher does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
}

/// An event as a message carries it, without its key. Times are texts that [`times::parse`] reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFacts {
    /// What it is called.
    pub title: String,
    /// Free text about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it takes place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// When it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// When it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Its page on the web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The ledger has something else as the details of a message, which another program has written.
#[derive(Debug, thiserror::Error)]
#[error("its details in the ledger cannot be read: {0}")]
pub struct BadDetails(#[from] serde_json::Error);

impl MessageDetails {
    /// What the ledger has; nothing where it has nothing.
    ///
    /// # Errors
    /// When it has something else.
    pub fn read(json: Option<&DetailsJson>) -> Result<Self, BadDetails> {
        json.map_or(Ok(Self::default()), |json| Ok(serde_json::from_str(&json.0)?))
    }

    /// The routing key of the message, if a route has read it.
    #[must_use]
    pub fn routing_key(&self) -> Option<&str> {
        self.routed.as_ref()?.meta.get(ROUTING_KEY)?.as_str()
    }

    /// The event with this key, if the message carries it.
    #[must_use]
    pub fn event(&self, id: EventId) -> Option<Event> {
        self.event.as_ref().map(|facts| facts.event(id))
    }

    /// How urgent a notice is, if it says so.
    #[must_use]
    pub fn priority(&self) -> Option<Priority> {
        self.notice.as_ref()?.priority.as_deref().and_then(Priority::from_word)
    }

    /// As a message and the ledger hold it; `None` when there is nothing.
    #[must_use]
    pub fn to_json(&self) -> Option<DetailsJson> {
        if *self == Self::default() {
            return None;
        }
        serde_json::to_string(self).ok().map(|text| DetailsJson(text.into()))
    }
}

impl EventFacts {
    /// The event with this key.
    pub(in crate::domain) fn event(&self, id: EventId) -> Event {
        let time = |text: &Option<String>| text.as_deref().and_then(times::parse);
        Event {
            id,
            title: self.title.clone(),
            description: self.description.clone(),
            location: self.location.clone(),
            starts_at: time(&self.starts_at),
            ends_at: time(&self.ends_at),
            timezone: self.timezone.clone().unwrap_or_default(),
            url: self.url.clone(),
            updated_at: None,
        }
    }
}

impl Serialize for DetailsJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A [`MessageDetails`] as JSON. Two of them are equal if their texts are: a number with a fraction may change when it is read and
/// written, so what was read from the ledger is not compared in parts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DetailsJson(Arc<str>);

impl DetailsJson {
    /// As the ledger has it.
    #[must_use]
    pub fn from_ledger(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Its length only: it has words that are meant for the recipients.
impl fmt::Debug for DetailsJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DetailsJson({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::event::DateOrTime;

    #[test]
    fn it_is_read_as_it_was_written() {
        let details = MessageDetails {
            note: Some("Doors open at 17:30.\n\"Bring\" a coat \u{1f9e5}\0".to_owned()),
            reason: Some("storm".to_owned()),
            metadata: json!({"order": 7, "price": 0.1, "tags": ["a", null]}).as_object().unwrap().clone(),
            notice: Some(Notice { message: "Hello".to_owned(), ..Notice::default() }),
            event: Some(EventFacts { title: "Concert".to_owned(), ..EventFacts::default() }),
            routed: Some(Routed { template: "welcome".to_owned(), ..Routed::default() }),
        };
        let text = details.to_json().unwrap();
        let again = DetailsJson::from_ledger(text.as_str());
        assert_eq!((MessageDetails::read(Some(&again)).unwrap(), again), (details, text));
        assert_eq!(MessageDetails::default().to_json(), None);
        assert_eq!(MessageDetails::read(None).unwrap(), MessageDetails::default());
        MessageDetails::read(Some(&DetailsJson::from_ledger("no"))).unwrap_err();
    }

    #[test]
    fn an_event_has_the_times_that_the_message_gives() {
        let facts = EventFacts {
            title: "Concert".to_owned(),
            starts_at: Some("2026-12-24T18:00:00+01:00".to_owned()),
            ends_at: Some("2026-12-24".to_owned()),
            ..EventFacts::default()
        };
        let event = facts.event(EventId::Number(5));
        let Some(DateOrTime::Time(starts_at)) = event.starts_at else { panic!("{event:?}") };
        assert_eq!(starts_at.to_rfc3339(), "2026-12-24T17:00:00+00:00");
        assert!(matches!(event.ends_at, Some(DateOrTime::Date(_))));
    }
}

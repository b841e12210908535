//! An event as the mails of a notification show it, which the ledger keeps with the notification: so that a fan-out that resumes sends
//! what it began with, and the next update can say what changed. When it is written and read is left to the worker, what counts as a
//! change to `content`.

use serde::{Deserialize, Serialize};
use siphasher::sip128::SipHasher24;

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::message::details::EventFacts;
use crate::domain::times;
use crate::text::clean::{cut, one_line};

/// The form of the JSON. Another one is not read.
const VERSION: u32 = 1;

/// Longest title and location, in characters. Mails show fewer.
const LINE_MAX: usize = 2_000;

/// Longest zone, in characters. None that is known is as long.
const ZONE_MAX: usize = 100;

/// Longest web address, in bytes. Mails have no longer ones, also after blanks in them became `%20`.
const URL_MAX: usize = 6_000;

/// How much of a description is kept, in characters. Of a longer one there is a digest, which tells whether it changed.
const DESCRIPTION_MAX: usize = 4_000;

/// An event as mails show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSnapshot {
    version: u32,
    /// What mails show. Texts are as long as mails need them.
    event: EventFacts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// Of the whole description, if only its beginning is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description_digest: Option<String>,
}

/// The ledger has something else as a snapshot: it is damaged, or another version of fanmail has written it.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// It is no JSON, or lacks a field.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Another version has written it.
    #[error("it has version {0}, and this fanmail reads version {VERSION}")]
    Version(u32),
}

impl EventSnapshot {
    /// What is kept of this event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let line = |text: &str| cut(one_line(text), LINE_MAX);
        let description = event.description.as_deref();
        let is_kept =
            |text: &str| text.len() <= DESCRIPTION_MAX || text.chars().nth(DESCRIPTION_MAX).is_none();
        let long = description.filter(|text| !is_kept(text));
        Self {
            version: VERSION,
            event: EventFacts {
                title: line(&event.title),
                description: description.map(|text| cut(text, DESCRIPTION_MAX)),
                location: event.location.as_deref().map(line),
                starts_at: event.starts_at.map(times::written),
                ends_at: event.ends_at.map(times::written),
                timezone: Some(cut(event.timezone.as_str(), ZONE_MAX)).filter(|zone| !zone.is_empty()),
                url: event
                    .url
                    .as_deref()
                    .map(str::trim)
                    .filter(|url| url.len() <= URL_MAX)
                    .map(str::to_owned),
            },
            updated_at: event.updated_at.map(times::written),
            description_digest: long.map(digest),
        }
    }

    /// What the ledger has.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(json: &str) -> Result<Self, BadSnapshot> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // First: the fields of another version may have other types.
        let Version { version } = serde_json::from_str(json)?;
        if version != VERSION {
            return Err(BadSnapshot::Version(version));
        }
        Ok(serde_json::from_str(json)?)
    }

    /// As the ledger holds it.
    ///
    /// # Errors
    /// Never: there are texts in it and numbers.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The event, with the beginning of a long description.
    #[must_use]
    pub fn event(&self, id: EventId) -> Event {
        let updated_at = self.updated_at.as_deref().and_then(times::parse);
        Event { updated_at, ..self.event.event(id) }
    }

    /// The event as it was, which is `now` this one. A long description is whole if it is still the same.
    #[must_use]
    pub fn restore(&self, now: Event) -> Event {
        let is_same = self.description_digest.is_some()
            && now.description.as_deref().map(digest) == self.description_digest;
        let then = self.event(now.id);
        if is_same { Event { description: now.description, ..then } } else { then }
    }

    /// Whether both have the same long description, or both have none.
    #[must_use]
    pub fn has_same_long_description(&self, other: &Self) -> bool {
        self.description_digest == other.description_digest
    }
}

fn digest(text: &str) -> String {
    format!("{:032x}", SipHasher24::new().hash(text.as_bytes()).as_u128())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::DateOrTime;

    fn full() -> Event {
        let time = |seconds| DateTime::<Utc>::from_timestamp(seconds, 0).map(DateOrTime::Time);
        Event {
            id: EventId::Number(123),
            title: "Winter Lights Concert".to_owned(),
            description: Some("Doors open at 17:30.\n\nCarols \u{1f384}".to_owned()),
            location: Some("St. Michael's Hall".to_owned()),
            starts_at: time(1_798_131_600),
            ends_at: time(1_798_138_800),
            timezone: "Europe/Berlin".to_owned(),
            url: Some("https://example.com/events/winter-lights".to_owned()),
            updated_at: time(1_797_000_000),
        }
    }

    fn bare() -> Event {
        Event {
            title: String::new(),
            description: None,
            location: None,
            starts_at: None,
            ends_at: NaiveDate::from_ymd_opt(2026, 12, 24).map(DateOrTime::Date),
            timezone: String::new(),
            url: None,
            updated_at: None,
            ..full()
        }
    }

    fn again(event: &Event) -> EventSnapshot {
        EventSnapshot::read(&EventSnapshot::of(event).to_json().unwrap()).unwrap()
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        for event in [full(), bare()] {
            assert_eq!(again(&event), EventSnapshot::of(&event));
            assert_eq!(again(&event).event(event.id), event);
        }
    }

    #[test]
    fn odd_times_are_kept() {
        let date = |year, month, day| DateOrTime::Date(NaiveDate::from_ymd_opt(year, month, day).unwrap());
        let time = |seconds, nanoseconds| {
            DateOrTime::Time(DateTime::<Utc>::from_timestamp(seconds, nanoseconds).unwrap())
        };
        for starts_at in [
            date(9999, 12, 31),
            date(1, 1, 1),
            time(253_402_300_799, 999_999_999),
            time(0, 1_000),
            time(-62_135_596_800, 0),
        ] {
            let event = Event { starts_at: Some(starts_at), ..full() };
            assert_eq!(again(&event).event(event.id).starts_at, Some(starts_at));
        }
        let event = Event { starts_at: Some(DateOrTime::Time(DateTime::<Utc>::MAX_UTC)), ..full() };
        assert!(again(&event).event(event.id).starts_at.is_none_or(|time| time.year() > 9_998), "not shown");
    }

    #[test]
    fn long_texts_are_bounded_and_their_changes_are_seen() {
        let long = |end: &str| Event {
            title: "\n wörd ".repeat(10_000),
            description: Some(format!("{}{end}", "wörd\n".repeat(100_000))),
            location: Some("x".repeat(1_000_000)),
            timezone: "x".repeat(1_000_000),
            url: Some(format!("https://example.org/{}", "x".repeat(1_000_000))),
            ..full()
        };
        let (one, other) = (again(&long("a")), again(&long("b")));
        assert!(one.to_json().unwrap().len() < 20_000);
        assert_eq!(one.event, other.event);
        assert!(!one.has_same_long_description(&other) && one.has_same_long_description(&again(&long("a"))));
        let restored = |now| one.restore(long(now)).description.unwrap().len();
        assert_eq!(restored("a"), long("a").description.unwrap().len());
        assert!(restored("b") < 20_000, "its beginning");
    }

    #[test]
    fn what_is_restored_is_as_it_was() {
        let now = Event { title: "Another".to_owned(), description: None, location: None, ..full() };
        assert_eq!(again(&full()).restore(now), full());
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        let json = EventSnapshot::of(&full()).to_json().unwrap();
        EventSnapshot::read(&json.replace("\"version\":1", "\"version\":1,\"further\":[]")).unwrap();
        for (bad, words) in [
            ("", "EOF"),
            ("null", "invalid type"),
            ("{}", "missing field"),
            (r#"{"version":1}"#, "missing field"),
            (r#"{"version":2,"event":7}"#, "version 2"),
            (r#"{"version":1,"event":7}"#, "invalid type"),
            (&json[..json.len() / 2], "EOF"),
        ] {
            let error = EventSnapshot::read(bad).unwrap_err().to_string();
            assert!(error.contains(words), "{bad}: {error}");
        }
        let untitled = EventSnapshot::read(r#"{"version":1,"event":{}}"#).unwrap();
        assert_eq!(untitled.event(EventId::Number(5)).title, "");
    }

    proptest! {
        #[test]
        fn any_text_is_kept(title in any::<String>(), text in any::<String>(), zone in any::<String>()) {
            let event = Event { title, description: Some(text.clone()), timezone: zone, ..full() };
            prop_assert_eq!(again(&event), EventSnapshot::of(&event));
            prop_assert_eq!(again(&event).event(event.id).description, Some(text));
        }
    }
}

//! Rows of a file that `fanmail import` has read: what they say about a row of `events` or `participants`. The statements are
//! left to `importing`.

use chrono::{NaiveDateTime, NaiveTime};
use diesel::AsChangeset;

use crate::domain::event::{DateOrTime, Event};
use crate::domain::ids::ParticipantId;
use crate::domain::participant::comparable_address;
use crate::store::schema::{events, participants};
use crate::store::source::new_rows::{KeyedParticipant, NewEvent, NewParticipant, ZonedParticipant};

/// What a file says about a column. `None`: the file has no such column, and an existing row keeps its value. The types below
/// spell it out, because diesel reads their words.
pub type Given<T> = Option<T>;

/// As a column for times keeps it: a date as its first moment.
fn stored(time: DateOrTime) -> NaiveDateTime {
    match time {
        DateOrTime::Time(time) => time.naive_utc(),
        DateOrTime::Date(date) => date.and_time(NaiveTime::MIN),
    }
}

/// An event of a file.
#[derive(Debug, Clone, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = events)]
pub struct EventImport {
    /// The key.
    pub id: i64,
    /// The title.
    pub title: String,
    /// Free text about it.
    pub description: Option<Option<String>>,
    /// Where it takes place.
    pub location: Option<Option<String>>,
    /// When it begins, UTC.
    pub starts_at: Option<Option<NaiveDateTime>>,
    /// When it ends, UTC.
    pub ends_at: Option<Option<NaiveDateTime>>,
    /// The name of its zone.
    pub timezone: Option<String>,
    /// Its page on the web.
    pub url: Option<Option<String>>,
    /// When it was changed last, UTC.
    pub updated_at: Option<Option<NaiveDateTime>>,
}

impl EventImport {
    /// Whether the row in the database says the same already.
    pub(super) fn is_same(&self, existing: &Event) -> bool {
        let time = |time: Option<DateOrTime>| time.map(stored);
        self.title == existing.title
            && is_same(self.description.as_ref(), &existing.description)
            && is_same(self.location.as_ref(), &existing.location)
            && is_same(self.starts_at.as_ref(), &time(existing.starts_at))
            && is_same(self.ends_at.as_ref(), &time(existing.ends_at))
            && is_same(self.timezone.as_ref(), &existing.timezone)
            && is_same(self.url.as_ref(), &existing.url)
            && is_same(self.updated_at.as_ref(), &time(existing.updated_at))
    }

    /// The same with this time of the change, unless the file has another one.
    pub(super) fn changed_at(&self, now: NaiveDateTime) -> Self {
        Self { updated_at: self.updated_at.or(Some(Some(now))), ..self.clone() }
    }

    /// The row to be added.
    pub(super) fn into_new(self) -> NewEvent {
        NewEvent {
            id: self.id,
            title: self.title,
            description: self.description.flatten(),
            location: self.location.flatten(),
            starts_at: self.starts_at.flatten(),
            ends_at: self.ends_at.flatten(),
            timezone: self.timezone.unwrap_or_else(|| "UTC".to_owned()),
            url: self.url.flatten(),
            updated_at: self.updated_at.flatten(),
        }
    }
}

fn is_same<T: PartialEq>(given: Option<&T>, existing: &T) -> bool {
    given.is_none_or(|given| given == existing)
}

/// Which row of `participants` a line of a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParticipantKey {
    /// The file has a key.
    Given(ParticipantId),
    /// The file has no keys. This row has the event, and probably the address.
    Found(ParticipantId),
    /// The file has no keys, and no row has the event and the address.
    None,
}

impl ParticipantKey {
    /// The key, if there is one.
    pub(super) fn id(self) -> Option<ParticipantId> {
        match self {
            Self::Given(id) | Self::Found(id) => Some(id),
            Self::None => None,
        }
    }
}

/// A participant of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantImport {
    /// Which row it is about.
    pub key: ParticipantKey,
    /// The values.
    pub values: ParticipantValues,
}

/// The values of a participant of a file.
#[derive(Debug, Clone, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = participants)]
pub struct ParticipantValues {
    /// The event.
    pub event_id: i64,
    /// The address. `None` only in a file with keys: the participant gets no mail.
    #[diesel(treat_none_as_null = true)]
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// BCP 47 tag of the language.
    pub locale: Option<Option<String>>,
    /// Where their clocks stand. Tables that are older than this column lack it.
    #[diesel(skip_update)]
    pub timezone: Option<Option<String>>,
}

impl ParticipantValues {
    /// Whether a row with these values says the same already.
    pub(super) fn is_same(&self, existing: &ParticipantValues) -> bool {
        self.event_id == existing.event_id
            && self.email == existing.email
            && (self.name.is_none() || self.name == existing.name)
            && (self.locale.is_none() || self.locale == existing.locale)
            && (self.timezone.is_none() || self.timezone == existing.timezone)
    }

    /// Whether both are of one event and have one address.
    pub(super) fn has_same_address(&self, other: &ParticipantValues) -> bool {
        let address = |values: &Self| values.email.as_deref().map(comparable_address);
        self.event_id == other.event_id && address(self) == address(other)
    }

    /// The zone, if the file has one for this participant.
    pub(super) fn zone(&self) -> Option<&str> {
        self.timezone.as_ref()?.as_deref()
    }

    /// The row to be added with this key.
    pub(super) fn into_keyed(self, id: ParticipantId) -> KeyedParticipant {
        let Self { event_id, email, name, locale, .. } = self;
        KeyedParticipant { id, event_id, email, name: name.unwrap_or_default(), locale: locale.flatten() }
    }

    /// The row to be added without a key.
    pub(super) fn into_new(self) -> NewParticipant {
        let Self { event_id, email, name, locale, .. } = self;
        NewParticipant {
            event_id,
            email: email.unwrap_or_default(),
            name: name.unwrap_or_default(),
            locale: locale.flatten(),
        }
    }

    /// The row to be added without a key, with this zone.
    pub(super) fn into_zoned(self, timezone: String) -> ZonedParticipant {
        let NewParticipant { event_id, email, name, locale } = self.into_new();
        ZonedParticipant { event_id, email, name, locale, timezone }
    }
}

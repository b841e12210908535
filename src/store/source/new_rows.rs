//! Rows to be added to the tables of the application when they are fanmail's own, so that their keys are numbers. The statements that add them are left to
//! `seeding` and `importing`.

use chrono::NaiveDateTime;
use diesel::Insertable;

use crate::domain::ids::ParticipantId;
use crate::store::schema::{events, participants, zoned_participants};

/// An event to be added.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub struct NewEvent {
    /// The key.
    pub id: i64,
    /// The title.
    pub title: String,
    /// Free text about it.
    pub description: Option<String>,
    /// Where it takes place.
    pub location: Option<String>,
    /// When it begins, UTC.
    pub starts_at: Option<NaiveDateTime>,
    /// When it ends, UTC.
    pub ends_at: Option<NaiveDateTime>,
    /// The name of its zone.
    pub timezone: String,
    /// Its page on the web.
    pub url: Option<String>,
    /// When it was changed last, UTC.
    pub updated_at: Option<NaiveDateTime>,
}

/// A participant to be added. The database chooses the key.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = participants, treat_none_as_default_value = false)]
pub struct NewParticipant {
    /// The event.
    pub event_id: i64,
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// BCP 47 tag of the language.
    pub locale: Option<String>,
}

/// A participant to be added with a key.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = participants, treat_none_as_default_value = false)]
pub struct KeyedParticipant {
    /// The key.
    pub id: ParticipantId,
    /// The event.
    pub event_id: i64,
    /// The address.
    pub email: Option<String>,
    /// The name.
    pub name: String,
    /// BCP 47 tag of the language.
    pub locale: Option<String>,
}

/// A participant to be added to a table that has time zones. The database chooses the key.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = zoned_participants, treat_none_as_default_value = false)]
pub struct ZonedParticipant {
    /// The event.
    pub event_id: i64,
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// BCP 47 tag of the language.
    pub locale: Option<String>,
    /// Where their clocks stand.
    pub timezone: String,
}

//! Made-up rows for the tables of the application. The statements that add them are left to `seeding`.

use chrono::NaiveDateTime;
use diesel::Insertable;

use crate::domain::ids::EventId;
use crate::store::schema::{events, participants};

/// An event to be added.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = events)]
pub struct NewEvent {
    /// The key.
    pub id: EventId,
    /// The title.
    pub title: String,
    /// Free text about it.
    pub description: String,
    /// Where it takes place.
    pub location: String,
    /// When it begins, UTC.
    pub starts_at: NaiveDateTime,
    /// When it ends, UTC.
    pub ends_at: NaiveDateTime,
    /// IANA name of its zone.
    pub timezone: String,
    /// Its page on the web.
    pub url: String,
    /// When it was made, UTC.
    pub updated_at: NaiveDateTime,
}

/// A participant to be added. The database chooses the key.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = participants, treat_none_as_default_value = false)]
pub struct NewParticipant {
    /// The event.
    pub event_id: EventId,
    /// The address.
    pub email: String,
    /// The name.
    pub name: String,
    /// BCP 47 tag of the language.
    pub locale: Option<String>,
}

//! What fanmail keeps about one person, found by an address: to show it, and to erase it. Each table is read from its beginning to its end
//! in pages, as none has an index by address. The application's own tables are only read (`app_rows`).
//!
//! The ledger names the people of an event by the application's keys. Whose these are is known only as long as the application has the
//! rows, or its operator names the keys.

use crate::domain::address_hash::AddressHash;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::written_address::WrittenAddress;

mod app_rows;
pub mod entries;
mod erased_content;
mod erased_place;
pub mod erasing;
pub mod erasures;
pub mod found_places;
pub mod mentions;
pub mod outbox_rows;

/// Rows that one statement reads.
pub(crate) const ROWS_PER_PAGE: u32 = 500;

/// Before the first recipient of the first notification.
pub const START: Place = Place { notification_id: NotificationId::MIN, participant_id: ParticipantId::MIN };

/// A person, by an address and by the keys that the application has for it.
#[derive(Debug, Clone)]
pub struct Person {
    /// The address.
    pub address: WrittenAddress,
    /// Its hash.
    pub hash: AddressHash,
    /// The rows of `participants` that have the address now.
    pub participants: Vec<AppRow>,
    /// Those of `users`.
    pub users: Vec<AppRow>,
    /// Others that the operator names.
    pub keys: FormerKeys,
}

/// Keys of rows that the application may have deleted. Those of participants and of users are apart: the participant 42 and the user 42
/// are two people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormerKeys {
    /// Of participants, in every event.
    pub participants: Vec<String>,
    /// Of users.
    pub users: Vec<String>,
}

/// A row of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRow {
    /// The event, if it is a participant.
    pub event_id: Option<EventId>,
    /// Its key.
    pub key: String,
    /// The address, as it is written.
    pub email: String,
    /// The name.
    pub name: Option<String>,
    /// The language.
    pub locale: Option<String>,
}

/// A recipient of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The notification.
    pub notification_id: NotificationId,
    /// The recipient: a key of the application, or a number on the list of recipients.
    pub participant_id: ParticipantId,
}

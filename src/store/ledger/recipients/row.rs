//! Rows of `recipients` to be, and what became of them. Writing them is left to the file above.

use diesel::prelude::*;

use crate::domain::audience::Listing;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::store::schema::recipients;

/// A page of keys that is to be appended.
#[derive(Debug, Clone, Copy)]
pub struct NewRecipients<'a> {
    /// The lease under which the notification is sent.
    pub lease: Lease,
    /// The number before that of the first key.
    pub after: ParticipantId,
    /// The application's keys.
    pub keys: &'a [&'a str],
    /// How far the list is then, if that changes.
    pub listing: Option<Listing>,
}

/// What became of [`NewRecipients`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// They are listed.
    Done,
    /// The list is longer than that already, perhaps by an earlier call whose reply was lost, or it is complete. Nothing has changed.
    Moved,
    /// The lease is not valid any more. Nothing has changed.
    LeaseLost,
}

/// A row of `recipients` to be.
#[derive(Debug, Insertable)]
#[diesel(table_name = recipients)]
pub(crate) struct RecipientRow<'a> {
    pub notification_id: NotificationId,
    pub id: ParticipantId,
    pub user_key: &'a str,
}

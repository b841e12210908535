//! Rows of `recipients` to be, and what became of them. Writing them is left to the file above.

#![expect(clippy::ref_option_ref, reason = "the code that `Insertable` generates")]

use diesel::prelude::*;

use crate::domain::audience::Listing;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::message::details::DetailsJson;
use crate::domain::message::recipient::GivenRecipient;
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
#[diesel(table_name = recipients, treat_none_as_default_value = false)]
pub(crate) struct RecipientRow<'a> {
    notification_id: NotificationId,
    id: ParticipantId,
    user_key: Option<&'a str>,
    email: Option<&'a str>,
    name: Option<&'a str>,
    locale: Option<&'a str>,
    data: Option<&'a str>,
}

impl<'a> RecipientRow<'a> {
    /// Of a participant with this key.
    pub fn of_key(notification_id: NotificationId, id: ParticipantId, key: &'a str) -> Self {
        let user_key = Some(key);
        Self { notification_id, id, user_key, email: None, name: None, locale: None, data: None }
    }

    /// How many bytes of text it has.
    pub fn size(&self) -> usize {
        let texts = [self.user_key, self.email, self.name, self.locale, self.data];
        texts.into_iter().flatten().map(str::len).sum()
    }

    /// Of someone whom the message names.
    pub fn given(notification_id: NotificationId, id: ParticipantId, one: &'a GivenRecipient) -> Self {
        Self {
            notification_id,
            id,
            user_key: one.user_key.as_deref(),
            email: one.email.as_deref(),
            name: one.name.as_deref(),
            locale: one.locale.as_deref(),
            data: one.details.as_ref().map(DetailsJson::as_str),
        }
    }
}

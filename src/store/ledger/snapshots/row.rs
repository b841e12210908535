//! The snapshot that is to be written into the row of a notification.

use diesel::prelude::*;

use crate::domain::ids::{Epoch, NotificationId};
use crate::domain::lease::Lease;
use crate::store::schema::notifications;

/// A snapshot that is to be written, if its lease is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewSnapshot<'a> {
    /// The lease under which the notification is sent.
    pub lease: Lease,
    /// The snapshot.
    pub json: &'a str,
}

/// The row that gets such a snapshot.
#[diesel::dsl::auto_type]
pub(crate) fn takes_snapshot(lease: Lease) -> _ {
    let id: NotificationId = lease.notification_id;
    let epoch: Epoch = lease.epoch;
    notifications::id.eq(id).and(notifications::epoch.eq(epoch)).and(notifications::event_snapshot.is_null())
}

//! A row of the table `broker_sessions`, as an opening transaction locks it.

use chrono::NaiveDateTime;
use diesel::prelude::*;

/// A session that nothing else can change before the transaction ends.
#[derive(Debug, Queryable)]
pub struct LockedSession {
    /// The database's time.
    pub clock: NaiveDateTime,
    /// When it was lost.
    pub lost_at: Option<NaiveDateTime>,
    /// When it ended in good order.
    pub closed_at: Option<NaiveDateTime>,
}

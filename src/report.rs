//! What the ledger says, as people and programs read it.

use chrono::{NaiveDateTime, SecondsFormat};

pub(crate) mod advice;
pub(crate) mod notifications;
pub(crate) mod table;
pub(crate) mod workers;

/// Most things that are named one by one, so that what matters does not scroll away.
pub(crate) const NAMED: usize = 10;

/// A time for programs.
pub(crate) fn rfc3339(time: NaiveDateTime) -> String {
    time.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}

//! What the ledger knows of reminders: which it has, which were missed, and until when the events were looked at. When one is due is
//! left to the worker.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::abandoning::abandon;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::without_message::{
    Audiences, OpenedWanted, Wanted, find_known_keys, open,
};
use crate::store::schema::{installation, notifications};

/// The kinds that say whether an event takes place.
const ABOUT_THE_EVENT: [Kind; 3] = [Kind::Created, Kind::Updated, Kind::Cancelled];

/// What a look for reminders begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReminderLook {
    /// The time of the database's clock.
    pub clock: DateTime<Utc>,
    /// That of the last look that has ended, of any worker; `None`: there was none.
    pub last: Option<DateTime<Utc>>,
}

impl Store {
    /// The time, and when the events were looked at before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn begin_reminder_look(&self) -> Result<ReminderLook, StoreError> {
        self.run("read when reminders were looked for", |connection| {
            let clock = dispatch::clock(connection)?;
            let last: Option<NaiveDateTime> =
                installation::table.select(installation::reminders_looked_at).first(connection)?;
            Ok(ReminderLook { clock: clock.and_utc(), last: last.map(|last| last.and_utc()) })
        })
    }

    /// Every reminder that was due at the time `clock` is in the ledger, or is not to be sent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn end_reminder_look(&self, clock: DateTime<Utc>) -> Result<(), StoreError> {
        let clock = clock.naive_utc();
        self.write("write when reminders were looked for", |connection| {
            // Another worker may have begun later and ended earlier.
            let earlier = installation::reminders_looked_at.lt(clock);
            let earlier = installation::reminders_looked_at.is_null().or(earlier);
            diesel::update(installation::table.filter(earlier))
                .set(installation::reminders_looked_at.eq(clock))
                .execute(connection)
                .map(drop)
        })
    }

    /// Those of the keys that notifications have, also ended ones.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_known_keys(&self, keys: &[String]) -> Result<HashSet<String>, StoreError> {
        self.run("look for keys of notifications", |connection| find_known_keys(connection, keys))
    }

    /// Whether the event does not take place, as far as the ledger knows: the newest notification that says so or the contrary is
    /// CANCELLED.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn is_cancelled(&self, event_id: EventId) -> Result<bool, StoreError> {
        self.run("find out whether an event is cancelled", |connection| {
            let about = notifications::table
                .filter(notifications::kind.eq_any(ABOUT_THE_EVENT.map(Kind::as_str)))
                .order(notifications::id.desc())
                .select(notifications::kind);
            let newest: Option<String> = match event_id {
                EventId::Number(id) => {
                    about.filter(notifications::event_id.eq(id)).first(connection).optional()?
                }
                EventId::Text(key) => {
                    about.filter(notifications::event_key.eq(key.as_str())).first(connection).optional()?
                }
            };
            Ok(newest.as_deref() == Some(Kind::Cancelled.as_str()))
        })
    }

    /// Writes reminders into the ledger that are not sent, each as abandoned for its reason, without an audience. Returns how many of
    /// them are new.
    ///
    /// # Errors
    /// When the database does not answer; then none is written, or only the reply to the commit was lost.
    pub fn record_missed(
        &self,
        missed: &[(Wanted, String)],
        lease_request: &LeaseRequest,
    ) -> Result<u64, StoreError> {
        let keys = (self.app_keys()?, None);
        let wanted: Vec<Wanted> = missed.iter().map(|(wanted, _)| wanted.clone()).collect();
        let record = |connection: &mut AnyConnection| {
            let mut new = 0;
            let opened = open(connection, keys, &wanted, lease_request, Audiences::Leave)?;
            for (opened, (_, reason)) in opened.iter().zip(missed) {
                if let OpenedWanted::Ours { lease, resumed, .. } = opened {
                    abandon(connection, *lease, reason)?;
                    new += u64::from(!*resumed);
                }
            }
            Ok(new)
        };
        self.write("record missed reminders", record)
    }
}

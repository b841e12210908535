//! A row of `deferrals` as it is read, and as it will be inserted.

use std::time::Duration;

use chrono::{NaiveDateTime, SubsecRound as _, TimeDelta};
use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::outcome::{Outcome, Verdict};
use crate::store::schema::deferrals;

/// What a deferral is read from: the values of [`COLUMNS`].
pub(crate) type Columns = (ParticipantId, i32, Option<i32>, NaiveDateTime);

/// Participant, tries, code, and time of the next attempt.
pub(crate) const COLUMNS: (
    deferrals::participant_id,
    deferrals::tries,
    deferrals::smtp_code,
    deferrals::next_try_at,
) = (deferrals::participant_id, deferrals::tries, deferrals::smtp_code, deferrals::next_try_at);

/// The end of a pause that begins at `clock`, as the column keeps it.
pub(crate) fn next_try_at(clock: NaiveDateTime, pause: Duration) -> NaiveDateTime {
    let pause = TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
    clock.checked_add_signed(pause).unwrap_or(NaiveDateTime::MAX).trunc_subsecs(3)
}

/// A row of `deferrals` to be.
#[derive(Insertable)]
#[diesel(table_name = deferrals, treat_none_as_default_value = false)]
pub(crate) struct DeferralRow {
    pub notification_id: NotificationId,
    pub participant_id: ParticipantId,
    pub tries: i32,
    pub next_try_at: NaiveDateTime,
    pub smtp_code: Option<i32>,
    pub detail: String,
}

impl DeferralRow {
    /// `None` for a mail that is decided. `clock` is the time of the database's clock.
    pub fn new(outcome: &Outcome, clock: NaiveDateTime) -> Option<Self> {
        let Verdict::Deferred { pause, code, detail } = &outcome.verdict else { return None };
        Some(Self {
            notification_id: outcome.lease.notification_id,
            participant_id: outcome.participant_id,
            tries: i32::try_from(outcome.deferrals.saturating_add(1)).unwrap_or(i32::MAX),
            next_try_at: next_try_at(clock, *pause),
            smtp_code: code.map(i32::from),
            detail: detail.clone(),
        })
    }
}

//! Mails that came back: the outcome of one becomes `bounced` or `complained`, and its address gets no further mail, at once or after
//! several soft bounces. Whether a report is believed, and which of these follows, is left to `bounces`.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::address_hash::AddressHash;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::outcome::Status;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deliveries::is_real;
use crate::store::ledger::row::NotificationState;
use crate::store::schema::{deferrals, deliveries, notifications, soft_bounces};
use crate::store::suppressions::{NewSuppression, insert_suppressions};

/// How long a soft bounce counts.
pub(crate) const SOFT_FOR: TimeDelta = TimeDelta::days(30);

/// Soft bounces of an address within that time, of different mails, after which it gets no further mail.
const SOFT_MAX: i64 = 3;

/// What a report says of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedMail {
    /// Its notification.
    pub notification_id: NotificationId,
    /// Its recipient.
    pub participant_id: ParticipantId,
    /// [`Status::Bounced`] or [`Status::Complained`].
    pub status: Status,
    /// The enhanced status code, or the type of the complaint.
    pub code: Option<String>,
    /// What follows for its address.
    pub consequence: Consequence,
}

/// What follows for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing: the report is not about the address, or it is not known any more.
    Nothing,
    /// It gets no further mail.
    Suppress(NewSuppression),
    /// The same, with the third soft bounce in 30 days.
    SuppressTheThird(NewSuppression),
}

/// What became of a report in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The outcome was `sent`, and is now what the report says.
    Done {
        /// Whether the address gets no further mail from now on.
        suppressed: bool,
    },
    /// It was that already. Nothing has changed.
    Repeated,
    /// There is no outcome yet: the mail has come back before its outcome was recorded, or it is deferred.
    NotYet,
    /// The outcome is another one, or there is none any more.
    Refused,
}

impl Store {
    /// Records that a mail came back, with what follows for its address. A complaint also counts if the mail was thought to have bounced,
    /// but a bounce does not if the recipient has complained.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn record_returned(&self, mail: &ReturnedMail) -> Result<Recorded, StoreError> {
        self.write("record a mail that came back", |connection| {
            let now: NaiveDateTime = dispatch::clock(connection)?;
            if !update_outcome(connection, mail, now)? {
                return find_why_not(connection, mail);
            }
            let suppressed = match &mail.consequence {
                Consequence::Nothing => false,
                Consequence::Suppress(new) => insert_suppressions(connection, std::slice::from_ref(new))? > 0,
                Consequence::SuppressTheThird(new) => {
                    count_soft_bounce(connection, &new.hash, mail, now)? >= SOFT_MAX
                        && insert_suppressions(connection, std::slice::from_ref(new))? > 0
                }
            };
            Ok(Recorded::Done { suppressed })
        })
    }
}

/// The outcome of the mail.
#[diesel::dsl::auto_type]
fn outcome_of(notification_id: NotificationId, participant_id: ParticipantId) -> _ {
    deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.eq(participant_id))
}

/// Returns whether there was an outcome that the report can change. Dry-run mode has sent nothing that could come back.
fn update_outcome(
    connection: &mut AnyConnection,
    mail: &ReturnedMail,
    now: NaiveDateTime,
) -> QueryResult<bool> {
    let before: &[Status] = match mail.status {
        Status::Complained => &[Status::Sent, Status::Bounced],
        _ => &[Status::Sent],
    };
    for status in before {
        let outcome = outcome_of(mail.notification_id, mail.participant_id)
            .filter(deliveries::status.eq(status.as_str()))
            .filter(is_real());
        let changed = diesel::update(outcome)
            .set((
                deliveries::status.eq(mail.status.as_str()),
                deliveries::reported_code.eq(mail.code.as_deref()),
                deliveries::reported_at.eq(now),
            ))
            .execute(connection)?;
        if changed > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why no outcome could be changed.
fn find_why_not(connection: &mut AnyConnection, mail: &ReturnedMail) -> QueryResult<Recorded> {
    let status: Option<String> = outcome_of(mail.notification_id, mail.participant_id)
        .select(deliveries::status)
        .first(connection)
        .optional()?;
    if let Some(status) = status {
        return Ok(if status == mail.status.as_str() { Recorded::Repeated } else { Recorded::Refused });
    }
    let state: Option<String> = notifications::table
        .find(mail.notification_id)
        .select(notifications::state)
        .first(connection)
        .optional()?;
    let Some(state) = state else { return Ok(Recorded::Refused) };
    let deferred: i64 = deferrals::table
        .filter(deferrals::notification_id.eq(mail.notification_id))
        .filter(deferrals::participant_id.eq(mail.participant_id))
        .count()
        .get_result(connection)?;
    let is_undecided = NotificationState::UNDECIDED.contains(&state.as_str());
    Ok(if is_undecided || deferred > 0 { Recorded::NotYet } else { Recorded::Refused })
}

/// Counts a soft bounce of an address, and returns how many there are. Forgets its old ones. Only rows of the address are looked at, which
/// the primary key finds.
fn count_soft_bounce(
    connection: &mut AnyConnection,
    address: &AddressHash,
    mail: &ReturnedMail,
    now: NaiveDateTime,
) -> QueryResult<i64> {
    let address = address.as_bytes().as_slice();
    let of_address = soft_bounces::table.filter(soft_bounces::address_hash.eq(address));
    diesel::delete(of_address.filter(soft_bounces::reported_at.lt(now - SOFT_FOR))).execute(connection)?;
    let same_mail = soft_bounces::table.find((address, mail.notification_id, mail.participant_id));
    diesel::delete(same_mail).execute(connection)?;
    diesel::insert_into(soft_bounces::table)
        .values((
            soft_bounces::address_hash.eq(address),
            soft_bounces::notification_id.eq(mail.notification_id),
            soft_bounces::participant_id.eq(mail.participant_id),
            soft_bounces::reported_at.eq(now),
        ))
        .execute(connection)?;
    of_address.count().get_result(connection)
}

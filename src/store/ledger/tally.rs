//! How the ledger adds up: the numbers that `fanmail status` shows.

use diesel::dsl::{count, exists, not};
use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::notification::Notification;
use crate::domain::outcome::{Status, Tally};
use crate::store::Store;
use crate::store::backend::any::{AnyConnection, MultiBackend};
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::recipients::count_listed;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::ledger::tally::outcomes::count_outcomes;
use crate::store::schema::{deferrals, deliveries, notifications, participants};
use crate::store::source::event_keys::{AppEvent, of_event};
use crate::store::source::keys::ParticipantKeys;

mod audience;
mod outcomes;

impl Store {
    /// All notifications, or those of one event, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_notifications(
        &self,
        event_id: Option<EventId>,
    ) -> Result<Vec<NotificationRecord>, StoreError> {
        self.run("list the notifications", |connection| {
            load_records(connection, event_id, NotificationId::MIN)
        })
    }

    /// The `limit` newest notifications and all that are not completed, oldest first, and the number of those left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_newest_notifications(
        &self,
        event_id: Option<EventId>,
        limit: u32,
    ) -> Result<(Vec<NotificationRecord>, u64), StoreError> {
        self.read("list the newest notifications", |connection| {
            // Keys grow: the newest has the largest.
            let oldest_listed: Option<NotificationId> = of_event(event_id)
                .order(notifications::id.desc())
                .select(notifications::id)
                .limit(1)
                .offset(i64::from(limit.max(1)) - 1)
                .first(connection)
                .optional()?;
            let records = load_records(connection, event_id, oldest_listed.unwrap_or(NotificationId::MIN))?;
            let all: i64 = of_event(event_id).count().get_result(connection)?;
            let left_out = all.unsigned_abs().saturating_sub(records.len() as u64);
            Ok((records, left_out))
        })
    }

    /// How the participants of a notification add up. Each number is counted by itself, so that a wrong ledger shows: an
    /// outcome of a participant who never was part of the notification. A key is one participant, however many rows have it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn tally(&self, notification: &Notification) -> Result<Tally, StoreError> {
        let keys = self.app_keys()?;
        self.read("add up a notification", |connection| {
            let tally = tally_ledger(connection, notification.id)?;
            let (participants, pending) = match notification.audience {
                // Numbers are not compared with keys that are text.
                Audience::Event { up_to: ParticipantId::MIN, .. }
                    if matches!(keys.participants, ParticipantKeys::Texts(_)) =>
                {
                    (tally.decided() + tally.deferred, 0)
                }
                Audience::Event { id, up_to } => {
                    let event = keys.events.in_participants(id);
                    let mut count = |distinct| {
                        count_of_event(connection, notification.id, event, up_to, tally.deferred, distinct)
                    };
                    let (participants, pending) = count(false)?;
                    // Counting keys costs more, and only a view has one several times.
                    let adds_up = Tally { participants, pending, ..tally }.adds_up();
                    if adds_up { (participants, pending) } else { count(true)? }
                }
                Audience::Recipients { .. } | Audience::Given { .. } => {
                    count_listed(connection, notification.id, keys, notification.audience.event_id())?
                }
            };
            Ok(Tally { participants, pending, ..tally })
        })
    }

    /// The same when the participants cannot be read: as if no participant were pending.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn tally_without_participants(&self, notification_id: NotificationId) -> Result<Tally, StoreError> {
        self.read("add up the outcomes of a notification", |connection| {
            let tally = tally_ledger(connection, notification_id)?;
            let participants = tally.decided() + tally.deferred;
            Ok(Tally { participants, ..tally })
        })
    }
}

/// What the ledger alone knows: outcomes and deferred mails.
fn tally_ledger(connection: &mut AnyConnection, notification_id: NotificationId) -> QueryResult<Tally> {
    let outcomes = count_outcomes(connection, notification_id)?;
    let count = |status: Status| {
        let of_status = outcomes.iter().filter(|found| found.status == status);
        of_status.map(|found| found.count).sum()
    };
    let failed_permanent = outcomes
        .iter()
        .filter(|found| found.status == Status::Failed && found.permanent)
        .map(|found| found.count)
        .sum();
    Ok(Tally {
        sent: count(Status::Sent),
        dry_run: outcomes.iter().map(|found| found.dry_run).sum(),
        bounced: count(Status::Bounced),
        complained: count(Status::Complained),
        failed: count(Status::Failed),
        failed_permanent,
        skipped: count(Status::Skipped),
        same_address: outcomes.iter().map(|found| found.same_address).sum(),
        no_address: outcomes.iter().map(|found| found.no_address).sum(),
        deferred: count_deferred(connection, notification_id)?,
        ..Tally::default()
    })
}

/// Notifications of one event, or of all.
pub(crate) fn of_event<'a>(event_id: Option<EventId>) -> notifications::BoxedQuery<'a, MultiBackend> {
    match event_id {
        Some(EventId::Number(id)) => notifications::table.filter(notifications::event_id.eq(id)).into_boxed(),
        Some(EventId::Text(key)) => {
            notifications::table.filter(notifications::event_key.eq(key.as_str().to_owned())).into_boxed()
        }
        None => notifications::table.into_boxed(),
    }
}

/// The notifications from this key on and all that are not completed, oldest first.
fn load_records(
    connection: &mut AnyConnection,
    event_id: Option<EventId>,
    from: NotificationId,
) -> QueryResult<Vec<NotificationRecord>> {
    let clock = dispatch::clock(connection)?;
    let rows: Vec<NotificationRow> = of_event(event_id)
        .filter(notifications::id.ge(from).or(notifications::state.ne(NotificationState::Completed.as_str())))
        .order(notifications::id)
        .select(NotificationRow::as_select())
        .load(connection)?;
    rows.into_iter().map(|row| row.into_record(clock)).collect()
}

/// Participants and pending ones of a notification whose people are not listed.
fn count_of_event(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    event: AppEvent,
    up_to: ParticipantId,
    deferred: u64,
    distinct: bool,
) -> QueryResult<(u64, u64)> {
    let removed_deferred = match deferred {
        0 => 0,
        _ => count_removed_deferred(connection, notification_id, event, up_to)?,
    };
    let participants = count_people(connection, event, up_to, distinct)?;
    let removed = count_removed(connection, notification_id, event, up_to)?;
    let pending = count_pending(connection, notification_id, event, up_to, distinct)?;
    Ok((participants + removed + removed_deferred, pending))
}

/// The participants who are part of the notification and still take part in the event.
pub(crate) fn count_people(
    connection: &mut AnyConnection,
    event: AppEvent,
    up_to: ParticipantId,
    distinct: bool,
) -> QueryResult<u64> {
    let count = of_event!(event, participants::event_id, is_of_event => {
        let people = participants::table.filter(is_of_event).filter(participants::id.le(up_to));
        if distinct {
            people.select(count(participants::id).aggregate_distinct()).first(connection)
        } else {
            people.count().get_result(connection)
        }
    });
    count.map(i64::unsigned_abs)
}

/// The participants who have an outcome and have left the event since.
fn count_removed(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    event: AppEvent,
    up_to: ParticipantId,
) -> QueryResult<u64> {
    let outcomes = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.le(up_to));
    let count = of_event!(event, participants::event_id, is_of_event => {
        let person = participants::table
            .filter(is_of_event)
            .filter(participants::id.eq(deliveries::participant_id));
        outcomes.filter(not(exists(person))).count().get_result(connection)
    });
    count.map(i64::unsigned_abs)
}

/// The deferrals of the notification. One beside a delivery does not count: the next sweep deletes it.
#[diesel::dsl::auto_type]
fn deferred(notification_id: NotificationId) -> _ {
    deferrals::table.filter(deferrals::notification_id.eq(notification_id)).filter(not(exists(
        deliveries::table
            .filter(deliveries::notification_id.eq(notification_id))
            .filter(deliveries::participant_id.eq(deferrals::participant_id)),
    )))
}

fn count_deferred(connection: &mut AnyConnection, notification_id: NotificationId) -> QueryResult<u64> {
    deferred(notification_id).count().get_result(connection).map(i64::unsigned_abs)
}

/// The participants who are deferred and have left the event since.
fn count_removed_deferred(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    event: AppEvent,
    up_to: ParticipantId,
) -> QueryResult<u64> {
    let count = of_event!(event, participants::event_id, is_of_event => {
        let person =
            participants::table.filter(is_of_event).filter(participants::id.eq(deferrals::participant_id));
        deferred(notification_id)
            .filter(deferrals::participant_id.le(up_to))
            .filter(not(exists(person)))
            .count()
            .get_result(connection)
    });
    count.map(i64::unsigned_abs)
}

fn count_pending(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    event: AppEvent,
    up_to: ParticipantId,
    distinct: bool,
) -> QueryResult<u64> {
    let decided = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.eq(participants::id));
    let deferred = deferrals::table
        .filter(deferrals::notification_id.eq(notification_id))
        .filter(deferrals::participant_id.eq(participants::id));
    let count = of_event!(event, participants::event_id, is_of_event => {
        let people = participants::table
            .filter(is_of_event)
            .filter(participants::id.le(up_to))
            .filter(not(exists(decided)))
            .filter(not(exists(deferred)));
        if distinct {
            people.select(count(participants::id).aggregate_distinct()).first(connection)
        } else {
            people.count().get_result(connection)
        }
    });
    count.map(i64::unsigned_abs)
}

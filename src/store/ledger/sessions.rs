//! The table `broker_sessions`: which connections to the broker exist, and which were lost. What this says about messages is
//! left to `identity`; when a session begins and ends to the worker. Times are the database's.

use std::time::{Duration, Instant};

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::session::BrokerSession;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::acks::{AckedMessage, record_acks, record_proven_acks};
use crate::store::ledger::identity::sessions::Sessions;
use crate::store::ledger::sessions::row::LockedSession;
use crate::store::ledger::sessions::selection::{of_queue, unended};
use crate::store::schema::broker_sessions;

pub(crate) mod row;
mod selection;

/// A session that was lost, or was not seen, for this long is deleted when another one begins.
const DELETED_AFTER: TimeDelta = TimeDelta::days(1);

/// A report revives a session that was taken for lost only if the broker's answer is not older. A worker that was frozen in between
/// reports an answer from before, and a session is taken for lost only after a silence of 15 s.
const REVIVED_WITHIN: TimeDelta = TimeDelta::seconds(5);

/// The database's clock and this machine's differ by less than this, however they are corrected, if no process was paused in between.
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::seconds(1);

/// The database's time at an instant of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    pub(crate) clock: NaiveDateTime,
    pub(crate) read_at: Instant,
}

impl ClockReading {
    /// Whether the database's time at instants before this reading can be told, as far as an `earlier` one shows. It cannot after this
    /// machine was suspended, because an `Instant` does not count that time, or when the database's clock was set.
    fn follows(&self, earlier: &Self) -> bool {
        let here = TimeDelta::from_std(self.read_at - earlier.read_at).unwrap_or(TimeDelta::MAX);
        (self.clock - earlier.clock - here).abs() < CLOCKS_DIFFER_BY
    }
}

/// How a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfSession {
    /// In good order: all acks that were sent have arrived.
    Closed,
    /// The connection was lost.
    Lost {
        /// When the broker was last known to run; `None`: until now.
        alive_at: Option<Instant>,
    },
}

impl Store {
    /// Records that a session has begun. The earlier ones of this worker are lost, if that is not known yet, and those of other
    /// workers that a restart of the broker has ended. `alive_at`: when the broker was last known to run, in the session before;
    /// `None`: until now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn begin_session(
        &self,
        session: &BrokerSession,
        alive_at: Option<Instant>,
    ) -> Result<(), StoreError> {
        self.write("begin a session", |connection| {
            let clock = dispatch::clock(connection)?;
            let lost_at = time_of(alive_at, clock);
            // The end of an earlier one may have been recorded late.
            let earlier = of_queue(&session.queue)
                .filter(broker_sessions::worker.eq(&session.worker))
                .filter(broker_sessions::name.ne(session.name()))
                .filter(broker_sessions::lost_at.is_null().or(broker_sessions::lost_at.gt(lost_at)))
                .filter(broker_sessions::closed_at.is_null());
            diesel::update(earlier).set(broker_sessions::lost_at.eq(lost_at)).execute(connection)?;
            delete_old(connection, session, clock)?;
            let begun: i64 = broker_sessions::table.find(session.name()).count().get_result(connection)?;
            if begun == 0 {
                insert(connection, session, clock, clock)?;
            }
            Ok(())
        })?;
        if session.follows_restart {
            // In transactions of their own: two workers that begin at the same time would wait for each other's rows.
            self.write("find the sessions that a restart has ended", |connection| {
                let clock = dispatch::clock(connection)?;
                Ok(Sessions::load(connection, session, clock)?.ended_by_restart())
            })?
            .iter()
            .try_for_each(|name| self.end_by_restart(name, alive_at))?;
        }
        Ok(())
    }

    /// Its worker may have a message that it has not opened, and may be frozen. After this it cannot open it any more.
    fn end_by_restart(&self, name: &str, alive_at: Option<Instant>) -> Result<(), StoreError> {
        self.write("end a session that a restart has ended", |connection| {
            let lost_at = time_of(alive_at, dispatch::clock(connection)?);
            diesel::update(unended(name))
                .set(broker_sessions::lost_at.eq(lost_at))
                .execute(connection)
                .map(drop)
        })
    }

    /// Records that the broker still had this session at `answered_at`: it has answered a call that began then. If that was just
    /// now, and no session has begun since, a session that was taken for lost lives again. One that is missing, because an older copy
    /// of the database was restored, is inserted; its age is not known, and it counts as old. Records nothing if the database's time
    /// at `answered_at` cannot be told, as the reading of the report before shows. Returns the present reading.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn report_session(
        &self,
        session: &BrokerSession,
        answered_at: Instant,
        earlier: Option<&ClockReading>,
    ) -> Result<ClockReading, StoreError> {
        self.write("report a session", |connection| {
            let locked = dispatch::lock_session(connection, &session.name())?;
            let clock =
                locked.as_ref().map_or_else(|| dispatch::clock(connection), |locked| Ok(locked.clock))?;
            let reading = ClockReading { clock, read_at: Instant::now() };
            if earlier.is_none_or(|earlier| reading.follows(earlier)) {
                report(connection, session, time_of(Some(answered_at), clock), locked.as_ref(), clock)?;
            }
            Ok(reading)
        })
    }

    /// Records that a session has ended, and the acks that the broker has confirmed to it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn end_session(
        &self,
        session: &BrokerSession,
        end: EndOfSession,
        acked: &[AckedMessage],
    ) -> Result<(), StoreError> {
        self.write("end a session", |connection| {
            let clock = dispatch::clock(connection)?;
            let row = unended(&session.name());
            match end {
                EndOfSession::Closed => {
                    diesel::update(row).set(broker_sessions::closed_at.eq(clock)).execute(connection)?
                }
                EndOfSession::Lost { alive_at } => {
                    let lost_at = time_of(alive_at, clock);
                    diesel::update(row).set(broker_sessions::lost_at.eq(lost_at)).execute(connection)?
                }
            };
            record_acks(connection, acked, false)
        })
    }

    /// Records that the session `name` of a worker that is gone was lost when it was last seen, and returns whether it was; not if
    /// it was seen after `asked_at`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn mark_session_lost(&self, name: &str, asked_at: NaiveDateTime) -> Result<bool, StoreError> {
        self.write("record that a session is lost", |connection| {
            let row = unended(name).filter(broker_sessions::seen_at.le(asked_at));
            let lost_at = broker_sessions::lost_at.eq(broker_sessions::seen_at.nullable());
            diesel::update(row).set(lost_at).execute(connection).map(|rows| rows > 0)
        })
    }
}

fn report(
    connection: &mut AnyConnection,
    session: &BrokerSession,
    seen_at: NaiveDateTime,
    locked: Option<&LockedSession>,
    clock: NaiveDateTime,
) -> QueryResult<()> {
    let Some(locked) = locked else {
        // In the older copy, an earlier session of this worker may not have ended.
        let earlier = of_queue(&session.queue)
            .filter(broker_sessions::worker.eq(&session.worker))
            .filter(broker_sessions::lost_at.is_null())
            .filter(broker_sessions::closed_at.is_null());
        let lost_at = broker_sessions::lost_at.eq(broker_sessions::seen_at.nullable());
        diesel::update(earlier).set(lost_at).execute(connection)?;
        return insert(connection, session, clock - DELETED_AFTER, seen_at);
    };
    let revives = locked.lost_at.is_some()
        && clock - seen_at < REVIVED_WITHIN
        && of_queue(&session.queue)
            .filter(broker_sessions::opened_at.ge(seen_at))
            .count()
            .get_result::<i64>(connection)?
            == 0;
    // A time that is still to come is from before the database's clock was set back.
    let is_newer = broker_sessions::seen_at.lt(seen_at).or(broker_sessions::seen_at.gt(clock));
    let row = broker_sessions::table.find(session.name()).filter(is_newer);
    diesel::update(row)
        .set((
            broker_sessions::seen_at.eq(seen_at),
            revives.then(|| broker_sessions::lost_at.eq(None::<NaiveDateTime>)),
        ))
        .execute(connection)
        .map(drop)
}

/// The database's time, and whether `session` has not ended, as far as the ledger knows. Its end can only be recorded after this
/// transaction, and is then recorded after all that the session has opened.
pub(crate) fn lock(
    connection: &mut AnyConnection,
    session: &BrokerSession,
) -> QueryResult<(NaiveDateTime, bool)> {
    match dispatch::lock_session(connection, &session.name())? {
        Some(LockedSession { clock, lost_at, closed_at }) => {
            Ok((clock, lost_at.is_none() && closed_at.is_none()))
        }
        // An older copy of the database was restored. The next report inserts it.
        None => Ok((dispatch::clock(connection)?, true)),
    }
}

/// Records that this session has received a message that was never delivered before.
pub(crate) fn record_caught_up(
    connection: &mut AnyConnection,
    session: &BrokerSession,
    clock: NaiveDateTime,
) -> QueryResult<()> {
    let row = broker_sessions::table.find(session.name()).filter(broker_sessions::caught_up_at.is_null());
    diesel::update(row).set(broker_sessions::caught_up_at.eq(clock)).execute(connection).map(drop)
}

/// The database's time at `instant`, or now. `clock` was asked right before, so the time is rather too early than too late. No time
/// is earlier than a session is kept.
fn time_of(instant: Option<Instant>, clock: NaiveDateTime) -> NaiveDateTime {
    let ago = instant.map_or(Duration::ZERO, |instant| instant.elapsed());
    clock - TimeDelta::from_std(ago).unwrap_or(DELETED_AFTER).min(DELETED_AFTER)
}

fn insert(
    connection: &mut AnyConnection,
    session: &BrokerSession,
    opened_at: NaiveDateTime,
    seen_at: NaiveDateTime,
) -> QueryResult<()> {
    diesel::insert_into(broker_sessions::table)
        .values((
            broker_sessions::name.eq(session.name()),
            broker_sessions::worker.eq(&session.worker),
            broker_sessions::queue.eq(&session.queue),
            broker_sessions::opened_at.eq(opened_at),
            broker_sessions::seen_at.eq(seen_at),
        ))
        .execute(connection)
        .map(drop)
}

/// Deletes the sessions of this queue that ended before `clock` by [`DELETED_AFTER`], and those that were not seen since. They may be the proof
/// that a notification was acked, so that is recorded first.
fn delete_old(
    connection: &mut AnyConnection,
    session: &BrokerSession,
    clock: NaiveDateTime,
) -> QueryResult<()> {
    let time = clock - DELETED_AFTER;
    // A session is seen before it ends, and an end is recorded within seconds, unless the database was away.
    let unseen = || of_queue(&session.queue).filter(broker_sessions::seen_at.lt(time));
    let unended =
        unseen().filter(broker_sessions::lost_at.is_null()).filter(broker_sessions::closed_at.is_null());
    diesel::update(unended)
        .set(broker_sessions::lost_at.eq(broker_sessions::seen_at.nullable()))
        .execute(connection)?;
    let ended = broker_sessions::lost_at.is_null().or(broker_sessions::lost_at.lt(time));
    let old: i64 = unseen().filter(ended).count().get_result(connection)?;
    if old > 0 {
        let sessions = Sessions::load(connection, session, clock)?;
        record_proven_acks(connection, &sessions, clock)?;
        diesel::delete(unseen().filter(ended)).execute(connection)?;
    }
    Ok(())
}

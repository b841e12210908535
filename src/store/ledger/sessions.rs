//! The table `broker_sessions`: which connections to the broker exist, and which were lost. What this says about messages is
//! left to `identity`; when a session begins and ends to the worker. Times are the database's.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::session::BrokerSession;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::broker_sessions;

/// A session that was lost, or was not seen, for this long is deleted when another one begins.
const DELETED_AFTER: TimeDelta = TimeDelta::days(1);

/// How a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfSession {
    /// In good order: all acks that were sent have arrived.
    Closed,
    /// The connection was lost.
    Lost,
}

/// Which acks of a lost session may not be on the broker's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostAcks {
    /// The number of the session.
    pub session: u64,
    /// Those since so long ago. `None`: all are on the disk.
    pub unwritten_for: Option<Duration>,
}

impl Store {
    /// Records that a session has begun. The earlier ones of this worker are lost, if that is not known yet. `lost`: what
    /// is known about the acks of the one that was lost last.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn begin_session(&self, session: &BrokerSession, lost: Option<LostAcks>) -> Result<(), StoreError> {
        self.write("begin a session", |connection| {
            let clock = dispatch::clock(connection)?;
            if let Some(LostAcks { session: number, unwritten_for }) = lost {
                let unwritten_since = clock - time_delta(unwritten_for.unwrap_or_default());
                diesel::update(broker_sessions::table.find(BrokerSession::name_of(&session.worker, number)))
                    .set(broker_sessions::unwritten_since.eq(unwritten_since))
                    .execute(connection)?;
            }
            let earlier = broker_sessions::table
                .filter(broker_sessions::worker.eq(&session.worker))
                .filter(broker_sessions::name.ne(session.name()))
                .filter(broker_sessions::lost_at.is_null())
                .filter(broker_sessions::closed_at.is_null());
            diesel::update(earlier).set(broker_sessions::lost_at.eq(clock)).execute(connection)?;
            delete_old(connection, clock - DELETED_AFTER)?;
            let begun: i64 = broker_sessions::table.find(session.name()).count().get_result(connection)?;
            if begun == 0 {
                insert(connection, session, clock, clock)?;
            }
            Ok(())
        })
    }

    /// Records that the broker still had this session `answered_ago`: it has answered a call that began then. A session that
    /// was taken for lost lives again. One that is missing, because an older copy of the database was restored, is inserted;
    /// its age is not known, and it counts as old. Acks may not be on the broker's disk since `unwritten_for` ago; `None`: those
    /// before that answer are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn report_session(
        &self,
        session: &BrokerSession,
        answered_ago: Duration,
        unwritten_for: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.write("report a session", |connection| {
            let clock = dispatch::clock(connection)?;
            let seen_at = clock - time_delta(answered_ago);
            let unwritten_since = clock - time_delta(unwritten_for.unwrap_or(answered_ago));
            let row = || broker_sessions::table.find(session.name());
            let later = diesel::update(row().filter(broker_sessions::seen_at.lt(seen_at)))
                .set((
                    broker_sessions::seen_at.eq(seen_at),
                    broker_sessions::unwritten_since.eq(unwritten_since),
                    broker_sessions::lost_at.eq(None::<NaiveDateTime>),
                ))
                .execute(connection)?;
            if later == 0 && row().count().get_result::<i64>(connection)? == 0 {
                insert(connection, session, clock - DELETED_AFTER, seen_at)?;
            }
            Ok(())
        })
    }

    /// Records that a session has ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn end_session(&self, session: &BrokerSession, end: EndOfSession) -> Result<(), StoreError> {
        self.write("end a session", |connection| {
            let clock = dispatch::clock(connection)?;
            let row = broker_sessions::table
                .find(session.name())
                .filter(broker_sessions::lost_at.is_null())
                .filter(broker_sessions::closed_at.is_null());
            let ended = match end {
                EndOfSession::Closed => {
                    diesel::update(row).set(broker_sessions::closed_at.eq(clock)).execute(connection)
                }
                EndOfSession::Lost => {
                    diesel::update(row).set(broker_sessions::lost_at.eq(clock)).execute(connection)
                }
            };
            ended.map(drop)
        })
    }

    /// Records that the session `name` of a worker that is gone was lost when it was last seen.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn mark_session_lost(&self, name: &str) -> Result<(), StoreError> {
        self.write("record that a session is lost", |connection| {
            let row = broker_sessions::table.find(name).filter(broker_sessions::lost_at.is_null());
            diesel::update(row)
                .set(broker_sessions::lost_at.eq(broker_sessions::seen_at.nullable()))
                .execute(connection)
                .map(drop)
        })
    }
}

/// A time that the database can subtract. None is longer than the time for which a session is kept.
fn time_delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(DELETED_AFTER).min(DELETED_AFTER)
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
            broker_sessions::opened_at.eq(opened_at),
            broker_sessions::seen_at.eq(seen_at),
            broker_sessions::unwritten_since.eq(seen_at),
        ))
        .execute(connection)
        .map(drop)
}

/// Deletes the sessions that ended before `time`, and those that were not seen since.
fn delete_old(connection: &mut AnyConnection, time: NaiveDateTime) -> QueryResult<()> {
    // A session is seen before it ends, and an end is recorded within seconds, unless the database was away.
    let unseen = broker_sessions::table.filter(broker_sessions::seen_at.lt(time));
    let ended = broker_sessions::lost_at.is_null().or(broker_sessions::lost_at.lt(time));
    diesel::delete(unseen.filter(ended)).execute(connection).map(drop)
}

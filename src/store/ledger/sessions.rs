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
use crate::store::ledger::acks::record_proven_acks;
use crate::store::ledger::identity::sessions::Sessions;
use crate::store::schema::{broker_sessions, notifications};

/// A session that was lost, or was not seen, for this long is deleted when another one begins.
const DELETED_AFTER: TimeDelta = TimeDelta::days(1);

/// A queue without any work for this time has written its acks to disk, with a margin for the time after which the ledger records an
/// ack. Measured with RabbitMQ 3.10.8 and SIGKILL: after 0.2 s without work none of 1,000 acks was lost, after 0.1 s all were; of
/// acks in a row all were lost at 50 a second (the oldest was 5.6 s old) and none at 5 a second.
const WRITTEN_AFTER: TimeDelta = TimeDelta::milliseconds(400);

/// Most acks that are looked at. RabbitMQ writes its journal after 32,768 entries, and a message has three.
const MAX_UNWRITTEN: i64 = 20_000;

/// How a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndOfSession {
    /// In good order: all acks that were sent have arrived.
    Closed,
    /// The connection was lost.
    Lost,
}

impl Store {
    /// Records that a session has begun. The earlier ones of this worker are lost, if that is not known yet. `alive_ago`: for
    /// how long the broker is not known to have run, since the session before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn begin_session(
        &self,
        session: &BrokerSession,
        alive_ago: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.write("begin a session", |connection| {
            let clock = dispatch::clock(connection)?;
            if session.follows_restart {
                find_unwritten_acks(connection, session, clock, alive_ago.map(time_delta))?;
            }
            let earlier = broker_sessions::table
                .filter(broker_sessions::worker.eq(&session.worker))
                .filter(broker_sessions::name.ne(session.name()))
                .filter(broker_sessions::lost_at.is_null())
                .filter(broker_sessions::closed_at.is_null());
            diesel::update(earlier).set(broker_sessions::lost_at.eq(clock)).execute(connection)?;
            delete_old(connection, session, clock)?;
            let begun: i64 = broker_sessions::table.find(session.name()).count().get_result(connection)?;
            if begun == 0 {
                insert(connection, session, clock, clock)?;
            }
            Ok(())
        })
    }

    /// Records that the broker still had this session `answered_ago`: it has answered a call that began then. A session that
    /// was taken for lost lives again. One that is missing, because an older copy of the database was restored, is inserted;
    /// its age is not known, and it counts as old.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn report_session(&self, session: &BrokerSession, answered_ago: Duration) -> Result<(), StoreError> {
        self.write("report a session", |connection| {
            let clock = dispatch::clock(connection)?;
            let seen_at = clock - time_delta(answered_ago);
            let row = || broker_sessions::table.find(session.name());
            let later = diesel::update(row().filter(broker_sessions::seen_at.lt(seen_at)))
                .set((
                    broker_sessions::seen_at.eq(seen_at),
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

/// Finds out which acks a broker that was restarted may have forgotten: those behind which its queue never had a pause, whichever
/// session carried them. The first session after the restart does this for all.
fn find_unwritten_acks(
    connection: &mut AnyConnection,
    session: &BrokerSession,
    clock: NaiveDateTime,
    alive_ago: Option<TimeDelta>,
) -> QueryResult<()> {
    let crashed_at = alive_ago.map(|ago| clock - ago);
    let begun_since: i64 = broker_sessions::table
        .filter(broker_sessions::opened_at.gt(crashed_at.unwrap_or(clock)))
        .count()
        .get_result(connection)?;
    if begun_since > 0 {
        return Ok(());
    }
    let acks: Vec<Option<NaiveDateTime>> = notifications::table
        .filter(notifications::acked_at.gt(clock - DELETED_AFTER))
        .order(notifications::acked_at.desc())
        .limit(MAX_UNWRITTEN)
        .select(notifications::acked_at)
        .load(connection)?;
    let mut unwritten_since = crashed_at;
    for acked_at in acks.into_iter().flatten() {
        if unwritten_since.is_some_and(|since| since - acked_at > WRITTEN_AFTER) {
            break;
        }
        unwritten_since = Some(acked_at);
    }
    // So that the first one of them is later.
    let unwritten_since = unwritten_since.unwrap_or(clock) - TimeDelta::milliseconds(1);
    // Of a session that was lost earlier, an earlier crash has decided.
    let ended = broker_sessions::lost_at.gt(crashed_at.unwrap_or(clock) - WRITTEN_AFTER * 10);
    let of_this_crash = broker_sessions::table
        .filter(broker_sessions::name.ne(session.name()))
        .filter(broker_sessions::lost_at.is_null().or(ended));
    diesel::update(of_this_crash)
        .set(broker_sessions::unwritten_since.eq(unwritten_since))
        .execute(connection)
        .map(drop)
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

/// Deletes the sessions that ended before `clock` by [`DELETED_AFTER`], and those that were not seen since. They may be the proof
/// that a notification was acked, so that is recorded first.
fn delete_old(
    connection: &mut AnyConnection,
    session: &BrokerSession,
    clock: NaiveDateTime,
) -> QueryResult<()> {
    let time = clock - DELETED_AFTER;
    // A session is seen before it ends, and an end is recorded within seconds, unless the database was away.
    let unseen = || broker_sessions::table.filter(broker_sessions::seen_at.lt(time));
    let unended =
        unseen().filter(broker_sessions::lost_at.is_null()).filter(broker_sessions::closed_at.is_null());
    diesel::update(unended)
        .set(broker_sessions::lost_at.eq(broker_sessions::seen_at.nullable()))
        .execute(connection)?;
    let ended = broker_sessions::lost_at.is_null().or(broker_sessions::lost_at.lt(time));
    let old: i64 = unseen().filter(ended).count().get_result(connection)?;
    if old > 0 {
        let sessions = Sessions::load(connection, session)?;
        record_proven_acks(connection, &sessions, clock)?;
        diesel::delete(unseen().filter(ended)).execute(connection)?;
    }
    Ok(())
}

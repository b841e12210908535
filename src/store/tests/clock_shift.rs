//! Times in the ledger are moved, instead of waiting until they have passed.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use super::*;
use crate::store::backend::dispatch;
use crate::store::schema::{broker_sessions, notifications};

/// The acks of the last ten seconds came without a pause, and the crash comes right after them, however long the test takes.
pub fn leave_no_pause(store: &Store) {
    store
        .write("move acks", |connection| {
            let clock = dispatch::clock(connection)?;
            let recent =
                notifications::table.filter(notifications::acked_at.gt(clock - TimeDelta::seconds(10)));
            let crash = clock + TimeDelta::seconds(5);
            diesel::update(recent).set(notifications::acked_at.eq(crash)).execute(connection)
        })
        .unwrap();
}

/// The sessions so far were ended by a crash. Until it, there was no pause in what happened to `busy`; what happened to `idle` ended
/// before that.
pub fn crash_while_busy(store: &Store, idle: NotificationId, busy: NotificationId) {
    store
        .write("move times", |connection| {
            let crash = dispatch::clock(connection)?;
            let before = |milliseconds| crash - TimeDelta::milliseconds(milliseconds);
            for (id, times) in [(idle, [800; 4]), (busy, [600, 400, 200, 0])] {
                let [received, delivered, completed, acked] = times.map(before);
                diesel::update(notifications::table.find(id))
                    .set((
                        notifications::received_at.eq(received),
                        notifications::delivered_at.eq(delivered),
                        notifications::completed_at.eq(completed),
                        notifications::acked_at.eq(acked),
                    ))
                    .execute(connection)?;
            }
            diesel::update(broker_sessions::table)
                .set((
                    broker_sessions::opened_at.eq(before(900)),
                    broker_sessions::seen_at.eq(crash),
                    broker_sessions::lost_at.eq(crash),
                ))
                .execute(connection)
        })
        .unwrap();
}

/// The messages of these notifications were delivered one millisecond after the other, however long the test takes.
pub fn leave_no_time_between(store: &Store, ids: &[NotificationId]) {
    store
        .write("move deliveries", |connection| {
            let first = dispatch::clock(connection)? - TimeDelta::milliseconds(100);
            for (id, milliseconds) in ids.iter().zip(0..) {
                let delivered_at = first + TimeDelta::milliseconds(milliseconds);
                diesel::update(notifications::table.find(id))
                    .set(notifications::delivered_at.eq(delivered_at))
                    .execute(connection)?;
            }
            Ok(())
        })
        .unwrap();
}

/// Lets time pass: everything so far was so much earlier.
pub fn pass(store: &Store, time: TimeDelta) {
    type Time = Option<NaiveDateTime>;
    type Session = (String, (NaiveDateTime, NaiveDateTime), (Time, Time, Time, Time));
    let sooner = |at: Option<NaiveDateTime>| at.map(|at| at - time);
    store
        .write("move times", |connection| {
            let sessions: Vec<Session> = broker_sessions::table
                .select((
                    broker_sessions::name,
                    (broker_sessions::opened_at, broker_sessions::seen_at),
                    (
                        broker_sessions::unwritten_since,
                        broker_sessions::caught_up_at,
                        broker_sessions::lost_at,
                        broker_sessions::closed_at,
                    ),
                ))
                .load(connection)?;
            for (name, (opened_at, seen_at), (unwritten_since, caught_up_at, lost_at, closed_at)) in sessions
            {
                diesel::update(broker_sessions::table.find(name))
                    .set((
                        broker_sessions::opened_at.eq(opened_at - time),
                        broker_sessions::seen_at.eq(seen_at - time),
                        broker_sessions::unwritten_since.eq(sooner(unwritten_since)),
                        broker_sessions::caught_up_at.eq(sooner(caught_up_at)),
                        broker_sessions::lost_at.eq(sooner(lost_at)),
                        broker_sessions::closed_at.eq(sooner(closed_at)),
                    ))
                    .execute(connection)?;
            }
            let rows: Vec<(NotificationId, NaiveDateTime, (Time, Time, Time))> = notifications::table
                .select((
                    notifications::id,
                    notifications::received_at,
                    (notifications::delivered_at, notifications::completed_at, notifications::acked_at),
                ))
                .load(connection)?;
            for (id, received_at, (delivered_at, completed_at, acked_at)) in rows {
                diesel::update(notifications::table.find(id))
                    .set((
                        notifications::received_at.eq(received_at - time),
                        notifications::delivered_at.eq(sooner(delivered_at)),
                        notifications::completed_at.eq(sooner(completed_at)),
                        notifications::acked_at.eq(sooner(acked_at)),
                    ))
                    .execute(connection)?;
            }
            Ok(())
        })
        .unwrap();
}

//! Which acks a crash of the broker may have lost, as far as the ledger shows when the broker had time to write them. What follows
//! for a message is explained in the folder above.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::store::backend::any::AnyConnection;
use crate::store::schema::notifications;

/// A queue without any work for this time has written its acks to disk, with a margin for the time after which the ledger records
/// what happened. Measured with RabbitMQ 3.10.8 and SIGKILL: after 0.2 s without work none of 1,000 acks was lost, after 0.1 s all
/// were; of acks in a row all were lost at 50 a second (the oldest was 5.6 s old) and none at 5 a second.
const WRITTEN_AFTER: TimeDelta = TimeDelta::milliseconds(250);

/// Most notifications that are looked at, the newest. RabbitMQ writes its journal after 32,768 entries, and a message has three.
const MAX_UNWRITTEN: i64 = 20_000;

/// The start of the row of deliveries and acks, of all sessions and without a pause, that the crash of the broker at `crashed_at`
/// has ended: acks that were recorded later may not be on its disk. An ack is recorded some time after it is sent, on a busy machine
/// a quarter of a second; it is sent right after the notification ends, so that time counts too.
pub(crate) fn find_unwritten_since(
    connection: &mut AnyConnection,
    crashed_at: NaiveDateTime,
) -> QueryResult<NaiveDateTime> {
    type Time = Option<NaiveDateTime>;
    let newest: Vec<(Time, Time, Time, Time)> = notifications::table
        .order(notifications::id.desc())
        .limit(MAX_UNWRITTEN)
        .select((
            notifications::received_at.nullable(),
            notifications::delivered_at,
            notifications::completed_at,
            notifications::acked_at,
        ))
        .load(connection)?;
    let times = newest.into_iter().flat_map(<[Time; 4]>::from).flatten();
    let mut times: Vec<NaiveDateTime> = times.filter(|at| *at <= crashed_at).collect();
    times.sort_unstable();
    let mut unwritten_since = crashed_at;
    for at in times.into_iter().rev() {
        if unwritten_since - at > WRITTEN_AFTER {
            break;
        }
        unwritten_since = at;
    }
    // So that the first one of them is later.
    Ok(unwritten_since - TimeDelta::milliseconds(1))
}

//! Which acks a crash of the broker may have lost, as far as the ledger shows when the broker had time to write them. What follows
//! for a message is explained in the folder above.
//!
//! What a ledger can see of it is a queue that has nothing to do. The times are measured, with SIGKILL, and found in the source.
//!
//! **Soon.** RabbitMQ 3.10.8 writes after 0.2 s: after that none of 1,000 acks was lost, after 0.1 s all were. Of acks in a row all
//! were lost at 50 a second (the oldest was 5.6 s old) and none at 5 a second. LavinMQ 2.1 writes each ack at once.
//!
//! **Late.** A queue of RabbitMQ 4.0.5 writes before its process hibernates: after 1 to 2 s without work if it gets some less often than
//! every 11 s. Else the time grows each time when the process is woken (`gen_server2`), until it is longer than the times without work,
//! and up to 22 s. A timer of up to 5 s counts as work. So of acks every 0.02 to 1 s all were lost, the oldest 150 s old; of acks
//! every 3 to 8 s nearly all, in one case also 15 s after the last one. Besides it writes all acks when it confirms a published
//! message, and when there are 2,048 (of 2,047 all were lost, of 2,048 none); and none comes back from a file of 4,096 messages that
//! are all acked, as in an empty queue.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::session::AckWriting;
use crate::store::backend::any::AnyConnection;
use crate::store::schema::notifications;

/// A queue that had nothing to do for this time has written its acks, with a margin for the time after which the ledger records
/// what happened.
fn written_after(ack_writing: AckWriting) -> TimeDelta {
    match ack_writing {
        AckWriting::Soon => TimeDelta::milliseconds(250),
        AckWriting::Late => TimeDelta::seconds(30),
    }
}

/// Most notifications that are looked at, the newest. RabbitMQ 3.10 writes its journal after 32,768 entries, and a message has three.
/// Since 3.12 it may write after 2,048 acks; to these come those that are not acked.
fn most_unwritten(ack_writing: AckWriting) -> i64 {
    match ack_writing {
        AckWriting::Soon => 20_000,
        AckWriting::Late => 3_000,
    }
}

/// The start of the row of deliveries and acks, of all sessions and without a pause, that the crash of the broker at `crashed_at`
/// has ended: acks that were recorded later may not be on its disk. An ack is recorded some time after it is sent, on a busy machine
/// a quarter of a second; it is sent right after the notification ends, so that time counts too.
pub(crate) fn find_unwritten_since(
    connection: &mut AnyConnection,
    crashed_at: NaiveDateTime,
    ack_writing: AckWriting,
) -> QueryResult<NaiveDateTime> {
    type Time = Option<NaiveDateTime>;
    let newest: Vec<(Time, Time, Time, Time)> = notifications::table
        .order(notifications::id.desc())
        .limit(most_unwritten(ack_writing))
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
        if unwritten_since - at > written_after(ack_writing) {
            break;
        }
        unwritten_since = at;
    }
    // So that the first one of them is later.
    Ok(unwritten_since - TimeDelta::milliseconds(1))
}

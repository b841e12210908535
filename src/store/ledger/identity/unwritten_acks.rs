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

use std::collections::HashSet;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::session::AckWriting;
use crate::store::backend::any::AnyConnection;
use crate::store::schema::notifications;

/// A queue that had nothing to do for this time has written its acks.
fn written_after(ack_writing: AckWriting) -> TimeDelta {
    match ack_writing {
        AckWriting::Soon => TimeDelta::milliseconds(200),
        AckWriting::Late => TimeDelta::seconds(30),
    }
}

/// A crash is noticed within this time, so the pause before it may look longer than it was.
const NOTICED_WITHIN: TimeDelta = TimeDelta::milliseconds(50);

/// A message that is opened so shortly after an ack was probably delivered because of the ack, which made room for it.
const DELIVERED_BECAUSE_OF: TimeDelta = TimeDelta::milliseconds(100);

/// Most notifications that are looked at, the newest. RabbitMQ 3.10 writes its journal after 32,768 entries, and a message has three.
/// Since 3.12 it may write after 2,048 acks; to these come those that are not acked.
fn most_unwritten(ack_writing: AckWriting) -> i64 {
    match ack_writing {
        AckWriting::Soon => 20_000,
        AckWriting::Late => 3_000,
    }
}

/// What the ledger knows of the work that one notification was for the queue.
#[derive(Debug, Clone, Copy, Queryable)]
struct Work {
    received: NaiveDateTime,
    delivered: Option<NaiveDateTime>,
    completed: Option<NaiveDateTime>,
    acked: Option<NaiveDateTime>,
}

/// The start of the row of deliveries and acks, of all sessions but those `of_other_queues` and without a pause, that the crash of
/// the broker at `crashed_at` has ended: acks that were sent later may not be on its disk.
pub(crate) fn find_unwritten_since(
    connection: &mut AnyConnection,
    crashed_at: NaiveDateTime,
    ack_writing: AckWriting,
    of_other_queues: &HashSet<String>,
) -> QueryResult<NaiveDateTime> {
    let newest: Vec<Work> = notifications::table
        .filter(notifications::broker_session.is_not_null())
        .filter(notifications::broker_session.ne_all(of_other_queues))
        .order(notifications::id.desc())
        .limit(most_unwritten(ack_writing))
        .select((
            notifications::received_at,
            notifications::delivered_at,
            notifications::completed_at,
            notifications::acked_at,
        ))
        .load(connection)?;
    Ok(unwritten_since(&newest, crashed_at, written_after(ack_writing)))
}

/// The same for a queue that writes its acks after a pause of `pause`.
///
/// An ack has the time when it was sent. One that is not recorded was sent right after the notification ended. A delivery is recorded
/// later than it was, when its message is opened: on a busy machine a tenth of a second. If it counted behind an ack that it
/// belongs to, it would hide a pause in which the broker has written that ack, and equal messages that wait would be taken for
/// those that were acked before. A delivery for which no ack made room comes from a publisher, and keeps the queue busy.
fn unwritten_since(newest: &[Work], crashed_at: NaiveDateTime, pause: TimeDelta) -> NaiveDateTime {
    let ack = |work: &Work| work.acked.or(work.completed);
    let mut acks: Vec<NaiveDateTime> = newest.iter().filter_map(ack).collect();
    acks.sort_unstable();
    let is_because_of_ack = |at: &NaiveDateTime| {
        let before = acks.partition_point(|ack| ack <= at);
        before > 0 && *at - acks[before - 1] < DELIVERED_BECAUSE_OF
    };
    let deliveries = newest.iter().flat_map(|work| [Some(work.received), work.delivered]).flatten();
    let deliveries = deliveries.filter(|at| !is_because_of_ack(at));
    let mut times: Vec<NaiveDateTime> =
        deliveries.chain(acks.iter().copied()).filter(|at| *at <= crashed_at).collect();
    times.sort_unstable();
    let (mut since, mut longest) = (crashed_at, pause + NOTICED_WITHIN);
    for at in times.into_iter().rev() {
        if since - at >= longest {
            break;
        }
        (since, longest) = (at, pause);
    }
    // So that the first one of them is later.
    since - TimeDelta::milliseconds(1)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(milliseconds: i64) -> NaiveDateTime {
        DateTime::UNIX_EPOCH.naive_utc() + TimeDelta::milliseconds(milliseconds)
    }

    /// A notification that was opened, ended and acked at these times.
    fn work(opened: i64, completed: i64, acked: impl Into<Option<i64>>) -> Work {
        Work {
            received: at(opened),
            delivered: Some(at(opened)),
            completed: Some(at(completed)),
            acked: acked.into().map(at),
        }
    }

    /// The first of the acks that a broker has forgotten which has crashed at this time.
    fn first_forgotten(newest: &[Work], crashed_at: i64) -> i64 {
        let pause = written_after(AckWriting::Soon);
        let since = unwritten_since(newest, at(crashed_at), pause) + TimeDelta::milliseconds(1);
        (since - at(0)).num_milliseconds()
    }

    #[test]
    fn acks_are_forgotten_back_to_the_last_pause_between_them() {
        let newest = [work(0, 90, 100), work(0, 290, 301), work(0, 480, 500), work(0, 690, 698)];
        assert_eq!(first_forgotten(&newest, 898), 301, "the pauses are 201, 199, 198 and 200 ms");
        assert_eq!(first_forgotten(&newest[..3], 749), 301, "and the crash is noticed late");
        assert_eq!(first_forgotten(&newest[..3], 750), 750, "a pause before the crash");
    }

    /// It had two workers with sixteen messages each, on a busy machine.
    #[test]
    fn what_an_ack_has_made_room_for_hides_no_pause() {
        let newest = [work(0, 150, 160), work(210, 380, 390), work(420, 450, 460)];
        assert_eq!(first_forgotten(&newest, 470), 390);
    }

    #[test]
    fn what_a_publisher_sends_keeps_the_queue_busy() {
        let newest = [work(0, 150, 160), work(280, 380, 390), work(420, 450, 460)];
        assert_eq!(first_forgotten(&newest, 470), 0);
    }

    #[test]
    fn an_ack_that_is_not_recorded_was_sent_when_its_notification_ended() {
        let newest = [work(0, 90, 100), work(0, 250, None), work(0, 390, 400)];
        assert_eq!(first_forgotten(&newest, 410), 0);
    }

    /// Its record hides no pause.
    #[test]
    fn the_end_of_a_notification_is_no_work_of_the_queue() {
        let newest = [work(0, 90, 100), work(0, 200, 310), work(0, 390, 400)];
        assert_eq!(first_forgotten(&newest, 410), 310);
    }
}

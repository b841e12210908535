//! One notification with its tally and its worker, and the same as JSON.

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::outcome::Tally;
use crate::process_id;
use crate::store::ledger::live_sessions::LiveSessions;
use crate::store::ledger::row::{Holder, NotificationRecord, NotificationState};
use crate::store::workers::Worker;
use crate::text::timestamp::rfc3339;

/// One notification, its tally, and whether its worker is alive.
pub struct NotificationLine {
    /// The row in the ledger.
    pub record: NotificationRecord,
    /// How its participants add up.
    pub tally: Tally,
    /// When the next deferred mail is or was due, or the notification itself if it is set aside or waits for further ones, UTC.
    pub next_try_at: Option<NaiveDateTime>,
    /// Why its participants cannot be counted, if so. Its tally has only outcomes and deferred mails then.
    pub uncounted: Option<String>,
    /// Whether the holder of its lease was a process of this machine and has exited.
    pub holder_has_exited: bool,
    /// Whether the holder of its lease is a worker. Of a completed notification, a worker tries the deferred mails only;
    /// any other holder is a `fanmail retry`.
    pub holder_is_worker: bool,
    /// Whether a worker that is connected to the broker has its message.
    pub message_is_held: bool,
    /// Its event, if a worker has it and the event is not in the database.
    pub missing_event: Option<EventId>,
}

impl NotificationLine {
    /// Checks whether the holder of the lease has exited, whether it is one of `workers`, and whether its message is in one
    /// of the `sessions`.
    #[must_use]
    pub fn new(
        record: NotificationRecord,
        tally: Tally,
        next_try_at: Option<NaiveDateTime>,
        workers: &[Worker],
        sessions: &LiveSessions,
    ) -> Self {
        let owner = record.holder.as_ref().map(|holder| holder.owner.as_str());
        let holder_has_exited = owner.is_some_and(process_id::has_exited);
        let holder_is_worker = owner.is_some_and(|owner| workers.iter().any(|worker| worker.name == owner));
        let message_is_held = sessions.worker_with_message_of(&record).is_some();
        let waits = record.state == NotificationState::SetAside || record.is_coalescing();
        let not_before = record.not_before.filter(|_| waits);
        let next_try_at = next_try_at.into_iter().chain(not_before).min();
        let uncounted = None;
        Self {
            record,
            tally,
            next_try_at,
            uncounted,
            holder_has_exited,
            holder_is_worker,
            message_is_held,
            missing_event: None,
        }
    }

    /// Its key.
    #[must_use]
    pub fn id(&self) -> NotificationId {
        self.record.notification.id
    }

    /// Whether its fan-out has yet to begin or to end. The ack of its message is yet to come, too.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.record.state.is_open()
    }

    /// Its state in words. One that a newer notification has ended is completed, too.
    #[must_use]
    pub fn state(&self) -> String {
        match self.record.superseded_by {
            Some(newer) if self.record.state == NotificationState::Completed => {
                format!("superseded by {newer}")
            }
            _ => self.record.state.as_str().to_owned(),
        }
    }

    /// The process that holds its lease, as `host:pid`.
    #[must_use]
    pub fn worker(&self) -> Option<&str> {
        self.record.holder.as_ref().map(|holder| process_id::display_name(&holder.owner))
    }

    /// Whether its holder has exited or has not renewed the lease in time.
    #[must_use]
    pub fn has_lost_holder(&self) -> bool {
        self.record.holder.as_ref().is_some_and(|holder| holder.expired || self.holder_has_exited)
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> JsonNotification<'_> {
        let Self { record, tally, next_try_at, .. } = self;
        let counted = |number: u64| self.uncounted.is_none().then_some(number);
        let time = |time: NaiveDateTime| rfc3339(time.and_utc());
        let lease_until = |holder: &Holder| time(holder.until);
        JsonNotification {
            notification: record.notification.id,
            event: record.notification.event_id,
            r#type: record.notification.kind.as_str(),
            message_id: record.message_key.as_deref(),
            state: record.state.as_str(),
            superseded_by: record.superseded_by,
            reason: record.reason.as_deref(),
            received_at: time(record.received_at),
            completed_at: record.completed_at.map(time),
            acked_at: record.acked_at.map(time),
            next_try_at: next_try_at.map(time),
            worker: self.worker(),
            lease_until: record.holder.as_ref().map(lease_until),
            participants: counted(tally.participants),
            sent: tally.sent,
            dry_run: tally.dry_run,
            bounced: tally.bounced,
            complained: tally.complained,
            failed: tally.failed,
            failed_permanent: tally.failed_permanent,
            skipped: tally.skipped,
            same_address: tally.same_address,
            no_address: tally.no_address,
            deferred: tally.deferred,
            pending: counted(tally.pending),
        }
    }
}

/// A notification as JSON. Scripts rely on these keys.
#[derive(Serialize)]
pub struct JsonNotification<'a> {
    notification: NotificationId,
    event: Option<EventId>,
    r#type: &'static str,
    message_id: Option<&'a str>,
    state: &'static str,
    superseded_by: Option<NotificationId>,
    reason: Option<&'a str>,
    received_at: String,
    completed_at: Option<String>,
    acked_at: Option<String>,
    next_try_at: Option<String>,
    worker: Option<&'a str>,
    lease_until: Option<String>,
    participants: Option<u64>,
    sent: u64,
    dry_run: u64,
    bounced: u64,
    complained: u64,
    failed: u64,
    failed_permanent: u64,
    skipped: u64,
    same_address: u64,
    no_address: u64,
    deferred: u64,
    pending: Option<u64>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::audience::Audience;
    use crate::domain::channel::ChannelName;
    use crate::domain::ids::{Epoch, ParticipantId};
    use crate::domain::kind::Kind;
    use crate::domain::notification::Notification;
    use crate::domain::priority::Priority;

    /// A notification that was received at nine; if it is completed or abandoned, so it was at the same time, and acked.
    pub fn line(id: i64, state: NotificationState, tally: [u64; 5]) -> NotificationLine {
        let received_at: NaiveDateTime = "2026-11-21T09:00:00.250".parse().unwrap();
        let [participants, sent, failed, skipped, pending] = tally;
        let over = (!state.is_open()).then_some(received_at);
        let reason = match state {
            NotificationState::Abandoned => Some("event 123 is not in the database".to_owned()),
            NotificationState::SetAside => Some("its event cannot be read: division by zero".to_owned()),
            _ => None,
        };
        NotificationLine {
            record: NotificationRecord {
                notification: Notification {
                    id: NotificationId(id),
                    kind: Kind::Updated,
                    event_id: Some(EventId::Number(123)),
                    audience: Audience::Event { id: EventId::Number(123), up_to: ParticipantId(250) },
                    priority: Priority::default(),
                },
                details: None,
                channel: ChannelName::Email,
                message_key: None,
                state,
                received_at,
                completed_at: over,
                acked_at: over,
                epoch: Epoch(1),
                holder: None,
                broker_session: None,
                reason,
                not_before: None,
                superseded_by: None,
                coalescing_since: None,
            },
            tally: Tally {
                participants,
                sent,
                dry_run: 0,
                bounced: 0,
                complained: 0,
                failed,
                failed_permanent: failed / 2,
                skipped,
                same_address: 0,
                no_address: 0,
                deferred: 0,
                pending,
            },
            next_try_at: None,
            uncounted: None,
            holder_has_exited: false,
            holder_is_worker: false,
            message_is_held: false,
            missing_event: None,
        }
    }

    /// The same with deferred participants, who are not among the others of its tally. The next one is due at this time.
    pub fn with_deferred(line: NotificationLine, deferred: u64, next_try_at: &str) -> NotificationLine {
        let participants = line.tally.participants + deferred;
        NotificationLine {
            tally: Tally { participants, deferred, ..line.tally },
            next_try_at: Some(next_try_at.parse().unwrap()),
            ..line
        }
    }

    /// The same with so many of its outcomes `sent` of dry-run mode.
    pub fn with_dry_run(line: NotificationLine, dry_run: u64) -> NotificationLine {
        NotificationLine { tally: Tally { dry_run, ..line.tally }, ..line }
    }

    /// The same with so many of its outcomes `skipped` in favour of another participant with the same address.
    pub fn with_same_address(line: NotificationLine, same_address: u64) -> NotificationLine {
        NotificationLine { tally: Tally { same_address, ..line.tally }, ..line }
    }

    /// The same with a lease of `owner`.
    pub fn held(line: NotificationLine, owner: &str, expired: bool) -> NotificationLine {
        let until = "2026-11-21T09:05:30".parse().unwrap();
        let holder = Some(Holder { owner: owner.to_owned(), until, expired });
        NotificationLine { record: NotificationRecord { holder, ..line.record }, ..line }
    }

    #[test]
    fn json_has_the_words_of_the_ledger() {
        let done = line(1, NotificationState::Completed, [250, 246, 3, 1, 0]);
        let done = with_deferred(done, 12, "2026-11-21T10:05:00");
        let done = NotificationLine {
            record: NotificationRecord { message_key: Some("of-1".to_owned()), ..done.record },
            ..done
        };
        let running = held(
            line(2, NotificationState::Running, [250, 0, 0, 0, 250]),
            "web-1:4711:8123:0:4026:1f2e",
            false,
        );
        let abandoned = line(3, NotificationState::Abandoned, [20, 5, 0, 0, 15]);
        let json =
            [done, running, abandoned].map(|line| serde_json::to_string(&line.to_json()).unwrap()).join("\n");
        insta::assert_snapshot!(json, @r#"
        {"notification":1,"event":123,"type":"UPDATED","message_id":"of-1","state":"completed","superseded_by":null,"reason":null,"received_at":"2026-11-21T09:00:00.250Z","completed_at":"2026-11-21T09:00:00.250Z","acked_at":"2026-11-21T09:00:00.250Z","next_try_at":"2026-11-21T10:05:00.000Z","worker":null,"lease_until":null,"participants":262,"sent":246,"dry_run":0,"bounced":0,"complained":0,"failed":3,"failed_permanent":1,"skipped":1,"same_address":0,"no_address":0,"deferred":12,"pending":0}
        {"notification":2,"event":123,"type":"UPDATED","message_id":null,"state":"running","superseded_by":null,"reason":null,"received_at":"2026-11-21T09:00:00.250Z","completed_at":null,"acked_at":null,"next_try_at":null,"worker":"web-1:4711","lease_until":"2026-11-21T09:05:30.000Z","participants":250,"sent":0,"dry_run":0,"bounced":0,"complained":0,"failed":0,"failed_permanent":0,"skipped":0,"same_address":0,"no_address":0,"deferred":0,"pending":250}
        {"notification":3,"event":123,"type":"UPDATED","message_id":null,"state":"abandoned","superseded_by":null,"reason":"event 123 is not in the database","received_at":"2026-11-21T09:00:00.250Z","completed_at":"2026-11-21T09:00:00.250Z","acked_at":"2026-11-21T09:00:00.250Z","next_try_at":null,"worker":null,"lease_until":null,"participants":20,"sent":5,"dry_run":0,"bounced":0,"complained":0,"failed":0,"failed_permanent":0,"skipped":0,"same_address":0,"no_address":0,"deferred":0,"pending":15}
        "#);
    }
}

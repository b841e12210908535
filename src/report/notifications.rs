//! One notification with its people and its worker, as a program reads it.

use serde::Serialize;

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::outcome::Tally;
use crate::process_id;
use crate::report::rfc3339;
use crate::store::ledger::row::{Holder, NotificationRecord, NotificationState};

/// One notification, its people, and whether whoever works at it is there.
pub struct NotificationLine {
    pub entry: NotificationRecord,
    pub tally: Tally,
    /// Its holder was a process of this machine and has ended.
    pub holder_is_gone: bool,
}

impl NotificationLine {
    /// Looks whether the holder is there.
    pub fn new(tally: Tally, entry: NotificationRecord) -> Self {
        let holder_is_gone =
            entry.holder.as_ref().is_some_and(|holder| process_id::has_exited(&holder.owner));
        Self { entry, tally, holder_is_gone }
    }

    pub fn id(&self) -> NotificationId {
        self.entry.notification.id
    }

    pub fn is_running(&self) -> bool {
        self.entry.state == NotificationState::Running
    }

    /// Whoever works at it, `host:pid`.
    pub fn worker(&self) -> Option<&str> {
        self.entry.holder.as_ref().map(|holder| process_id::display_name(&holder.owner))
    }

    /// Whether it has a holder that does not work at it any more, as far as can be told.
    pub fn is_abandoned(&self) -> bool {
        self.entry.holder.as_ref().is_some_and(|holder| holder.expired || self.holder_is_gone)
    }

    pub fn to_json(&self) -> JsonNotification<'_> {
        let Self { entry, tally, .. } = self;
        let lease_until = |holder: &Holder| rfc3339(holder.until);
        JsonNotification {
            notification: entry.notification.id,
            event: entry.notification.event_id,
            r#type: entry.notification.kind.as_str(),
            message_id: entry.message_key.as_deref(),
            state: entry.state.as_str(),
            received_at: rfc3339(entry.received_at),
            completed_at: entry.completed_at.map(rfc3339),
            acked_at: entry.acked_at.map(rfc3339),
            worker: self.worker(),
            lease_until: entry.holder.as_ref().map(lease_until),
            participants: tally.participants,
            sent: tally.sent,
            failed: tally.failed,
            failed_permanent: tally.failed_permanent,
            skipped: tally.skipped,
            pending: tally.pending,
        }
    }
}

/// What `--format json` prints of a notification.
#[derive(Serialize)]
pub struct JsonNotification<'a> {
    notification: NotificationId,
    event: Option<EventId>,
    r#type: &'static str,
    message_id: Option<&'a str>,
    state: &'static str,
    received_at: String,
    completed_at: Option<String>,
    acked_at: Option<String>,
    worker: Option<&'a str>,
    lease_until: Option<String>,
    participants: u64,
    sent: u64,
    failed: u64,
    failed_permanent: u64,
    skipped: u64,
    pending: u64,
}

#[cfg(test)]
pub mod tests {
    use chrono::NaiveDateTime;

    use super::*;
    use crate::domain::audience::Audience;
    use crate::domain::channel::Channel;
    use crate::domain::ids::{Epoch, ParticipantId};
    use crate::domain::kind::Kind;
    use crate::domain::notification::Notification;

    /// A notification that was received at nine, and completed and acked at once if at all.
    pub fn line(id: i64, state: NotificationState, tally: [u64; 5]) -> NotificationLine {
        let received_at: NaiveDateTime = "2026-11-21T09:00:00.250".parse().unwrap();
        let [participants, sent, failed, skipped, pending] = tally;
        let over = (state == NotificationState::Completed).then_some(received_at);
        NotificationLine {
            entry: NotificationRecord {
                notification: Notification {
                    id: NotificationId(id),
                    kind: Kind::Updated,
                    event_id: Some(EventId(123)),
                    audience: Audience::Event { id: EventId(123), up_to: ParticipantId(250) },
                },
                channel: Channel::Email,
                message_key: None,
                state,
                received_at,
                completed_at: over,
                acked_at: over,
                epoch: Epoch(1),
                holder: None,
            },
            tally: Tally { participants, sent, failed, failed_permanent: failed / 2, skipped, pending },
            holder_is_gone: false,
        }
    }

    /// The same, with somebody who works at it.
    pub fn held(line: NotificationLine, owner: &str, expired: bool) -> NotificationLine {
        let until = "2026-11-21T09:05:30".parse().unwrap();
        let holder = Some(Holder { owner: owner.to_owned(), until, expired });
        NotificationLine { entry: NotificationRecord { holder, ..line.entry }, ..line }
    }

    #[test]
    fn json_has_the_words_of_the_ledger() {
        let done = line(1, NotificationState::Completed, [250, 246, 3, 1, 0]);
        let done = NotificationLine {
            entry: NotificationRecord { message_key: Some("of-1".to_owned()), ..done.entry },
            ..done
        };
        let running = held(
            line(2, NotificationState::Running, [250, 0, 0, 0, 250]),
            "web-1:4711:8123:0:4026:1f2e",
            false,
        );
        let json = [done, running].map(|line| serde_json::to_string(&line.to_json()).unwrap()).join("\n");
        insta::assert_snapshot!(json, @r#"
        {"notification":1,"event":123,"type":"UPDATED","message_id":"of-1","state":"completed","received_at":"2026-11-21T09:00:00.250Z","completed_at":"2026-11-21T09:00:00.250Z","acked_at":"2026-11-21T09:00:00.250Z","worker":null,"lease_until":null,"participants":250,"sent":246,"failed":3,"failed_permanent":1,"skipped":1,"pending":0}
        {"notification":2,"event":123,"type":"UPDATED","message_id":null,"state":"running","received_at":"2026-11-21T09:00:00.250Z","completed_at":null,"acked_at":null,"worker":"web-1:4711","lease_until":"2026-11-21T09:05:30.000Z","participants":250,"sent":0,"failed":0,"failed_permanent":0,"skipped":0,"pending":250}
        "#);
    }
}

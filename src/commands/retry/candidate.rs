//! Which notifications `fanmail retry` may send, and what it says about the others. Taking the lease is left to `lease`: what
//! is seen here may change before that.

use std::time::Duration;

use anyhow::{anyhow, bail};

use crate::domain::event::Event;
use crate::domain::ids::NotificationId;
use crate::domain::message::details::MessageDetails;
use crate::domain::missing_event::MissingEvent;
use crate::process_id;
use crate::store::Store;
use crate::store::ledger::row::{Holder, NotificationRecord, NotificationState};

/// The notification, if it can be sent now. A worker that was not seen for `silence` does not hold its message.
///
/// # Errors
/// When there is no such notification, when another process sends it or will, or when the database does not answer.
pub(super) fn find(
    store: &Store,
    id: NotificationId,
    message_is_lost: bool,
    silence: Duration,
) -> anyhow::Result<NotificationRecord> {
    let Some(record) = store.find_notification(id)? else {
        bail!("there is no notification {id}; list them with: fanmail status");
    };
    if let Some(holder) = &record.holder
        && !(holder.expired || process_id::has_exited(&holder.owner))
    {
        let is_worker = store.list_workers()?.iter().any(|worker| worker.name == holder.owner);
        bail!("{}", held_by(&record, holder, is_worker));
    }
    if record.state.is_open() {
        let sessions = store.list_live_sessions(silence)?;
        if let Some(worker) = sessions.worker_with_message_of(&record)
            && !record.is_coalescing()
        {
            bail!("{}", message_is_held(&record, worker));
        }
        if !message_is_lost {
            bail!("{}", message_may_come(&record));
        }
    }
    Ok(record)
}

/// Another process has the lease: a worker that sends to everyone or tries deferred mails, or another retry.
fn held_by(record: &NotificationRecord, holder: &Holder, is_worker: bool) -> String {
    let (id, name, until) =
        (record.notification.id, process_id::display_name(&holder.owner), holder.until.format("%T"));
    match (is_worker, record.state) {
        (true, NotificationState::Waiting) => format!(
            "notification {id} is waiting: the worker {name} sends it after an earlier one; nothing needs to be done"
        ),
        (true, NotificationState::Running) => format!(
            "notification {id} is running: the worker {name} sends to everyone who is pending; retry it when it is completed"
        ),
        (true, NotificationState::SetAside) => format!(
            "notification {id} is set aside, and the worker {name} is trying it again at the moment; wait a minute and look \
             at: fanmail status"
        ),
        (true, _) => format!(
            "the worker {name} is trying deferred mails of notification {id} at the moment; wait a minute and run the \
             same command again, or after {until}Z if that worker is dead"
        ),
        (false, _) => format!(
            "notification {id} is being sent again by {name} already; wait until it has finished, or until {until}Z if \
             that process is dead"
        ),
    }
}

/// No process has the lease, and a worker has the message.
fn message_is_held(record: &NotificationRecord, worker: &str) -> String {
    let (id, state) = (record.notification.id, record.state.as_str());
    let name = process_id::display_name(worker);
    format!(
        "notification {id} is {state}, and the worker {name} has its message: it sends to everyone who is pending. Look \
         again in a minute: fanmail status"
    )
}

/// No process has the lease, and no worker has the message: it is in the queue, or lost.
fn message_may_come(record: &NotificationRecord) -> String {
    let (id, state) = (record.notification.id, record.state.as_str());
    if record.is_coalescing() {
        return format!(
            "notification {id} waits for further updates of its event (COALESCE), and any worker sends it soon. To send it now: fanmail \
             retry --notification {id} --message-lost"
        );
    }
    if record.acked_at.is_some() {
        return format!(
            "notification {id} is {state}, and no worker has it. It did not come from the broker, and any worker sends to \
             everyone who is pending within seconds: start one with: fanmail worker"
        );
    }
    let publishing = match &record.message_key {
        Some(_) => "",
        None => {
            ". Do not publish the message again: it had no message id, so everyone would get another mail"
        }
    };
    format!(
        "notification {id} is {state}, and no worker has its message. If the message is in the queue, ready or unacked, a \
         worker sends to everyone who is pending: start one with: fanmail worker. If it is not, it is lost; send to them \
         with: fanmail retry --notification {id} --message-lost{publishing}"
    )
}

/// The event, if it is about one, with what else the message carried; or what there is to say about an event that is not there.
///
/// # Errors
/// When the database does not answer, or the ledger has other details than a message may have.
pub(super) fn find_event(
    store: &Store,
    record: &NotificationRecord,
) -> anyhow::Result<Result<(Option<Event>, MessageDetails), MissingEvent>> {
    let id = record.notification.id;
    let details = MessageDetails::read(record.details.as_ref())
        .map_err(|error| anyhow!("notification {id} cannot be sent: {error}"))?;
    let Some(event_id) = record.notification.event_id else { return Ok(Ok((None, details))) };
    let event = match details.event(event_id) {
        None => store.find_event(event_id)?,
        carried => carried,
    };
    Ok(match event {
        Some(event) => Ok((Some(event), details)),
        None => Err(store.describe_missing_event(event_id)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::notifications::tests::{held, line};

    const WORKER: &str = "web-1:4711:8123:0:4026:1f2e";

    fn record(state: NotificationState) -> NotificationRecord {
        line(7, state, [3, 1, 0, 0, 2]).record
    }

    #[test]
    fn another_process_that_sends_is_named_with_what_to_do() {
        let texts = [
            (NotificationState::Waiting, true),
            (NotificationState::Running, true),
            (NotificationState::SetAside, true),
            (NotificationState::Completed, true),
            (NotificationState::Completed, false),
            (NotificationState::Abandoned, false),
        ]
        .map(|(state, is_worker)| {
            let record = held(line(7, state, [3, 1, 0, 0, 2]), WORKER, false).record;
            held_by(&record, record.holder.as_ref().unwrap(), is_worker)
        });
        insta::assert_snapshot!(texts.join("\n"), @r"
        notification 7 is waiting: the worker web-1:4711 sends it after an earlier one; nothing needs to be done
        notification 7 is running: the worker web-1:4711 sends to everyone who is pending; retry it when it is completed
        notification 7 is set aside, and the worker web-1:4711 is trying it again at the moment; wait a minute and look at: fanmail status
        the worker web-1:4711 is trying deferred mails of notification 7 at the moment; wait a minute and run the same command again, or after 09:05:30Z if that worker is dead
        notification 7 is being sent again by web-1:4711 already; wait until it has finished, or until 09:05:30Z if that process is dead
        notification 7 is being sent again by web-1:4711 already; wait until it has finished, or until 09:05:30Z if that process is dead
        ");
    }

    #[test]
    fn a_message_that_may_come_is_not_called_lost() {
        insta::assert_snapshot!(message_is_held(&record(NotificationState::Waiting), WORKER), @"notification 7 is waiting, and the worker web-1:4711 has its message: it sends to everyone who is pending. Look again in a minute: fanmail status");
        let may_come = message_may_come(&record(NotificationState::Running));
        insta::assert_snapshot!(may_come, @"notification 7 is running, and no worker has its message. If the message is in the queue, ready or unacked, a worker sends to everyone who is pending: start one with: fanmail worker. If it is not, it is lost; send to them with: fanmail retry --notification 7 --message-lost. Do not publish the message again: it had no message id, so everyone would get another mail");
        let message_key = Some("of-7".to_owned());
        let with_id =
            message_may_come(&NotificationRecord { message_key, ..record(NotificationState::Running) });
        assert!(with_id.ends_with(" --message-lost"), "{with_id}");
        let acked_at = Some(record(NotificationState::Running).received_at);
        let without_message =
            message_may_come(&NotificationRecord { acked_at, ..record(NotificationState::Running) });
        assert!(without_message.contains("It did not come from the broker"), "{without_message}");
    }
}

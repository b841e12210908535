//! A session is lost, and its messages come again: which tasks end with it, which wait for their message, and which get a new
//! receipt.

use std::time::{Duration, Instant};

use crate::broker::incoming::SessionEvent;
use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::domain::session::{BrokerSession, Receipt};
use crate::observe::events;
use crate::store::ledger::acks::AckedMessage;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::dispatcher::source::{SourceId, next};
use crate::worker::dispatcher::task::{Task, TaskId, TaskState};

/// How long the next task of an event waits for a message that is to come again: longer than a broker takes to notice that a
/// connection is lost.
const REDELIVERED_WITHIN: Duration = Duration::from_secs(60);
/// How often to look whether another worker has acked such a message.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl Dispatcher {
    pub(super) fn read_sessions(&mut self, id: SourceId) {
        while let Some(event) = next(&mut self.source(id).inbox.sessions) {
            match event {
                SessionEvent::Begun { number, follows_restart, ack_writing, alive_at } => {
                    let worker = self.context.leases.lease_request().owner.clone();
                    let source = self.source(id);
                    let queue = source.inbox.queue.clone();
                    let session = BrokerSession { worker, number, queue, follows_restart, ack_writing };
                    source.session = Some(session.clone());
                    source.opener.begin_session(session, alive_at);
                }
                SessionEvent::Lost { number, alive_at } => self.session_lost(id, number, alive_at),
            }
        }
    }

    /// The broker delivers again what is not acked, to this worker or to another one.
    fn session_lost(&mut self, source: SourceId, number: u64, alive_at: Option<Instant>) {
        // The broker thread has confirmed them before.
        while let Some(acked) = next(&mut self.source(source).inbox.acked) {
            self.acked(acked);
        }
        let Some(session) = self.source(source).session.take_if(|session| session.number == number) else {
            return;
        };
        self.source(source).arrived.clear();
        let leases = self.remove_unstarted(|task| task.source == Some(source));
        let of_source = |is: fn(&TaskState) -> bool| {
            self.tasks.select(|task| task.source == Some(source) && is(&task.state))
        };
        let dead = of_source(|state| matches!(state, TaskState::DeadLettering(_)));
        let unconfirmed = of_source(|state| matches!(state, TaskState::Acking(_)));
        for id in dead {
            self.tasks.remove(id);
        }
        for id in unconfirmed {
            self.ack_lost(id);
        }
        let acked = self.acks_to_record(source);
        self.source(source).opener.lose_session(session, alive_at, acked, leases);
    }

    /// Acks that the broker has and the ledger may not have yet. It is to have them before it hears that their session has ended:
    /// then it takes a notification without a recorded ack for one whose message comes again.
    fn acks_to_record(&self, source: SourceId) -> Vec<AckedMessage> {
        let is_recording = |task: &Task| matches!(task.state, TaskState::RecordingAck(_));
        let recording = self.tasks.select(|task| task.source == Some(source) && is_recording(task));
        let acked = recording.into_iter().filter_map(|id| match self.tasks.get(id)? {
            Task { state: TaskState::RecordingAck(message), .. } => Some(message.clone()),
            _ => None,
        });
        acked.collect()
    }

    pub(super) fn acked_message(
        &self,
        notification_id: NotificationId,
        receipt: Receipt,
        sent_at: Instant,
    ) -> AckedMessage {
        let worker = &self.context.leases.lease_request().owner;
        let session = BrokerSession::name_of(worker, receipt.session);
        AckedMessage { notification_id, session, tag: receipt.tag, sent_at }
    }

    /// Removes the tasks that have not begun and that fit. Returns their leases.
    pub(super) fn remove_unstarted(&mut self, fits: impl Fn(&Task) -> bool) -> Vec<Lease> {
        let unstarted = self.tasks.select(|task| task.state.is_unstarted() && fits(task));
        let removed = unstarted.into_iter().filter_map(|id| self.tasks.remove(id));
        removed
            .filter_map(|task| match task.state {
                TaskState::Waiting(opened) => opened.lease(),
                _ => None,
            })
            .collect()
    }

    fn ack_lost(&mut self, id: TaskId) {
        match self.tasks.get(id) {
            Some(task) if task.is_nameless() => {
                if let TaskState::Acking(notification_id) = task.state {
                    self.await_redelivery(id, notification_id);
                }
            }
            // The ledger knows the notification by the message_id.
            _ => drop(self.tasks.remove(id)),
        }
    }

    /// Keeps the next task of the event back until the message of this one has come again.
    pub(super) fn await_redelivery(&mut self, id: TaskId, notification_id: NotificationId) {
        let now = Instant::now();
        if self.tasks.awaiting_redelivery().is_empty() {
            self.look_at = now + LOOK_INTERVAL;
        }
        let until = now + REDELIVERED_WITHIN;
        self.tasks.set_state(id, TaskState::AwaitingRedelivery { notification_id, until });
    }

    /// Now and then: asks which of the messages that are to come again another worker has acked, and gives up waiting for those
    /// that did not come in time.
    pub(super) fn look_for_redeliveries(&mut self) {
        let now = Instant::now();
        if self.tasks.awaiting_redelivery().is_empty() || now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_INTERVAL;
        let can_come: Vec<bool> =
            (0..self.sources.len()).map(|index| self.can_deliver(SourceId(index))).collect();
        let mut awaited: Vec<Vec<NotificationId>> = vec![Vec::new(); self.sources.len()];
        for id in self.tasks.awaiting_redelivery().clone() {
            let Some(Task { source: Some(source), state, .. }) = self.tasks.get(id) else { continue };
            match state {
                TaskState::AwaitingRedelivery { until, .. } if *until <= now || !can_come[source.0] => {
                    drop(self.tasks.remove(id));
                }
                TaskState::AwaitingRedelivery { notification_id, .. } => {
                    awaited[source.0].push(*notification_id);
                }
                _ => {}
            }
        }
        for (source, ids) in self.sources.iter().zip(awaited) {
            source.opener.find_acked(ids);
        }
    }

    /// Not if messages behind those that are awaited hold all places of the prefetch, and none of them is worked on: the broker
    /// delivers none until one is acked.
    fn can_deliver(&self, source: SourceId) -> bool {
        let of_source = self.tasks.select(|task| task.source == Some(source));
        let tasks = || of_source.iter().filter_map(|id| self.tasks.get(*id));
        let held = tasks().filter(|task| self.holds(task)).count();
        held < self.prefetch || tasks().any(|task| matches!(task.state, TaskState::Running(_)))
    }

    pub(super) fn acked_by_another_worker(&mut self, ids: &[NotificationId]) {
        for id in self.tasks.awaiting_redelivery().clone() {
            let state = self.tasks.get(id).map(|task| &task.state);
            if let Some(TaskState::AwaitingRedelivery { notification_id, .. }) = state
                && ids.contains(notification_id)
            {
                self.tasks.remove(id);
            }
        }
    }

    pub(super) fn has_valid_receipt(&self, id: TaskId) -> bool {
        self.tasks.get(id).is_some_and(|task| self.holds(task))
    }

    /// Whether the broker takes a settlement of its message.
    fn holds(&self, task: &Task) -> bool {
        task.receipt.is_some_and(|receipt| self.is_valid(receipt))
    }

    /// The message `id` has the same notification as the earlier task `twin`. Usually it is its message, delivered again, and
    /// `twin` gets the new receipt. If `twin` has a valid receipt, the publisher has used the `message_id` twice; then `id`
    /// waits for its turn.
    pub(super) fn delivered_again(&mut self, id: TaskId, twin: TaskId, notification: &Notification) {
        if self.has_valid_receipt(twin) {
            self.tasks.set_state(id, TaskState::Reopening);
            return;
        }
        let Some(again) = self.tasks.remove(id) else {
            return;
        };
        let (Some(source), Some(receipt)) = (again.source, again.receipt) else {
            return;
        };
        self.tasks.set_receipt(twin, source, receipt);
        self.tasks.set_reply_to(twin, again.reply_to.clone());
        if again.is_nameless() {
            self.context.metrics.redelivered_decided.inc();
        }
        if self.tasks.awaiting_redelivery().contains(&twin) {
            events::redelivery::already_completed(notification);
            self.answer_and_ack(twin, notification.id, (source, receipt));
        } else {
            events::redelivery::redelivered(notification, &again.message);
        }
    }
}

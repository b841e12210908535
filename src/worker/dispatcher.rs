//! The dispatcher: one fan-out for each message, the notifications of one event one after another, and every message
//! settled once its fan-out has ended. What a fan-out does is left to `fan_out`, connections to the broker thread.
//!
//! A receipt is valid for one connection to the broker. When that is lost, a running fan-out continues; the broker
//! delivers its message again, and the new receipt replaces the old one.
//!
//! ```text
//! Waiting ──► Running ──► Acking ──────────────► RecordingAck ─────────────────► removed, the next one runs
//!                │          the broker has the ack     the ledger has it, too
//!                └─► removed: dead letter, interrupted, or its receipt is of a lost connection
//! ```

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, never, select, unbounded};

use crate::broker::incoming::{Inbox, Incoming, Settlement};
use crate::config::worker::WorkerConfig;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::session::Receipt;
use crate::observe::events;
use crate::worker::fan_out::context::{Context, FanOutResult};
use crate::worker::fan_out_pool::FanOutPool;
use crate::worker::recorder::batch::BatchSender;
use crate::worker::recorder::entry::LedgerWrite;

/// Why a message is a dead letter with `REQUIRE_MESSAGE_ID=True`, and the cure.
const WITHOUT_MESSAGE_ID: &str = "it has no message_id, or one that is empty or not UTF-8 text, and REQUIRE_MESSAGE_ID is \
    True; let the publisher set a message_id, a new one for every notification";

/// Accepts messages until a shutdown is requested.
pub struct Dispatcher {
    context: Arc<Context>,
    inbox: Inbox,
    batch_sender: BatchSender,
    events: EventQueues,
    fan_out_pool: FanOutPool,
    /// Whether a message without a `message_id` is a dead letter.
    require_message_id: bool,
    /// Fan-outs that run.
    running: usize,
    /// The newest connection to the broker that has delivered a message.
    session: u64,
    /// The results of fan-outs, with their events.
    results: Receiver<(EventId, FanOutResult)>,
    /// Events whose acks are recorded in the ledger.
    ack_recorded: (Sender<EventId>, Receiver<EventId>),
}

/// The tasks of each event, in order of arrival. Only the first task of an event is ever in progress.
type EventQueues = HashMap<EventId, VecDeque<Task>>;

/// One message, from its arrival until the broker and the ledger know that it is dealt with.
#[derive(Debug)]
struct Task {
    message: Message,
    identity: Identity,
    receipt: Receipt,
    state: TaskState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TaskState {
    Waiting,
    Running,
    /// The notification is completed. Its ack is on its way to the broker.
    Acking {
        notification_id: NotificationId,
    },
    /// The broker has the ack. It is being recorded in the ledger.
    RecordingAck,
}

impl Dispatcher {
    /// A dispatcher between the broker's `inbox` and fan-outs in `context`.
    #[must_use]
    pub fn new(
        context: Arc<Context>,
        inbox: Inbox,
        batch_sender: BatchSender,
        config: &WorkerConfig,
    ) -> Self {
        let (sender, results) = unbounded();
        Self {
            fan_out_pool: FanOutPool::new(Arc::clone(&context), sender),
            context,
            inbox,
            batch_sender,
            events: HashMap::new(),
            require_message_id: config.require_message_id,
            running: 0,
            session: 0,
            results,
            ack_recorded: unbounded(),
        }
    }

    /// Works until the broker thread closes `incoming` and all fan-outs have ended. Then lets the broker thread end,
    /// and records the last acks.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn run(mut self) -> io::Result<()> {
        let mut incoming = self.inbox.incoming.clone();
        let mut acked = self.inbox.acked.clone();
        let mut open = true;
        while open || self.running > 0 {
            select! {
                recv(incoming) -> message => if let Ok(message) = message {
                    self.accept(message)?;
                } else {
                    (incoming, open) = (never(), false);
                },
                recv(self.results) -> result => if let Ok((event_id, result)) = result {
                    self.fan_out_ended(event_id, result)?;
                },
                recv(acked) -> ack => match ack {
                    Ok(receipt) => self.acked(receipt),
                    Err(_) => acked = never(),
                },
                recv(self.ack_recorded.1) -> event_id => if let Ok(event_id) = event_id {
                    self.ack_recorded(event_id)?;
                },
            }
        }
        let Self { inbox: Inbox { settlements, acked, .. }, mut events, batch_sender, ack_recorded, .. } =
            self;
        drop(settlements);
        acked.iter().for_each(|receipt| record_ack(&mut events, receipt, &batch_sender, &ack_recorded.0));
        Ok(())
    }

    /// A message has arrived: reads it, and runs it unless its event has an earlier task.
    fn accept(&mut self, incoming: Incoming) -> io::Result<()> {
        let Incoming { receipt, body, identity } = incoming;
        if receipt.session > self.session {
            self.on_reconnect(receipt.session);
        }
        let message = match Message::decode(&body) {
            Ok(message) => message,
            Err(reason) => {
                self.settle(Settlement::DeadLetter(receipt, reason.to_string()));
                return Ok(());
            }
        };
        if self.require_message_id && identity.key().is_none() {
            self.settle(Settlement::DeadLetter(receipt, WITHOUT_MESSAGE_ID.to_owned()));
            return Ok(());
        }
        if self.rejoins_running_task(message, &identity, receipt) {
            return Ok(());
        }
        let task = Task { message, identity, receipt, state: TaskState::Waiting };
        self.events.entry(message.event_id).or_default().push_back(task);
        self.start_next(message.event_id)
    }

    /// The first message of a new connection. The broker delivers again what is neither running nor acked, to this
    /// worker or to another one.
    fn on_reconnect(&mut self, session: u64) {
        while let Ok(receipt) = self.inbox.acked.try_recv() {
            self.acked(receipt);
        }
        self.session = session;
        self.events.retain(|_, queue| {
            queue.retain(|task| matches!(task.state, TaskState::Running | TaskState::RecordingAck));
            !queue.is_empty()
        });
    }

    /// Whether a message from a newer connection is the one whose fan-out is running: then only its receipt is new.
    fn rejoins_running_task(&mut self, message: Message, identity: &Identity, receipt: Receipt) -> bool {
        let Some(running) = first_task(&mut self.events, message.event_id)
            .filter(|task| task.receipt.session < receipt.session && task.is_redelivery(message, identity))
        else {
            return false;
        };
        running.receipt = receipt;
        events::notification::redelivered(&self.context.metrics, message, identity.key().is_none());
        true
    }

    /// Starts the first task of an event, unless it is in progress.
    fn start_next(&mut self, event_id: EventId) -> io::Result<()> {
        let Entry::Occupied(mut queue) = self.events.entry(event_id) else {
            return Ok(());
        };
        let Some(task) = queue.get_mut().front_mut() else {
            queue.remove();
            return Ok(());
        };
        if task.state != TaskState::Waiting || self.context.shutdown.requested() {
            return Ok(());
        }
        task.state = TaskState::Running;
        self.fan_out_pool.run(task.identity.clone(), task.message)?;
        self.running += 1;
        Ok(())
    }

    fn fan_out_ended(&mut self, event_id: EventId, result: FanOutResult) -> io::Result<()> {
        self.running -= 1;
        let Some(task) = first_task(&mut self.events, event_id) else {
            return Ok(());
        };
        let receipt = task.receipt;
        match result {
            // The ack of a receipt from an earlier connection would be void. The message is delivered again, and the
            // ledger then knows that it is completed.
            FanOutResult::Completed(notification) if receipt.session == self.session => {
                task.state = TaskState::Acking { notification_id: notification.id };
                self.settle(Settlement::Ack(receipt));
                return Ok(());
            }
            FanOutResult::DeadLetter { reason, .. } => self.settle(Settlement::DeadLetter(receipt, reason)),
            FanOutResult::Completed(_) | FanOutResult::Interrupted => {}
        }
        self.end_first_task(event_id)
    }

    fn acked(&mut self, receipt: Receipt) {
        record_ack(&mut self.events, receipt, &self.batch_sender, &self.ack_recorded.0);
    }

    /// Broker and ledger agree that a notification is done. Only now may the next one of its event begin: what tells a
    /// redelivered message without an id from the one before it is the recorded ack alone.
    fn ack_recorded(&mut self, event_id: EventId) -> io::Result<()> {
        match first_task(&mut self.events, event_id) {
            Some(task) if task.state == TaskState::RecordingAck => self.end_first_task(event_id),
            _ => Ok(()),
        }
    }

    fn end_first_task(&mut self, event_id: EventId) -> io::Result<()> {
        if let Some(queue) = self.events.get_mut(&event_id) {
            queue.pop_front();
        }
        self.start_next(event_id)
    }

    fn settle(&self, settlement: Settlement) {
        if self.inbox.settlements.send(settlement).is_err() {
            log::debug!("the broker thread has ended; its messages go back to the queue");
        }
    }
}

impl Task {
    /// Whether a message from a newer connection is the one that is running here.
    fn is_redelivery(&self, message: Message, identity: &Identity) -> bool {
        let same_identity = match (self.identity.key(), identity.key()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => identity.redelivered,
            _ => false,
        };
        self.state == TaskState::Running && self.message == message && same_identity
    }
}

fn first_task(events: &mut EventQueues, event_id: EventId) -> Option<&mut Task> {
    events.get_mut(&event_id)?.front_mut()
}

/// The broker has an ack: it is to be recorded in the ledger, too. `recorded` gets the event after that. Ignores the
/// acks of dead letters, and those of a connection whose tasks were dropped.
fn record_ack(
    events: &mut EventQueues,
    receipt: Receipt,
    batch_sender: &BatchSender,
    recorded: &Sender<EventId>,
) {
    if let Some(task) =
        events.values_mut().filter_map(VecDeque::front_mut).find(|task| task.receipt == receipt)
        && let TaskState::Acking { notification_id } = task.state
    {
        task.state = TaskState::RecordingAck;
        let (event_id, recorded) = (task.message.event_id, recorded.clone());
        batch_sender.flush(batch_sender.push(LedgerWrite::AckedNotification {
            notification_id,
            event_id,
            recorded,
        }));
    }
}

//! The dispatcher: one fan-out for each message, notifications of one event one after another, and every
//! message settled once its fan-out has ended.
//!
//! A receipt is good for one connection to the broker. When that is lost, a running fan-out goes on; the broker
//! delivers its message again, and the new receipt takes the place of the old one.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, never, select, unbounded};

use crate::broker::incoming::{Inbox, Incoming, Receipt, Settlement};
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::worker::fan_out::context::{Context, FanOutResult};
use crate::worker::fan_out_pool::{Ended, FanOutPool, Work};
use crate::worker::recorder::batch::BatchSender;
use crate::worker::recorder::entry::LedgerWrite;

/// Takes messages in until the worker is to stop.
pub struct Dispatcher {
    context: Arc<Context>,
    inbox: Inbox,
    /// Of the ledger's recorder.
    batch_sender: BatchSender,
    /// What each event has to do, in order of arrival. Only the first task of a queue is ever under way.
    events: HashMap<i64, VecDeque<Task>>,
    fan_out_pool: FanOutPool,
    /// Fan-outs that run.
    running: usize,
    /// Notifications whose ack is on its way to the broker.
    acking: HashMap<Receipt, Done>,
    /// Events of the notifications whose ack is being noted.
    recording_ack: HashMap<i64, i64>,
    /// The newest connection to the broker that has delivered something.
    session: u64,
    ended: (Sender<Ended>, Receiver<Ended>),
    ack_recorded: (Sender<i64>, Receiver<i64>),
}

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
    /// The notification of this id is completed; its ack is on its way.
    Acking(i64),
    /// The broker has the ack; the ledger is being told.
    RecordingAck(i64),
}

/// A notification that is completed.
#[derive(Debug, Clone, Copy)]
struct Done {
    notification_id: i64,
    event_id: i64,
}

impl Dispatcher {
    /// A dispatcher between the broker's `inbox` and fan-outs in `context`.
    #[must_use]
    pub fn new(context: Arc<Context>, inbox: Inbox, batch_sender: BatchSender) -> Self {
        let ended = unbounded();
        Self {
            context,
            inbox,
            batch_sender,
            events: HashMap::new(),
            fan_out_pool: FanOutPool::new(ended.0.clone()),
            running: 0,
            acking: HashMap::new(),
            recording_ack: HashMap::new(),
            session: 0,
            ended,
            ack_recorded: unbounded(),
        }
    }

    /// Works until the broker closes `incoming` and all fan-outs have ended, then lets the broker thread end
    /// and notes the last acks.
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
                recv(self.ended.1) -> ended => if let Ok(ended) = ended {
                    self.fan_out_ended(ended)?;
                },
                recv(acked) -> receipt => match receipt {
                    Ok(receipt) => self.acked(receipt),
                    Err(_) => acked = never(),
                },
                recv(self.ack_recorded.1) -> notification_id => if let Ok(id) = notification_id {
                    self.on_ack_recorded(id)?;
                },
            }
        }
        let Self { inbox: Inbox { settlements, acked, .. }, acking, batch_sender, ack_recorded, .. } = self;
        drop(settlements);
        for done in acked.iter().filter_map(|receipt| acking.get(&receipt)) {
            record_ack(&batch_sender, &ack_recorded.0, done.notification_id);
        }
        Ok(())
    }

    /// A message has come: read it, and let it run when it is its event's turn.
    fn accept(&mut self, message: Incoming) -> io::Result<()> {
        let Incoming { receipt, body, identity } = message;
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
        let queue = self.events.entry(message.event_id).or_default();
        if let Some(running) = queue.front_mut()
            && running.receipt.session < receipt.session
            && running.is_redelivery_of(message, &identity)
        {
            log::info!("the broker has delivered the message of {message} again; its fan-out goes on");
            running.receipt = receipt;
            if identity.key().is_none() {
                self.context.metrics.redelivered_decided.add(1);
            }
            return Ok(());
        }
        queue.push_back(Task { message, identity, receipt, state: TaskState::Waiting });
        self.start_next(message.event_id)
    }

    /// The first message of a new connection. What the old one delivered and is neither running nor acked comes
    /// again, to us or to another worker.
    fn on_reconnect(&mut self, session: u64) {
        while let Ok(receipt) = self.inbox.acked.try_recv() {
            self.acked(receipt);
        }
        self.acking.clear();
        self.session = session;
        self.events.retain(|_, queue| {
            queue.retain(|task| matches!(task.state, TaskState::Running | TaskState::RecordingAck(_)));
            !queue.is_empty()
        });
    }

    /// Starts the first task of an event, unless it is under way.
    fn start_next(&mut self, event_id: i64) -> io::Result<()> {
        let Slot::Occupied(mut slot) = self.events.entry(event_id) else {
            return Ok(());
        };
        let Some(task) = slot.get_mut().front_mut() else {
            slot.remove();
            return Ok(());
        };
        if task.state != TaskState::Waiting || self.context.shutdown.requested() {
            return Ok(());
        }
        task.state = TaskState::Running;
        let (message, identity) = (task.message, task.identity.clone());
        self.fan_out_pool.run(Work { context: Arc::clone(&self.context), identity, message })?;
        self.running += 1;
        Ok(())
    }

    fn fan_out_ended(&mut self, Ended { event_id, result }: Ended) -> io::Result<()> {
        self.running -= 1;
        let Some(task) = self.events.get_mut(&event_id).and_then(VecDeque::front_mut) else {
            return Ok(());
        };
        let receipt = task.receipt;
        match result {
            // The ack of a receipt from an earlier connection would be void. The message comes again, and the
            // ledger then knows that it is completed.
            FanOutResult::Completed(notification) if receipt.session == self.session => {
                task.state = TaskState::Acking(notification.id);
                self.acking.insert(receipt, Done { notification_id: notification.id, event_id });
                self.settle(Settlement::Ack(receipt));
                return Ok(());
            }
            FanOutResult::DeadLetter(reason) => self.settle(Settlement::DeadLetter(receipt, reason)),
            FanOutResult::Completed(_) | FanOutResult::Interrupted => {}
        }
        self.end_first_task(event_id)
    }

    /// The broker knows that a notification is done; the ledger is to know that, too.
    fn acked(&mut self, receipt: Receipt) {
        if let Some(Done { notification_id, event_id }) = self.acking.remove(&receipt) {
            if let Some(task) = self.first_task(event_id, TaskState::Acking(notification_id)) {
                task.state = TaskState::RecordingAck(notification_id);
                self.recording_ack.insert(notification_id, event_id);
            }
            record_ack(&self.batch_sender, &self.ack_recorded.0, notification_id);
        }
    }

    /// Broker and ledger agree that a notification is done. Only now may the next one of its event begin: a
    /// redelivered message without an id is told from it by its ack alone.
    fn on_ack_recorded(&mut self, notification_id: i64) -> io::Result<()> {
        match self.recording_ack.remove(&notification_id) {
            Some(event_id)
                if self.first_task(event_id, TaskState::RecordingAck(notification_id)).is_some() =>
            {
                self.end_first_task(event_id)
            }
            _ => Ok(()),
        }
    }

    /// The first task of the event, if that is how it stands.
    fn first_task(&mut self, event_id: i64, state: TaskState) -> Option<&mut Task> {
        self.events.get_mut(&event_id)?.front_mut().filter(|task| task.state == state)
    }

    fn end_first_task(&mut self, event_id: i64) -> io::Result<()> {
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
    /// Whether a message that came by a newer connection is the one that is running here.
    fn is_redelivery_of(&self, message: Message, identity: &Identity) -> bool {
        let same_identity = match (self.identity.key(), identity.key()) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => identity.redelivered,
            _ => false,
        };
        self.state == TaskState::Running && self.message == message && same_identity
    }
}

fn record_ack(batch_sender: &BatchSender, ack_recorded: &Sender<i64>, notification_id: i64) {
    let batch = batch_sender.push(LedgerWrite::Acked { notification_id, ack_recorded: ack_recorded.clone() });
    batch_sender.flush(batch);
}

//! The dispatcher: one task for each message of all queues. Has the opener find the notification of each, runs at most `PREFETCH` fan-outs,
//! those of one event one after another, and settles every message once its fan-out has ended. It never waits for the
//! database. What a fan-out does is left to `fan_out`, connections to the broker thread, waiting for the database to `opener`.
//!
//! ```text
//! Opening ──► Waiting ──► Running ──────────► Acking ──────────────► RecordingAck ─────────────► removed, and
//!  │ ▲ │                   │   │               ▲  │  the broker has    ▲   the ledger has it,     the next one
//!  ▼ │ └───────────────────│───│───────────────┘  │  the ack           │   too                    may start
//! Reopening   completed    │   │                  │ lost               │
//!     ▲       before       │   ▼ lost             ▼                    │
//!                          │  AwaitingRedelivery ◄┘ ─► Acking, or      │
//!                          │                           removed         │
//!                          ├─► DeadLettering, and the next one may start: the dead letter is stored, and acked
//!                          ├─► Reopening: the row of the notification has vanished
//!                          └─► removed: interrupted; or a dead letter, or a row that has vanished, of a lost session
//! ```
//!
//! Each queue is a source with a session of its own. The order of the notifications of one event is that in which their messages
//! arrive here, whichever queue they come from.
//!
//! Messages of an urgent queue are started before others, except those of their event that came before, and have as many places
//! of their own: a worker that is busy with large notifications begins an urgent one at once.
//!
//! A receipt is valid for one session, one connection to the broker. When that is lost, the broker delivers its messages again,
//! to this worker or to another one. Tasks that have not begun are removed, and their leases released. A running fan-out
//! continues; when its message comes again, the opener says that this process has the notification already, and the new receipt
//! replaces the old one. A fan-out that ends meanwhile has nothing to ack. If its message has no `message_id`, the next one of
//! the event waits for the message until it has come again or another worker has acked it (decision 0004).
//!
//! A notification that is set aside is acked like one that is completed: the ledger has the rest of its work.
//!
//! A notification whose row has vanished is opened anew with the receipt that its message has by then. If the broker may have
//! given the message to another worker, it is left to that one: without a `message_id` nothing would tell that the two are one.
//!
//! A notification that no message carries (`without_message`) comes opened and leased: Waiting, Running, removed.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::broker::incoming::{Acked, Inbox, Incoming};
use crate::config::worker::WorkerConfig;
use crate::domain::lease::Lease;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::priority::Priority;
use crate::domain::session::Receipt;
use crate::store::ledger::opening::Arrival;
use crate::store::ledger::sessions::EndOfSession;
use crate::worker::dispatcher::message_rules::{Accepted, MessageRules};
use crate::worker::dispatcher::source::{Source, SourceId, Urgency};
use crate::worker::dispatcher::task::{Task, TaskId, TaskState};
use crate::worker::dispatcher::tasks::Tasks;
use crate::worker::fan_out::claim::OpenedMessage;
use crate::worker::fan_out::context::{Context, FanOutResult};
use crate::worker::fan_out_pool::FanOutPool;
use crate::worker::recorder::batch::BatchSender;
use crate::worker::recorder::entry::LedgerWrite;

mod answering;
mod message_rules;
mod reading;
mod redelivery;
mod results;
mod source;
mod startable;
mod superseding;
pub mod task;
mod tasks;
mod without_message;

/// Why a message is a dead letter whose notification was deleted while it was sent, and that no route reads any more.
const VANISHED: &str =
    "its notification was deleted from the database, and no route of ROUTES_FILE reads it any more";

/// Accepts messages until a shutdown is requested.
pub struct Dispatcher {
    context: Arc<Context>,
    sources: Vec<Source>,
    batch_sender: BatchSender,
    tasks: Tasks,
    fan_out_pool: FanOutPool,
    results: Receiver<(TaskId, FanOutResult)>,
    /// Receipts whose acks the ledger has.
    recorded: (Sender<Receipt>, Receiver<Receipt>),
    rules: MessageRules,
    /// Most fan-outs of each urgency at a time.
    prefetch: usize,
    /// Fan-outs that run.
    running: HashMap<TaskId, Urgency>,
    /// Whether messages may still arrive.
    open: bool,
    /// When to look next for messages that were to come again.
    look_at: Instant,
}

impl Dispatcher {
    /// A dispatcher between the broker's `inboxes`, one for each queue, and fan-outs in `context`.
    ///
    /// # Errors
    /// When a thread cannot be started, or the database does not tell which keys events have.
    pub fn new(
        context: Arc<Context>,
        inboxes: Vec<Inbox>,
        batch_sender: BatchSender,
        config: &WorkerConfig,
    ) -> io::Result<Self> {
        let start = |inbox: Inbox| Source::start(&context, inbox);
        let sources = inboxes.into_iter().map(start).collect::<io::Result<Vec<_>>>()?;
        let (result_sender, results) = unbounded();
        Ok(Self {
            fan_out_pool: FanOutPool::new(Arc::clone(&context), result_sender),
            rules: MessageRules::new(config, context.decoder().map_err(io::Error::other)?),
            context,
            sources,
            batch_sender,
            tasks: Tasks::default(),
            results,
            recorded: unbounded(),
            prefetch: usize::from(config.prefetch),
            running: HashMap::new(),
            open: true,
            look_at: Instant::now(),
        })
    }

    /// Works until a broker thread closes `incoming` and all fan-outs have ended. Then lets the broker threads end, and
    /// records the last acks.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn run(mut self) -> io::Result<()> {
        while self.open || !self.running.is_empty() {
            self.wait();
            self.look_for_redeliveries();
            self.read_channels();
            self.start_tasks()?;
            self.context.metrics.fan_outs_in_flight.set(self.running.len() as u64);
            self.sources.iter_mut().for_each(Source::open_arrived);
        }
        self.finish();
        Ok(())
    }

    /// Releases leases of notifications that do not begin here. Any opener does that.
    fn release(&self, leases: Vec<Lease>) {
        if let Some(source) = self.sources.first() {
            source.opener.release(leases);
        }
    }

    fn source(&mut self, id: SourceId) -> &mut Source {
        &mut self.sources[id.0]
    }

    /// A message has arrived: has it opened, unless it cannot be read.
    fn accept(&mut self, source: SourceId, incoming: &Incoming) {
        let receipt = incoming.receipt;
        if !self.is_valid(receipt) {
            // The session may have begun after the sessions were read.
            self.read_sessions(source);
        }
        if !self.is_valid(receipt) {
            log::debug!("{receipt:?} belongs to a lost connection; its message will be redelivered");
            return;
        }
        let Accepted { message, identity, published_at, refusal, traceparent } =
            match self.rules.read(incoming, Utc::now()) {
                Ok(accepted) => accepted,
                Err(refusal) => return self.refuse((source, receipt), incoming.reply_to.as_ref(), refusal),
            };
        let is_first = !self.tasks.has_event_of(&message);
        let urgency = self.source(source).urgency();
        let message = if urgency == Urgency::Urgent { message.or_priority(Priority::High) } else { message };
        let alike = self.sources.iter().filter(|source| source.urgency() == urgency);
        let arrived: usize = alike.map(|source| source.arrived.len()).sum();
        let starts_at_once = is_first && self.count_running(urgency) + arrived < self.prefetch;
        let id = self.tasks.add(message.clone(), identity.clone(), (source, urgency), receipt);
        self.tasks.set_origin(id, published_at, traceparent);
        if self.context.announcements.is_some() {
            self.tasks.set_reply_to(id, incoming.reply_to.clone());
        }
        let asked_at = None;
        let arrival = Arrival { receipt, message, identity, starts_at_once, refusal, asked_at, traceparent };
        self.source(source).arrived.push(arrival);
    }

    /// Starts the tasks whose turn it is, as long as there are places.
    fn start_tasks(&mut self) -> io::Result<()> {
        for urgency in [Urgency::Urgent, Urgency::Usual] {
            while self.count_running(urgency) < self.prefetch
                && let Some(id) = self.tasks.next_startable(urgency)
                && !self.context.shutdown.requested()
            {
                self.start(id, urgency)?;
            }
        }
        Ok(())
    }

    fn count_running(&self, urgency: Urgency) -> usize {
        self.running.values().filter(|running| **running == urgency).count()
    }

    fn start(&mut self, id: TaskId, urgency: Urgency) -> io::Result<()> {
        let Some((task, opened)) = self.tasks.begin(id) else {
            return Ok(());
        };
        let (message, identity, traceparent) =
            (task.message.clone(), task.identity.clone(), task.traceparent);
        let published_at = task.published_at;
        let (source, receipt) = (task.source, task.receipt);
        if let Some(opened) = opened {
            self.running.insert(id, urgency);
            return self.fan_out_pool.run(id, OpenedMessage { message, identity, published_at, opened });
        }
        if let (Some(source), Some(receipt)) = (source, receipt) {
            // It had a notification, so it is not too old.
            let refusal = message.is_trace().then(|| MessageRefusal::DeadLetter(VANISHED.to_owned()));
            let (starts_at_once, asked_at) = (true, None);
            let arrival =
                Arrival { receipt, message, identity, starts_at_once, refusal, asked_at, traceparent };
            self.source(source).arrived.push(arrival);
        }
        Ok(())
    }

    /// Whether the broker takes a settlement of this receipt.
    fn is_valid(&self, receipt: Receipt) -> bool {
        self.sources.iter().any(|source| source.is_valid(receipt))
    }

    /// The broker has an ack: it is to be recorded in the ledger, too. Ignores the acks of dead letters that no notification
    /// was opened for.
    fn acked(&mut self, Acked { receipt, sent_at }: Acked) {
        if let Some((id, task)) = self.tasks.find(receipt)
            && let TaskState::Acking(notification_id) | TaskState::DeadLettering(notification_id) = task.state
        {
            let message = self.acked_message(notification_id, receipt, sent_at);
            self.tasks.set_state(id, TaskState::RecordingAck(message.clone()));
            let recorded = self.recorded.0.clone();
            let write = LedgerWrite::Acked { message, receipt, recorded };
            self.batch_sender.flush(self.batch_sender.push(write));
        }
    }

    /// Broker and ledger agree that a notification is done. Only now may the next one of its event begin.
    fn ack_recorded(&mut self, receipt: Receipt) {
        if let Some((id, task)) = self.tasks.find(receipt)
            && matches!(task.state, TaskState::RecordingAck(_))
        {
            self.tasks.remove(id);
        }
    }

    /// Lets the broker threads end, and records the last acks before the ledger hears that their sessions have ended: a session that
    /// has ended holds no message, and a notification without a recorded ack would be taken for one whose message comes again.
    fn finish(mut self) {
        let acked: Vec<Receiver<Acked>> = self.sources.iter_mut().map(Source::end).collect();
        acked.iter().flatten().for_each(|acked| self.acked(acked));
        let recording = self.tasks.select(|task| matches!(task.state, TaskState::RecordingAck(_))).len();
        drop(self.recorded.0);
        self.recorded.1.iter().take(recording).for_each(drop);
        for (index, source) in self.sources.into_iter().enumerate() {
            let is_unconfirmed = |task: &Task| {
                let awaits_ack = matches!(task.state, TaskState::Acking(_) | TaskState::DeadLettering(_));
                awaits_ack && task.source == Some(SourceId(index))
            };
            source.opener.close(if self.tasks.select(is_unconfirmed).is_empty() {
                EndOfSession::Closed
            } else {
                EndOfSession::Lost { alive_at: None }
            });
        }
    }
}

//! The dispatcher: one task for each message. Has the opener find the notification of each, runs at most `PREFETCH` fan-outs,
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

use std::io;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, never, unbounded};

use crate::broker::incoming::{Acked, Inbox, Incoming, Settlement};
use crate::config::worker::WorkerConfig;
use crate::domain::session::{BrokerSession, Receipt};
use crate::store::ledger::opening::Arrival;
use crate::store::ledger::sessions::EndOfSession;
use crate::worker::dispatcher::message_rules::{Accepted, MessageRules};
use crate::worker::dispatcher::task::{TaskId, TaskState};
use crate::worker::dispatcher::tasks::Tasks;
use crate::worker::fan_out::claim::OpenedMessage;
use crate::worker::fan_out::context::{Context, FanOutResult};
use crate::worker::fan_out_pool::FanOutPool;
use crate::worker::opener::{Opener, OpenerReport};
use crate::worker::recorder::batch::BatchSender;
use crate::worker::recorder::entry::LedgerWrite;

mod message_rules;
mod redelivery;
mod results;
pub mod task;
mod tasks;
mod without_message;

/// Accepts messages until a shutdown is requested.
pub struct Dispatcher {
    context: Arc<Context>,
    inbox: Inbox,
    batch_sender: BatchSender,
    tasks: Tasks,
    opener: Opener,
    opener_reports: Receiver<OpenerReport>,
    fan_out_pool: FanOutPool,
    results: Receiver<(TaskId, FanOutResult)>,
    /// Receipts whose acks the ledger has.
    recorded: (Sender<Receipt>, Receiver<Receipt>),
    rules: MessageRules,
    /// Most fan-outs at a time.
    prefetch: usize,
    /// Fan-outs that run.
    running: usize,
    /// Messages that the opener does not know of yet.
    arrived: Vec<Arrival>,
    /// The session that delivers messages.
    session: Option<BrokerSession>,
    /// Whether messages may still arrive.
    open: bool,
    /// When to look next for messages that were to come again.
    look_at: Instant,
}

impl Dispatcher {
    /// A dispatcher between the broker's `inbox` and fan-outs in `context`.
    ///
    /// # Errors
    /// When a thread cannot be started, or the database does not tell which keys events have.
    pub fn new(
        context: Arc<Context>,
        inbox: Inbox,
        batch_sender: BatchSender,
        config: &WorkerConfig,
    ) -> io::Result<Self> {
        let (opener, reports) = Opener::start(&context, inbox.last_answer.clone())?;
        let (result_sender, results) = unbounded();
        Ok(Self {
            fan_out_pool: FanOutPool::new(Arc::clone(&context), result_sender),
            rules: MessageRules::new(config, context.store.event_key_type().map_err(io::Error::other)?),
            context,
            inbox,
            batch_sender,
            tasks: Tasks::default(),
            opener,
            opener_reports: reports,
            results,
            recorded: unbounded(),
            prefetch: usize::from(config.prefetch),
            running: 0,
            arrived: Vec::new(),
            session: None,
            open: true,
            look_at: Instant::now(),
        })
    }

    /// Works until the broker thread closes `incoming` and all fan-outs have ended. Then lets the broker thread end, and
    /// records the last acks.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn run(mut self) -> io::Result<()> {
        let acked = self.inbox.acked.clone();
        while self.open || self.running > 0 {
            self.wait();
            self.look_for_redeliveries();
            self.read_channels();
            self.start_tasks()?;
            self.opener.open(&mut self.arrived);
        }
        self.finish(&acked);
        Ok(())
    }

    /// Waits until a channel has something.
    fn wait(&self) {
        let mut select = Select::new();
        select.recv(&self.inbox.sessions);
        select.recv(&self.inbox.acked);
        select.recv(&self.results);
        select.recv(&self.opener_reports);
        select.recv(&self.recorded.1);
        select.recv(self.context.intake.arrived());
        select.recv(&self.inbox.incoming);
        if self.tasks.awaiting_redelivery().is_empty() {
            select.ready();
        } else if select.ready_deadline(self.look_at).is_err() {
            log::trace!("no channel has anything, and it is time to look for redeliveries");
        }
    }

    /// Reads all that the channels have, so that one transaction and one round trip serve many messages.
    fn read_channels(&mut self) {
        self.read_sessions();
        while let Some(acked) = next(&mut self.inbox.acked) {
            self.acked(acked);
        }
        while let Some((id, result)) = next(&mut self.results) {
            self.fan_out_ended(id, result);
        }
        while let Some(report) = next(&mut self.opener_reports) {
            self.opener_reported(report);
        }
        while let Some(receipt) = next(&mut self.recorded.1) {
            self.ack_recorded(receipt);
        }
        self.take_without_message();
        loop {
            match self.inbox.incoming.try_recv() {
                Ok(message) => self.accept(&message),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => break,
            }
        }
        self.inbox.incoming = never();
        self.open = false;
        let mut leases = self.close_intake();
        leases.extend(self.remove_unstarted(|_| true));
        self.opener.release(leases);
    }

    /// A message has arrived: has it opened, unless it cannot be read.
    fn accept(&mut self, incoming: &Incoming) {
        let receipt = incoming.receipt;
        if !self.is_valid(receipt) {
            // The session may have begun after the sessions were read.
            self.read_sessions();
        }
        if !self.is_valid(receipt) {
            log::debug!("{receipt:?} belongs to a lost connection; its message will be redelivered");
            return;
        }
        let Accepted { message, identity, stale } = match self.rules.read(incoming, Utc::now()) {
            Ok(accepted) => accepted,
            Err(reason) => return self.settle(Settlement::DeadLetter(receipt, reason)),
        };
        let is_first = !self.tasks.has_event_of(&message);
        let starts_at_once = is_first && self.running + self.arrived.len() < self.prefetch;
        self.tasks.add(message.clone(), identity.clone(), receipt);
        self.arrived.push(Arrival { receipt, message, identity, starts_at_once, stale, asked_at: None });
    }

    /// Starts the tasks whose turn it is, as long as there are places.
    fn start_tasks(&mut self) -> io::Result<()> {
        while self.running < self.prefetch
            && let Some(id) = self.tasks.next_startable()
            && !self.context.shutdown.requested()
        {
            self.start(id)?;
        }
        Ok(())
    }

    fn start(&mut self, id: TaskId) -> io::Result<()> {
        let Some((task, opened)) = self.tasks.begin(id) else {
            return Ok(());
        };
        let (message, identity, receipt) = (task.message.clone(), task.identity.clone(), task.receipt);
        if let Some(opened) = opened {
            self.running += 1;
            return self.fan_out_pool.run(id, OpenedMessage { message, identity, opened });
        }
        if let Some(receipt) = receipt {
            // It had a notification, so it is not stale.
            let (starts_at_once, stale, asked_at) = (true, None, None);
            self.arrived.push(Arrival { receipt, message, identity, starts_at_once, stale, asked_at });
        }
        Ok(())
    }

    /// Whether the broker takes a settlement of this receipt.
    fn is_valid(&self, receipt: Receipt) -> bool {
        self.session.as_ref().is_some_and(|session| session.number == receipt.session)
    }

    fn settle(&self, settlement: Settlement) {
        if self.inbox.settlements.send(settlement).is_err() {
            log::debug!("the broker thread has ended; its messages go back to the queue");
        }
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

    /// Lets the broker thread end, and records the last acks before the ledger hears that the session has ended: a session that
    /// has ended holds no message, and a notification without a recorded ack would be taken for one whose message comes again.
    fn finish(mut self, acked: &Receiver<Acked>) {
        self.inbox.settlements = unbounded().0;
        acked.iter().for_each(|acked| self.acked(acked));
        let count = |is: fn(&TaskState) -> bool| self.tasks.select(|task| is(&task.state)).len();
        let recording = count(|state| matches!(state, TaskState::RecordingAck(_)));
        let unconfirmed = count(|state| matches!(state, TaskState::Acking(_) | TaskState::DeadLettering(_)));
        drop(self.recorded.0);
        self.recorded.1.iter().take(recording).for_each(drop);
        self.opener.close(if unconfirmed == 0 {
            EndOfSession::Closed
        } else {
            EndOfSession::Lost { alive_at: None }
        });
    }
}

/// The next value that is there. A channel that is closed becomes one that never has any.
fn next<T>(receiver: &mut Receiver<T>) -> Option<T> {
    match receiver.try_recv() {
        Ok(value) => Some(value),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => {
            *receiver = never();
            None
        }
    }
}

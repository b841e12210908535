//! The opener: a thread that finds out to which notification each message belongs, and leases it. What has arrived is opened
//! in one transaction, so that many small messages share a commit; a transaction takes all that arrived during the one before.
//!
//! It waits for the database in the dispatcher's place, so that the dispatcher can go on settling. What it waits for:
//!
//! - The database is away: everything waits, the sessions first.
//! - One message cannot be opened because of its own data: after a batch that failed, each message is tried alone. The others do
//!   not wait for it. If the participants of its event cannot be read, it is opened all the same, and its fan-out sets it aside.
//! - Another worker may hold the message of the notification that fits, or may still open this message, or this session is taken for
//!   lost (`Opened::Undetermined`): it is asked again every quarter of a second, until the session is seen, lost, or found to
//!   be dead.
//!
//! Which notification a message belongs to is left to `store::ledger::identity`, which task is meant by a result to the
//! `dispatcher`, sessions in the ledger to `sessions`.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use chrono::NaiveDateTime;
use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::broker::last_answer::LastAnswer;
use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::notification::Notification;
use crate::domain::session::{BrokerSession, Receipt};
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::opening::{Arrival, Opened, Unknown};
use crate::store::ledger::sessions::EndOfSession;
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::fan_out::context::Context;
use crate::worker::opener::arrivals::{Arrivals, Asked, Batch};
use crate::worker::opener::queue::{OpenerQueue, Requests, SessionChange};
use crate::worker::opener::sessions::LedgerSessions;

mod arrivals;
mod queue;
mod sessions;

/// The dispatcher's end.
pub struct Opener {
    queue: Arc<OpenerQueue>,
    thread: JoinHandle<()>,
}

/// What the opener has found out.
#[derive(Debug)]
pub enum OpenerReport {
    /// To which notifications these messages belong.
    Opened(Vec<(Receipt, Opening)>),
    /// Another worker has acked the messages of these notifications.
    Acked(Vec<NotificationId>),
}

/// What a message turns out to be.
#[derive(Debug)]
pub enum Opening {
    /// It is to be sent, by this worker or by another process that has the lease.
    Open(OpenedAs),
    /// This process has leased it for an earlier delivery.
    Held(Notification),
    /// It is done: the message only needs an ack.
    Completed(Notification),
    /// The ledger has its work: the message only needs an ack.
    LeftToLedger(Notification),
    /// Its `message_id` belongs to this other notification.
    Conflict(Notification),
    /// No notification has it, and it is not opened.
    Refused(MessageRefusal),
}

impl Opener {
    /// Starts the thread. The second value has what it finds out.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        context: &Arc<Context>,
        last_answer: LastAnswer,
    ) -> io::Result<(Self, Receiver<OpenerReport>)> {
        let queue = Arc::new(OpenerQueue::default());
        let (context, asked) = (Arc::clone(context), Arc::clone(&queue));
        let (sender, reports) = unbounded();
        let not_taken = reports.clone();
        let thread = thread::Builder::new().name("opener".to_owned()).spawn(move || {
            OpenerThread {
                context: &context,
                reports: sender,
                not_taken,
                arrivals: Arrivals::default(),
                sessions: LedgerSessions::new(&context, last_answer),
            }
            .run(&asked);
        })?;
        Ok((Self { queue, thread }, reports))
    }

    /// A session has begun, and every message that is given from now on belongs to it. `alive_at`: when the broker was last
    /// known to run, in the session before.
    pub fn begin_session(&self, session: BrokerSession, alive_at: Option<Instant>) {
        self.queue.ask(|requests| requests.sessions.push(SessionChange::Begun(session, alive_at)));
    }

    /// A session is lost, and the messages that it delivered come again. `alive_at`: when the broker was last known to run. `acked`
    /// are recorded, `leases` are released.
    pub fn lose_session(
        &self,
        session: BrokerSession,
        alive_at: Option<Instant>,
        acked: Vec<AckedMessage>,
        leases: Vec<Lease>,
    ) {
        self.queue.ask(|requests| {
            requests.lose(session, alive_at, acked);
            requests.released.extend(leases);
        });
    }

    /// Opens messages, and leaves `arrived` empty. Never blocks on the database.
    pub fn open(&self, arrived: &mut Vec<Arrival>) {
        if !arrived.is_empty() {
            self.queue.ask(|requests| requests.arrivals.append(arrived));
        }
    }

    /// Releases leases of notifications whose fan-outs will not begin here.
    pub fn release(&self, leases: Vec<Lease>) {
        if !leases.is_empty() {
            self.queue.ask(|requests| requests.released.extend(leases));
        }
    }

    /// Looks once whether another worker has acked the messages of these notifications.
    pub fn find_acked(&self, ids: Vec<NotificationId>) {
        self.queue.ask(|requests| requests.awaited = ids);
    }

    /// Releases the leases that no report has told, ends the session in the ledger, and waits for the end of the thread. It
    /// tries that once: a database that is away must not delay the end of the worker.
    pub fn close(self, end: EndOfSession) {
        self.queue.ask(|requests| requests.end = Some(end));
        if self.thread.join().is_err() {
            log::error!("the opener panicked (a bug in fanmail)");
        }
    }
}

struct OpenerThread<'a> {
    context: &'a Context,
    reports: Sender<OpenerReport>,
    /// A second receiver of `reports`, for those that the dispatcher has not taken.
    not_taken: Receiver<OpenerReport>,
    arrivals: Arrivals<'a>,
    sessions: LedgerSessions<'a>,
}

impl<'a> OpenerThread<'a> {
    fn run(mut self, queue: &OpenerQueue) {
        loop {
            let Requests { sessions, arrivals, released, awaited, end } = queue.take(self.next_due());
            self.change_sessions(sessions);
            self.arrivals.add(arrivals);
            if let Some(end) = end {
                return self.close(released, end);
            }
            self.release(&released);
            self.sessions.record();
            if let Some(session) = self.sessions.current() {
                let batch = self.arrivals.take_due(Instant::now());
                self.open(&session, batch);
            }
            self.sessions.report();
            self.find_acked(&awaited);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let arrivals = self.sessions.current().and_then(|_| self.arrivals.next_due());
        arrivals.into_iter().chain(self.sessions.next_due()).min()
    }

    fn change_sessions(&mut self, changes: Vec<SessionChange>) {
        for change in changes {
            self.arrivals.clear();
            self.sessions.add(change);
        }
    }

    /// Opens messages, in one transaction.
    fn open(&mut self, session: &BrokerSession, batch: Batch<'a>) {
        let (context, requested_at) = (self.context, Instant::now());
        let (lease_request, watermarks) = (context.leases.lease_request(), &mut self.sessions.watermarks);
        let open =
            |arrivals: &[Arrival]| context.store.open_messages(session, arrivals, lease_request, watermarks);
        let check_data = |arrivals: &[Arrival]| {
            let events: Vec<_> = arrivals.iter().filter_map(|arrival| arrival.message.event_id).collect();
            context.store.check_audiences(&events)
        };
        let opened = self.arrivals.try_to_open(&context.database_retry, batch, open, check_data);
        let found: Vec<_> = opened
            .into_iter()
            .filter_map(|(asked, opened)| {
                let receipt = asked.arrival.receipt;
                Some((receipt, self.interpret(asked, opened, requested_at)?))
            })
            .collect();
        if !found.is_empty() {
            self.report(OpenerReport::Opened(found));
        }
    }

    /// Tracks the lease of a notification that was opened. `None`: it is not known yet which one it is.
    fn interpret(&mut self, asked: Asked, opened: Opened, requested_at: Instant) -> Option<Opening> {
        asked.remember_trace(&opened);
        Some(match opened {
            Opened::Ours { notification, lease, resumed, started } => {
                let held = self.context.leases.track(lease, requested_at);
                Opening::Open(OpenedAs::Ours { notification, held, resumed, started })
            }
            Opened::Elsewhere(notification) => Opening::Open(OpenedAs::Elsewhere(notification)),
            Opened::Held { notification, .. } => Opening::Held(notification),
            Opened::Completed(notification) => Opening::Completed(notification),
            Opened::LeftToLedger { notification, waits } => {
                if let Some(waits) = waits {
                    self.context.tell_of_waits(&notification, &waits);
                }
                Opening::LeftToLedger(notification)
            }
            Opened::Conflict(notification) => Opening::Conflict(notification),
            Opened::Refused(refusal) => Opening::Refused(refusal),
            Opened::Undetermined { asked_at, unknown } => {
                self.ask_again(asked, asked_at, &unknown);
                return None;
            }
        })
    }

    fn ask_again(&mut self, asked: Asked, asked_at: NaiveDateTime, unknown: &Unknown) {
        let (message, traceparent) = (asked.arrival.message.clone(), asked.arrival.traceparent);
        match unknown {
            Unknown::Holder(candidate) => {
                let silent_for = self.arrivals.ask_again(asked, asked_at);
                self.sessions.check_holder(candidate, asked_at, silent_for);
            }
            Unknown::OtherSession(session) => {
                let silent_for = self.arrivals.ask_again(asked, asked_at);
                self.sessions.check_other(session, (&message, traceparent), asked_at, silent_for);
            }
            Unknown::OwnSession => {
                self.arrivals.ask_again(asked, asked_at);
            }
        }
    }

    fn find_acked(&self, ids: &[NotificationId]) {
        match self.context.store.find_acked(ids) {
            Ok(acked) if acked.is_empty() => {}
            Ok(acked) => self.report(OpenerReport::Acked(acked)),
            Err(error) => log::debug!("{error}"),
        }
    }

    fn report(&self, report: OpenerReport) {
        if self.reports.send(report).is_err() {
            log::error!("the opener reports after its dispatcher has ended (a bug in fanmail)");
        }
    }

    /// Releases leases in one transaction. If that fails, they expire.
    fn release(&self, leases: &[Lease]) {
        if let Err(error) = self.context.store.release_leases(leases) {
            log::debug!("{} leases are not released: {error}", leases.len());
        }
    }

    fn close(mut self, mut leases: Vec<Lease>, end: EndOfSession) {
        for report in self.not_taken.try_iter() {
            if let OpenerReport::Opened(found) = report {
                leases.extend(found.iter().filter_map(|(_, opening)| opening.lease()));
            }
        }
        self.release(&leases);
        self.sessions.end(end);
    }
}

impl Opening {
    /// The lease that came with it.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        match self {
            Self::Open(opened) => opened.lease(),
            _ => None,
        }
    }
}

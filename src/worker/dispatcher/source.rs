//! A queue that messages come from: its end of the subscription, its session, and its opener. What becomes of its messages is
//! left to `dispatcher`.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Select, TryRecvError, never, unbounded};

use crate::broker::incoming::{Acked, Inbox, Settlement};
use crate::broker::publications::publication::AckAfter;
use crate::domain::session::{BrokerSession, Receipt};
use crate::store::ledger::opening::Arrival;
use crate::worker::fan_out::context::Context;
use crate::worker::opener::{Opener, OpenerReport};

/// The number of a queue in this worker: its place among the sources of the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId(pub(super) usize);

/// Which notifications are started first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// In order of arrival.
    Usual,
    /// Before the usual ones, and beside them: it has places of its own.
    Urgent,
}

/// One queue.
pub(super) struct Source {
    pub(super) inbox: Inbox,
    /// The same as that of the inbox, which is replaced once it is closed.
    last_acks: Receiver<Acked>,
    pub(super) opener: Opener,
    pub(super) opener_reports: Receiver<OpenerReport>,
    /// The session that delivers its messages.
    pub(super) session: Option<BrokerSession>,
    /// Messages that the opener does not know of yet.
    pub(super) arrived: Vec<Arrival>,
}

impl Source {
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn start(context: &Arc<Context>, inbox: Inbox) -> io::Result<Self> {
        let (opener, opener_reports) = Opener::start(context, inbox.last_answer.clone())?;
        let last_acks = inbox.acked.clone();
        Ok(Self { inbox, last_acks, opener, opener_reports, session: None, arrived: Vec::new() })
    }

    /// Whether its messages are started before others.
    pub(super) fn urgency(&self) -> Urgency {
        if self.inbox.is_urgent { Urgency::Urgent } else { Urgency::Usual }
    }

    /// Has `select` wait for everything that this source may have.
    pub(super) fn wait_with<'a>(&'a self, select: &mut Select<'a>) {
        select.recv(&self.inbox.sessions);
        select.recv(&self.inbox.acked);
        select.recv(&self.opener_reports);
        select.recv(&self.inbox.incoming);
    }

    /// Whether the broker takes a settlement of this receipt.
    pub(super) fn is_valid(&self, receipt: Receipt) -> bool {
        self.session.as_ref().is_some_and(|session| session.number == receipt.session)
    }

    pub(super) fn settle(&self, settlement: Settlement) {
        if self.inbox.settlements.send(settlement).is_err() {
            log::debug!("the broker thread has ended; its messages go back to the queue");
        }
    }

    /// Has the message of this receipt acked later.
    pub(super) fn ack_after(&self, receipt: Receipt) -> AckAfter {
        let Inbox { settlements, live_session, .. } = &self.inbox;
        AckAfter { receipt, settlements: settlements.clone(), live_session: live_session.clone() }
    }

    /// Has what has arrived opened.
    pub(super) fn open_arrived(&mut self) {
        self.opener.open(&mut self.arrived);
    }

    /// Lets the broker thread end. Returns the acks that are still to come, to the last one.
    pub(super) fn end(&mut self) -> Receiver<Acked> {
        self.inbox.settlements = unbounded().0;
        self.last_acks.clone()
    }
}

/// The next value that is there. A channel that is closed becomes one that never has any.
pub(super) fn next<T>(receiver: &mut Receiver<T>) -> Option<T> {
    match receiver.try_recv() {
        Ok(value) => Some(value),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => {
            *receiver = never();
            None
        }
    }
}

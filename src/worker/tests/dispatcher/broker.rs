//! The broker's side of a running dispatcher, which a test plays.

use super::*;

/// The broker's side of a running dispatcher.
pub(super) struct Broker {
    pub(super) incoming: Sender<Incoming>,
    pub(super) settlements: Receiver<Settlement>,
    pub(super) acked: Sender<Acked>,
    pub(super) sessions: Sender<SessionEvent>,
    pub(super) live_session: LiveSession,
    /// The session that takes messages; 0 when there is none.
    pub(super) session: Cell<u64>,
    /// `None` for all queues but the first one.
    pub(super) dispatcher: Option<JoinHandle<std::io::Result<()>>>,
}

impl Broker {
    pub(super) fn start(worker: &TestWorker) -> Self {
        Self::start_with(worker, worker.threads.batch_sender.clone())
    }

    pub(super) fn start_with(worker: &TestWorker, batch_sender: BatchSender) -> Self {
        let (broker, inbox) = Self::of_queue("events");
        broker.dispatch(worker, batch_sender, vec![inbox])
    }

    pub(super) fn dispatch(
        self,
        worker: &TestWorker,
        batch_sender: BatchSender,
        inboxes: Vec<Inbox>,
    ) -> Self {
        let context = Arc::clone(&worker.context);
        let dispatcher = Dispatcher::new(context, inboxes, batch_sender, &worker.config.worker).unwrap();
        Self { dispatcher: Some(thread::spawn(move || dispatcher.run())), ..self }
    }

    pub(super) fn of_queue(queue: &str) -> (Self, Inbox) {
        let (incoming, inbox) = unbounded();
        let (settling, settlements) = unbounded();
        let (acked, acks) = unbounded();
        let (sessions, begun_or_lost) = unbounded();
        let live_session = LiveSession::default();
        let inbox = Inbox {
            queue: queue.to_owned(),
            is_urgent: queue.ends_with(".urgent"),
            incoming: inbox,
            settlements: settling,
            acked: acks,
            sessions: begun_or_lost,
            last_answer: LastAnswer::default(),
            live_session: live_session.clone(),
        };
        let session = Cell::new(0);
        (Self { incoming, settlements, acked, sessions, live_session, session, dispatcher: None }, inbox)
    }

    /// Delivers a message. The first message of a new session comes after the loss of the one before.
    pub(super) fn deliver(&self, receipt: Receipt, identity: Identity, body: &str) {
        if receipt.session != self.session.get() {
            self.lose_session();
            self.begin_session(receipt.session);
        }
        self.incoming.send(Incoming::new(receipt, body.as_bytes().to_vec(), identity)).unwrap();
    }

    pub(super) fn begin_session(&self, number: u64) {
        self.session.set(number);
        let (follows_restart, ack_writing) = (false, AckWriting::Soon);
        let begun = SessionEvent::Begun { number, follows_restart, ack_writing, alive_at: None };
        self.sessions.send(begun).unwrap();
    }

    pub(super) fn lose_session(&self) {
        let number = self.session.replace(0);
        if number > 0 {
            self.sessions.send(SessionEvent::Lost { number, alive_at: None }).unwrap();
        }
    }

    /// The broker confirms acks, and the ledger has them soon.
    pub(super) fn confirm(&self, receipts: impl IntoIterator<Item = Receipt>) {
        let sent_at = Instant::now();
        receipts.into_iter().for_each(|receipt| self.acked.send(Acked { receipt, sent_at }).unwrap());
    }

    pub(super) fn settlement(&self) -> Settlement {
        self.settlements.recv_timeout(TIMEOUT).expect("a settlement in time")
    }

    pub(super) fn dead_letter(&self) -> (Receipt, String) {
        match self.settlement() {
            Settlement::DeadLetter(receipt, reason) => (receipt, reason),
            other @ Settlement::Ack(_) => panic!("{other:?}"),
        }
    }

    /// Stops as the broker thread does: first no more messages, then no more acks. Returns what was settled meanwhile.
    pub(super) fn close(self) -> Vec<Settlement> {
        drop(self.incoming);
        let rest = self.settlements.iter().collect();
        drop(self.acked);
        if let Some(dispatcher) = self.dispatcher {
            dispatcher.join().unwrap().unwrap();
        }
        rest
    }
}

//! The threads in which fan-outs run. A thread waits a while for the next fan-out after it has run one: starting a
//! thread for each message was about an eighth of the worker's CPU for a small notification (perf: some 60 of 460 µs).
//! The order of notifications is left to the dispatcher.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::session::{BrokerSession, Receipt};
use crate::observe::events;
use crate::store::ledger::notifications::Opened;
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{OpenedAs, OpenedMessage};
use crate::worker::fan_out::context::{Context, FanOutResult};
use crate::worker::fan_out::turn::conflict;

/// How long an idle thread waits for a fan-out before it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// As many threads as there are fan-outs at a time. They end soon after the pool is dropped, and with them their
/// contexts: the lanes exit when the last context, with its job sender, is gone.
pub struct FanOutPool {
    context: Arc<Context>,
    /// Rendezvous channel: a send succeeds only if an idle thread is receiving.
    to_idle: Sender<(Identity, Message)>,
    idle: Receiver<(Identity, Message)>,
    results: Sender<(EventId, FanOutResult)>,
    started: u64,
}

impl FanOutPool {
    /// A pool without a thread. `results` gets the event and the result of each fan-out.
    #[must_use]
    pub fn new(context: Arc<Context>, results: Sender<(EventId, FanOutResult)>) -> Self {
        let (to_idle, idle) = bounded(0);
        Self { context, to_idle, idle, results, started: 0 }
    }

    /// Runs the fan-out of a message at once, in an idle thread or in a new one. Never blocks.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn run(&mut self, identity: Identity, message: Message) -> io::Result<()> {
        match self.to_idle.try_send((identity, message)) {
            Ok(()) => Ok(()),
            Err(none_idle) => self.start_thread(none_idle.into_inner()),
        }
    }

    fn start_thread(&mut self, first: (Identity, Message)) -> io::Result<()> {
        self.started += 1;
        let (context, idle, results) = (Arc::clone(&self.context), self.idle.clone(), self.results.clone());
        thread::Builder::new().name(format!("fan-out-{}", self.started)).spawn(move || {
            let mut next = Ok(first);
            while let Ok((identity, message)) = next {
                let result = open_and_run(&context, &identity, message);
                if results.send((message.event_id, result)).is_err() {
                    log::error!("a fan-out ended after its dispatcher (a bug in fanmail)");
                }
                next = idle.recv_timeout(IDLE_TIMEOUT);
            }
        })?;
        Ok(())
    }
}

/// Finds the notification that the message belongs to, or opens a new one, and runs its fan-out.
#[must_use]
pub fn open_and_run(context: &Context, identity: &Identity, message: Message) -> FanOutResult {
    match open(context, identity, message) {
        Ok(opened) => {
            let session = BrokerSession {
                worker: context.leases.lease_request().owner.clone(),
                number: 0,
                follows_restart: false,
            };
            let (identity, receipt) = (identity.clone(), Receipt { session: 0, tag: 0 });
            fan_out::run(context, &OpenedMessage { message, identity, receipt, session, opened })
        }
        Err(result) => result,
    }
}

fn open(context: &Context, identity: &Identity, message: Message) -> Result<OpenedAs, FanOutResult> {
    let mut requested_at = Instant::now();
    let opened = context.database_retry.until_ok(|| {
        requested_at = Instant::now();
        context.store.open_notification(identity, message, context.leases.lease_request())
    })?;
    if opened.decided_by_redelivered_flag(identity) {
        context.metrics.redelivered_decided.add(1);
    }
    match opened {
        Opened::Ours { notification, lease, resumed } => {
            let held = context.leases.track(lease, requested_at);
            let Audience::Event { up_to, .. } = notification.audience;
            Ok(OpenedAs::Ours { notification, held, resumed, started: up_to > ParticipantId(0) })
        }
        Opened::Elsewhere(notification) => Ok(OpenedAs::Elsewhere(notification)),
        Opened::Completed(notification) => {
            events::notification::already_completed(&notification);
            Err(FanOutResult::Completed(notification))
        }
        Opened::Conflict(first) => Err(conflict(&first)),
    }
}

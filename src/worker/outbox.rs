//! Takes messages from the outbox, and hands their notifications to the dispatcher: a thread of its own, with `OUTBOX=True` or
//! `--outbox-only`. It takes no more than the dispatcher has places for. Which rows are due, and opening them in the same
//! transaction, are left to the store.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::broker::incoming::Incoming;
use crate::domain::message::identity::Identity;
use crate::observe::events;
use crate::store::ledger::opening::without_message::OpenedWanted;
use crate::store::ledger::outbox::watch::OutboxWatch;
use crate::store::ledger::outbox::{Taken, TakenMessage};
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::fan_out::context::Context;
use crate::worker::intake::{Place, WithoutMessage};

/// How long the outbox is not looked at, although nothing tells of a new row: a row that was to wait is due, or the connection that
/// should tell is lost.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long the pauses are short after rows have come: more come soon.
const SHORT_PAUSES: Duration = Duration::from_millis(100);

/// Starts the thread. It ends soon after a shutdown is requested, and drops `stands_for_broker` then: where there is no broker, that
/// tells the dispatcher that nothing comes any more.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    context: &Arc<Context>,
    stands_for_broker: Option<Sender<Incoming>>,
) -> io::Result<JoinHandle<()>> {
    let outbox = Outbox { context: Arc::clone(context), watch: None, looked_at: None, rows_came_at: None };
    thread::Builder::new().name("outbox".to_owned()).spawn(move || {
        let Stopped = outbox.run();
        drop(stands_for_broker);
        log::debug!("nothing is taken from the outbox any more");
    })
}

struct Outbox {
    context: Arc<Context>,
    watch: Option<OutboxWatch>,
    looked_at: Option<Instant>,
    rows_came_at: Option<Instant>,
}

impl Outbox {
    fn run(mut self) -> Stopped {
        loop {
            let Context { intake, shutdown, .. } = &*self.context;
            match intake.wait_for_places(usize::MAX, shutdown).and_then(|places| self.take(places)) {
                Ok(0) => {}
                Ok(_) => continue,
                Err(stopped) => return stopped,
            }
            if let Err(stopped) = self.wait_for_rows() {
                return stopped;
            }
        }
    }

    /// Takes rows, and hands their notifications over. Returns how many rows there were.
    fn take(&mut self, places: Vec<Place>) -> Result<usize, Stopped> {
        let Context { store, database_retry, leases, metrics, .. } = &*self.context;
        self.looked_at = Some(Instant::now());
        let mut requested_at = Instant::now();
        let decoder = database_retry.until_ok(|| self.context.decoder())?;
        let Taken { messages, problems, ignored } = database_retry.until_ok(|| {
            requested_at = Instant::now();
            store.take_from_outbox(places.len(), leases.lease_request(), &decoder)
        })?;
        for routing_key in &ignored {
            events::routes::ignored(&self.context.told_keys, metrics, routing_key);
        }
        for (id, problem) in &problems {
            events::outbox::not_sent(metrics, *id, problem);
        }
        let rows = messages.len() + problems.len() + ignored.len();
        if rows > 0 {
            self.rows_came_at = Some(Instant::now());
        }
        let mut places = places.into_iter();
        let opened =
            messages.into_iter().filter_map(|message| self.opened(message, &mut places, requested_at));
        for not_taken in self.context.intake.hand_over(opened.collect()) {
            not_taken.release(leases);
        }
        Ok(rows)
    }

    /// A notification that this worker is to send.
    fn opened(
        &self,
        message: TakenMessage,
        places: &mut impl Iterator<Item = Place>,
        requested_at: Instant,
    ) -> Option<WithoutMessage> {
        let TakenMessage { message, key, opened } = message;
        match opened {
            OpenedWanted::Ours { notification, lease, resumed, started } => {
                let held = self.context.leases.track(lease, requested_at);
                self.context.metrics.outbox_taken.add(1);
                Some(WithoutMessage {
                    message,
                    identity: Identity { message_id: Some(key), redelivered: false },
                    opened: OpenedAs::Ours { notification, held, resumed, started },
                    place: places.next().unwrap_or_else(|| self.context.intake.reserve_one_more()),
                })
            }
            OpenedWanted::Known(notification) => {
                events::outbox::known(&notification);
                None
            }
            OpenedWanted::Conflict(_) => None,
        }
    }

    /// Returns when there may be rows.
    fn wait_for_rows(&mut self) -> Result<(), Stopped> {
        let mut pause = Duration::ZERO;
        loop {
            if self.context.shutdown.wait(pause) {
                return Err(Stopped);
            }
            if self.has_rows()? {
                return Ok(());
            }
            let [shortest, longest] = self.watch.as_mut().map_or([LOOK_INTERVAL; 2], OutboxWatch::pauses);
            let is_busy = self.rows_came_at.is_some_and(|came_at| came_at.elapsed() < SHORT_PAUSES);
            pause = if is_busy { shortest } else { (pause * 2).clamp(shortest, longest) };
        }
    }

    /// Whether a row is due, as far as the watching connection tells. A connection that fails is opened anew.
    fn has_rows(&mut self) -> Result<bool, Stopped> {
        let Context { store, database_retry, .. } = &*self.context;
        if self.watch.is_none() {
            self.watch = Some(database_retry.until_ok(|| store.watch_outbox())?);
            // Nothing tells of rows that have come before.
            self.looked_at = None;
        }
        let Some(watch) = &mut self.watch else { return Ok(true) };
        let is_time = self.looked_at.is_none_or(|looked_at| looked_at.elapsed() >= LOOK_INTERVAL);
        let found = watch.has_changed().and_then(|has_changed| {
            let looks = has_changed || is_time;
            if looks {
                self.looked_at = Some(Instant::now());
            }
            Ok(looks && watch.has_rows()?)
        });
        // Taking rows fails in the same way, and waits for the database.
        Ok(found.unwrap_or_else(|error| {
            log::debug!("{error}");
            self.watch = None;
            true
        }))
    }
}

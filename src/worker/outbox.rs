//! Takes messages from the outbox, and hands their notifications to the dispatcher: a thread of its own, with `OUTBOX=True` or
//! `--outbox-only`. It takes no more than the dispatcher has places for. Which rows are due, and opening them in the same
//! transaction, are left to the store.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::broker::incoming::Incoming;
use crate::observe::events;
use crate::store::ledger::opening::without_message::OpenedWanted;
use crate::store::ledger::outbox::watch::OutboxWatch;
use crate::store::ledger::outbox::{Taken, TakenMessage};
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Context;
use crate::worker::intake::{Place, open_anyway};

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
    stale_after: Option<Duration>,
    stands_for_broker: Option<Sender<Incoming>>,
) -> io::Result<JoinHandle<()>> {
    let context = Arc::clone(context);
    let outbox =
        Outbox { context, stale_after, watch: None, looked_at: None, rows_came_at: None, found_rows: false };
    thread::Builder::new().name("outbox".to_owned()).spawn(move || {
        let Stopped = outbox.run();
        drop(stands_for_broker);
        log::debug!("nothing is taken from the outbox any more");
    })
}

struct Outbox {
    context: Arc<Context>,
    /// How long a row may have waited.
    stale_after: Option<Duration>,
    watch: Option<OutboxWatch>,
    looked_at: Option<Instant>,
    rows_came_at: Option<Instant>,
    /// Whether rows were found, and none could be taken since: another worker is taking them.
    found_rows: bool,
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
        let Context { store, database_retry, leases, intake, metrics, .. } = &*self.context;
        self.looked_at = Some(Instant::now());
        let mut requested_at = Instant::now();
        let decoder = database_retry.until_ok(|| self.context.decoder())?;
        let Taken { messages, problems, ignored } = open_anyway(database_retry, |audiences| {
            requested_at = Instant::now();
            let (most, request) = (places.len(), leases.lease_request());
            store.take_from_outbox(most, self.stale_after, &decoder, audiences, request)
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
            self.found_rows = false;
        }
        for message in &messages {
            match &message.opened {
                OpenedWanted::Ours { .. } => {
                    metrics.outbox_taken.inc();
                }
                OpenedWanted::Known(notification) => events::outbox::known(notification),
                OpenedWanted::LeftToLedger { notification, waits } => {
                    metrics.outbox_taken.inc();
                    self.context.tell_of_waits(notification, waits);
                }
                // Its row has a problem.
                OpenedWanted::Conflict(_) => {}
            }
        }
        let opened = messages.into_iter().map(|TakenMessage { message, key, opened }| (message, key, opened));
        intake.hand_over_opened(opened, places, requested_at, leases);
        Ok(rows)
    }

    /// Returns when there may be rows.
    fn wait_for_rows(&mut self) -> Result<(), Stopped> {
        // Otherwise the database would be asked for rows that another worker is taking without a pause.
        let mut pause = if self.found_rows { self.pauses()[1] } else { Duration::ZERO };
        loop {
            if self.context.shutdown.wait(pause) {
                return Err(Stopped);
            }
            if self.has_rows()? {
                self.found_rows = true;
                return Ok(());
            }
            self.found_rows = false;
            let [shortest, longest] = self.pauses();
            let is_busy = self.rows_came_at.is_some_and(|came_at| came_at.elapsed() < SHORT_PAUSES);
            pause = if is_busy { shortest } else { (pause * 2).clamp(shortest, longest) };
        }
    }

    /// Shortest and longest pause between two looks.
    fn pauses(&mut self) -> [Duration; 2] {
        self.watch.as_mut().map_or([LOOK_INTERVAL; 2], OutboxWatch::pauses)
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

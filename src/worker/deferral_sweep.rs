//! The sweep: tries deferred mails again when they are due. A thread in each worker looks for notifications with due
//! deferrals, leases them, and runs a fan-out for each (`run`), a few at a time. Each run is short, so that notifications take
//! turns, and a crash at any point leaves the deferrals that it did not decide in the ledger, for the sweep of any worker.
//! What is due is left to the store, how often a mail is tried again to `delivery::retry_policy`.
//!
//! Only notifications are swept that are completed or set aside. A running one has a message and a fan-out, which may lease it at
//! any moment.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, at, never, select, unbounded};

use crate::domain::ids::NotificationId;
use crate::observe::events;
use crate::store::ledger::row::NotificationRecord;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Context;
use crate::worker::lease::staleness::StalenessWatches;

pub(in crate::worker) mod run;

/// Most runs at a time: enough for many small notifications, and a small share of the turns at the job queue.
const MAX_RUNS: usize = 4;
/// Notifications that are read at once.
const LIST_LIMIT: u32 = 200;
/// Shortest and longest pause between two looks into the ledger.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];
/// The pause while deferrals are due that this worker cannot take: another one has them, or their fan-out still runs.
const PAUSE_WHILE_HELD: Duration = Duration::from_secs(2);
/// How often the deferrals and the mails that came back are counted, for the metrics.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);

/// Starts the thread. It ends soon after a shutdown is requested: mails in flight are finished and recorded, and the leases
/// are released. It keeps a context, so the lanes end after it.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(context: &Arc<Context>) -> io::Result<JoinHandle<()>> {
    let context = Arc::clone(context);
    thread::Builder::new().name("deferral-sweep".to_owned()).spawn(move || {
        let stopped =
            if context.dummy { explain_dry_run(&context) } else { DeferralSweep::new(context).run() };
        log::debug!("the sweep of deferred mails has ended: {stopped:?}");
    })
}

/// In dry-run mode every mail seems to be sent, and the ledger would say so.
fn explain_dry_run(context: &Context) -> Result<(), Stopped> {
    let deferrals = context.database_retry.until_ok(|| context.store.count_deferrals())?;
    context.metrics.deferrals.set(deferrals);
    if deferrals > 0 {
        events::deferrals::not_swept_in_dry_run(deferrals);
    }
    Ok(())
}

struct DeferralSweep {
    context: Arc<Context>,
    /// Notifications that may be leased, as they were seen.
    candidates: VecDeque<NotificationRecord>,
    /// Those that have a run.
    running: HashSet<NotificationId>,
    /// Each run sends its notification at its end.
    ended: (Sender<NotificationId>, Receiver<NotificationId>),
    /// For how long the holders of leases have been silent.
    staleness: StalenessWatches,
    counted_at: Option<Instant>,
    started: u64,
}

impl DeferralSweep {
    fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            candidates: VecDeque::new(),
            running: HashSet::new(),
            ended: unbounded(),
            staleness: StalenessWatches::new(PAUSES[1] * 3),
            counted_at: None,
            started: 0,
        }
    }

    fn run(mut self) -> Result<(), Stopped> {
        let result = self.sweep();
        // The runs have seen the shutdown as well.
        for _ in 0..self.running.len() {
            if let Err(error) = self.ended.1.recv() {
                log::error!("a run of the sweep has not reported its end: {error} (a bug in fanmail)");
            }
        }
        result
    }

    /// Works until a shutdown is requested.
    fn sweep(&mut self) -> Result<(), Stopped> {
        let mut next_look = Instant::now();
        loop {
            if self.candidates.is_empty() && next_look <= Instant::now() {
                self.count_deferrals()?;
                next_look = Instant::now() + self.find_candidates()?;
            }
            self.start_runs();
            let look = if self.candidates.is_empty() { at(next_look) } else { never() };
            select! {
                recv(self.ended.1) -> ended => if let Ok(notification_id) = ended {
                    self.running.remove(&notification_id);
                    next_look = next_look.min(Instant::now() + PAUSES[0]);
                },
                recv(look) -> _ => {},
                recv(self.context.shutdown.receiver()) -> _ => return Err(Stopped),
            }
        }
    }

    /// Looks for notifications that this worker may sweep, and says when to look again.
    fn find_candidates(&mut self) -> Result<Duration, Stopped> {
        let Context { store, database_retry, leases, .. } = &*self.context;
        let due = database_retry.until_ok(|| store.list_due_notifications(LIST_LIMIT))?;
        let now = Instant::now();
        let listed: HashSet<NotificationId> = due.iter().map(|record| record.notification.id).collect();
        self.staleness.retain(|id| listed.contains(&id));
        let held = !due.is_empty();
        for record in due {
            let id = record.notification.id;
            let stale_for = self.staleness.observe(&record, now);
            if !self.running.contains(&id) && leases.is_free(&record, stale_for) {
                self.candidates.push_back(record);
            }
        }
        if !self.candidates.is_empty() {
            return Ok(PAUSES[0]);
        }
        let next = database_retry.until_ok(|| store.time_to_next_deferral())?;
        Ok(match next {
            _ if held => PAUSE_WHILE_HELD,
            // Of a running notification: its fan-out completes it first.
            Some(Duration::ZERO) => PAUSE_WHILE_HELD,
            next => next.unwrap_or(PAUSES[1]).min(self.longest_pause()).max(PAUSES[0]),
        })
    }

    /// No mail that is deferred meanwhile is due before this is over.
    fn longest_pause(&self) -> Duration {
        self.context.retry_policy.first_pause().map_or(PAUSES[1], |first| first.min(PAUSES[1]))
    }

    fn start_runs(&mut self) {
        while self.running.len() < MAX_RUNS
            && let Some(record) = self.candidates.pop_front()
        {
            let id = record.notification.id;
            match self.start_run(record) {
                Ok(()) => {
                    self.running.insert(id);
                }
                Err(error) => log::error!("cannot start a thread for deferred mails, trying again: {error}"),
            }
        }
    }

    fn start_run(&mut self, record: NotificationRecord) -> io::Result<()> {
        self.started += 1;
        let (context, ended) = (Arc::clone(&self.context), self.ended.0.clone());
        thread::Builder::new().name(format!("sweep-{}", self.started)).spawn(move || {
            run::sweep_notification(&context, &record);
            drop(context);
            if ended.send(record.notification.id).is_err() {
                log::error!("a run of the sweep ended after the sweep (a bug in fanmail)");
            }
        })?;
        Ok(())
    }

    fn count_deferrals(&mut self) -> Result<(), Stopped> {
        if self.counted_at.is_none_or(|counted_at| counted_at.elapsed() >= COUNT_INTERVAL) {
            let Context { store, database_retry, metrics, .. } = &*self.context;
            metrics.deferrals.set(database_retry.until_ok(|| store.count_deferrals())?);
            let bounces = database_retry.until_ok(|| store.list_bounce_counts())?;
            for of in bounces {
                metrics.bounces.set(of.result, of.number);
            }
            self.counted_at = Some(Instant::now());
        }
        Ok(())
    }
}

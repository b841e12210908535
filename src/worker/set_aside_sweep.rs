//! Takes up notifications of which only the ledger has the rest of the work. A thread in each worker looks for them:
//!
//! - Those that are set aside, because something of the application's data could not be read. It leases those that are due, one
//!   after another, and runs their fan-outs. One after another, so that those of one event keep their order.
//! - Those that no message of the broker carries, and whose worker has exited or is silent. It leases them and hands them to the
//!   dispatcher (`left_behind`).
//!
//! When one is due is left to the store, what is sent to `fan_out`.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::select;

use crate::domain::ids::NotificationId;
use crate::observe::events;
use crate::observe::health::Health;
use crate::store::ledger::row::NotificationRecord;
use crate::store::ledger::set_aside::SetAside;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out;
use crate::worker::fan_out::claim::Scope;
use crate::worker::fan_out::context::{Context, FanOutResult, Halt};
use crate::worker::fan_out::turn::Leased;
use crate::worker::lease::staleness::StalenessWatches;

mod left_behind;

/// Notifications that are read at once.
const LIST_LIMIT: u32 = 200;
/// Shortest and longest pause between two looks into the ledger, which read all notifications. Another worker may have set one
/// aside.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// The pause while one is due that another process has.
const PAUSE_WHILE_HELD: Duration = Duration::from_secs(10);
/// The pause between two looks for those that another worker has left behind.
const LEFT_BEHIND_PAUSE: Duration = Duration::from_secs(5);
/// The same where notifications wait for further ones of their event.
const COALESCING_PAUSE: Duration = Duration::from_secs(1);

/// Starts the thread. It ends soon after a shutdown is requested: mails in flight are finished and recorded, and the lease is
/// released. It keeps a context, so the lanes end after it. In dry-run mode it only tells what it finds: a dry run would record
/// mails as sent that a worker with a relay has left.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(context: &Arc<Context>, health: &Health) -> io::Result<JoinHandle<()>> {
    let sweep = SetAsideSweep {
        context: Arc::clone(context),
        health: health.clone(),
        staleness: StalenessWatches::new(PAUSES[1] * 3),
        look_at: Instant::now(),
        staleness_left_behind: StalenessWatches::new(LEFT_BEHIND_PAUSE * 3),
    };
    thread::Builder::new().name("set-aside-sweep".to_owned()).spawn(move || {
        let Stopped = sweep.run();
        log::debug!("the sweep of notifications that are set aside has ended");
    })
}

struct SetAsideSweep {
    context: Arc<Context>,
    health: Health,
    /// For how long the holders of leases have been silent.
    staleness: StalenessWatches,
    /// When to look next for those that are set aside.
    look_at: Instant,
    /// For how long the holders of those that no message carries have been silent.
    staleness_left_behind: StalenessWatches,
}

impl SetAsideSweep {
    /// Works until a shutdown is requested.
    fn run(mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.look_at_all() {
                return stopped;
            }
            let longest = if self.context.store.coalesces() { COALESCING_PAUSE } else { LEFT_BEHIND_PAUSE };
            let pause = longest.min(self.look_at.saturating_duration_since(Instant::now()));
            select! {
                // One look tells of all that are set aside within the shortest pause.
                recv(self.context.set_aside.1) -> _ => {
                    self.look_at = Instant::now();
                    if self.context.shutdown.wait(PAUSES[0]) {
                        return Stopped;
                    }
                },
                recv(self.context.shutdown.receiver()) -> _ => return Stopped,
                default(pause) => {},
            }
        }
    }

    /// Takes up what is left.
    fn look_at_all(&mut self) -> Result<(), Stopped> {
        self.resume_left_behind()?;
        if self.look_at <= Instant::now() {
            self.look_at = Instant::now() + self.look()?;
        }
        Ok(())
    }

    /// Tries those that are set aside and due, and says when to look again.
    fn look(&mut self) -> Result<Duration, Stopped> {
        let found = self.list()?;
        let dry_run = self.context.dummy;
        let mut tried = false;
        for SetAside { record, .. } in found.iter().filter(|one| one.due_in.is_zero() && !dry_run) {
            if self.is_free(record) {
                self.try_again(record)?;
                tried = true;
            }
        }
        let left = if tried { self.list()? } else { found };
        // Those that are due still are in the hands of another process, or left alone by a dry run.
        let next = left.iter().map(|one| one.due_in).find(|due_in| !due_in.is_zero());
        let held = left.iter().any(|one| one.due_in.is_zero()) && !dry_run;
        let longest = if held { PAUSE_WHILE_HELD } else { PAUSES[1] };
        Ok(next.unwrap_or(longest).clamp(PAUSES[0], longest))
    }

    /// Those that are set aside. Health and metrics tell of them.
    fn list(&mut self) -> Result<Vec<SetAside>, Stopped> {
        let Context { store, database_retry, metrics, .. } = &*self.context;
        let found = database_retry.until_ok(|| store.list_set_aside(LIST_LIMIT))?;
        let ids: Vec<NotificationId> = found.iter().map(|one| one.record.notification.id).collect();
        events::set_aside::counted(&self.health, metrics, &ids, found.len() == LIST_LIMIT as usize);
        self.staleness.retain(|id| ids.contains(&id));
        Ok(found)
    }

    /// Whether no process works on one that is set aside.
    fn is_free(&mut self, record: &NotificationRecord) -> bool {
        let stale_for = self.staleness.observe(record, Instant::now());
        self.context.leases.is_free(record, stale_for)
    }

    /// Runs the fan-out of a notification, unless another process was quicker.
    fn try_again(&self, record: &NotificationRecord) -> Result<(), Stopped> {
        let (context, notification) = (&*self.context, record.notification);
        let epoch = record.epoch.of_take_over();
        let take_over = || context.leases.take_over(record, epoch);
        let Some(held) = context.database_retry.until_ok(take_over)? else { return Ok(()) };
        let scope = Scope::SetAside;
        let details = record.details.clone();
        let (resumed, started, published_at) = (true, false, None);
        let leased = Leased { notification, details, held, resumed, started, published_at, scope };
        match fan_out::run_leased(context, &leased) {
            Ok(FanOutResult::DeadLetter { reason, .. }) => {
                events::set_aside::abandoned(&notification, &reason);
            }
            Ok(FanOutResult::Completed(_)) => context.announce_completed(notification.id),
            Ok(_) => {}
            Err(Halt::Unreadable(what)) => drop(leased.set_aside(context, &what)?),
            Err(Halt::TakenOver | Halt::Superseded(_)) => {
                log::debug!(
                    notification = notification.id;
                    "notification {}: another process tries it",
                    notification.id
                );
            }
            Err(Halt::Stopping) => {
                context.leases.release(&leased.held);
                return Err(Stopped);
            }
        }
        Ok(())
    }
}

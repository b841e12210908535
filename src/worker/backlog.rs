//! Counts what is left to do, for the metrics. A thread of each worker that serves them does it; it takes at most a hundredth of the
//! database's time. The SQL is left to the store.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::store::ledger::backlog::Backlog;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Context;

/// Shortest and longest pause between two counts.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(600)];
/// A pause is so many times as long as the count before it.
const TIMES: u32 = 100;

/// Starts the thread. It ends soon after a shutdown is requested.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(context: &Arc<Context>) -> io::Result<JoinHandle<()>> {
    let context = Arc::clone(context);
    thread::Builder::new().name("backlog".to_owned()).spawn(move || {
        let Stopped = run(&context);
        log::debug!("the backlog is counted no more");
    })
}

fn run(context: &Context) -> Stopped {
    loop {
        let Ok(took) = count(context) else { return Stopped };
        let pause = took.saturating_mul(TIMES).clamp(PAUSES[0], PAUSES[1]);
        if context.shutdown.wait(pause) {
            return Stopped;
        }
    }
}

/// Returns how long the database took, without the time for which it was away.
fn count(context: &Context) -> Result<Duration, Stopped> {
    let (metrics, mut took) = (&context.metrics.backlog, Duration::ZERO);
    let count = || {
        let began_at = Instant::now();
        let counted = context.store.count_backlog();
        took = began_at.elapsed();
        counted
    };
    // A view that cannot be read is told by the fan-out that needs it.
    match context.database_retry.while_readable(count)? {
        Ok(Backlog { notifications, recipients, oldest, suppressions }) => {
            metrics.notifications.set(notifications);
            metrics.recipients.set(recipients);
            metrics.oldest.set(oldest.as_secs_f64());
            metrics.suppressions.set(suppressions);
        }
        Err(error) => log::debug!("the backlog cannot be counted: {error}"),
    }
    Ok(took)
}

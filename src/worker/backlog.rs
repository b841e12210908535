//! Counts what is left to do, for the metrics. A thread of each worker that serves them does it; it takes at most a hundredth of the
//! database's time. The SQL is left to the store.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::store::ledger::backlog::Backlog;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Context;

/// Shortest pause between two counts.
const PAUSE: Duration = Duration::from_secs(5);
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
        let began_at = Instant::now();
        if let Err(stopped) = count(context) {
            return stopped;
        }
        let pause = PAUSE.max(began_at.elapsed().saturating_mul(TIMES));
        if context.shutdown.wait(pause) {
            return Stopped;
        }
    }
}

fn count(context: &Context) -> Result<(), Stopped> {
    let metrics = &context.metrics.backlog;
    // A view that cannot be read is told by the fan-out that needs it.
    match context.database_retry.while_readable(|| context.store.count_backlog())? {
        Ok(Backlog { notifications, recipients, oldest, suppressions }) => {
            metrics.notifications.set(notifications);
            metrics.recipients.set(recipients);
            metrics.oldest.set(oldest.as_secs_f64());
            metrics.suppressions.set(suppressions);
        }
        Err(error) => log::debug!("the backlog cannot be counted: {error}"),
    }
    Ok(())
}

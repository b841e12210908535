//! How a command stops that changes data in many steps: it finishes the one that it has begun.

use anyhow::Context as _;

use crate::config::Config;
use crate::observe::logging;
use crate::shutdown::{self, Shutdown};

/// The request to stop that a signal makes from now on. `in_flight` is what the log says that is finished before; the second signal, or
/// `SHUTDOWN_TIMEOUT`, ends the process at once.
///
/// # Errors
/// When the signals cannot be caught.
pub fn stop_on_signals(config: &Config, in_flight: &'static str) -> anyhow::Result<Shutdown> {
    let (trigger, shutdown) = shutdown::shutdown_pair();
    let timeout = config.worker.shutdown_timeout;
    shutdown::stop_on_signals(trigger, timeout, in_flight, logging::reopen, String::new)
        .context("cannot catch signals")?;
    Ok(shutdown)
}

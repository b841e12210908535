//! Stopping: the first SIGTERM or SIGINT asks everyone to finish, the second one leaves at once.

use std::convert::Infallible;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The wish to stop, as every thread sees it. Cheap to clone; once expressed it stays.
#[derive(Debug, Clone)]
pub struct Shutdown {
    receiver: Receiver<Infallible>,
}

/// The other end: whoever drops it asks everyone who holds a [`Shutdown`] to finish.
#[derive(Debug)]
pub struct ShutdownTrigger {
    _sender: Sender<Infallible>,
}

/// A wish that is not expressed yet, and the handle that expresses it when it is dropped.
#[must_use]
pub fn shutdown_pair() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = bounded(0);
    (ShutdownTrigger { _sender: sender }, Shutdown { receiver })
}

impl Shutdown {
    /// Whether the wish has been expressed.
    #[must_use]
    pub fn requested(&self) -> bool {
        matches!(self.receiver.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// For `select!`: becomes ready, with an error, once the wish is expressed.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Infallible> {
        &self.receiver
    }

    /// Waits for `pause`, or less if the wish comes first; says whether it came.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> bool {
        matches!(self.receiver.recv_timeout(pause), Err(RecvTimeoutError::Disconnected))
    }
}

/// A second signal within this time is the first one again: `timeout` and other wrappers send it to the process
/// and to its group, too.
const ECHO: Duration = Duration::from_millis(500);

/// Lets the first SIGTERM or SIGINT express the wish through `handle`. The second one, or `timeout` after the
/// first, ends the process at once with exit code 1: the ledger is safe, unfinished messages go back to the
/// queue, and at most the mails in flight are sent again. `exit_summary` are logged then, a line each.
///
/// # Errors
/// When the signals cannot be caught or the thread cannot be started.
pub fn stop_on_signals(
    handle: ShutdownTrigger,
    timeout: Duration,
    exit_summary: impl Fn() -> String + Clone + Send + 'static,
) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut arrivals = signals.forever();
        arrivals.next();
        let first = Instant::now();
        log::info!(
            "stopping: what is under way is finished, nothing else begins (a second signal stops at once)"
        );
        drop(handle);
        leave_after(timeout, exit_summary.clone());
        arrivals.find(|_| first.elapsed() > ECHO);
        log::warn!("stopped at once by a second signal");
        leave(&exit_summary());
    })?;
    Ok(())
}

/// Asks the process itself to stop, just as a SIGTERM does, unless it was asked before.
pub fn request(shutdown: &Shutdown) {
    if !shutdown.requested()
        && let Err(error) = signal_hook::low_level::raise(SIGTERM)
    {
        log::error!("cannot ask this process to stop: {error}");
    }
}

/// Ends the process when the stop takes too long.
fn leave_after(timeout: Duration, exit_summary: impl Fn() -> String + Send + 'static) {
    let guard = thread::Builder::new().name("stop-timeout".to_owned()).spawn(move || {
        thread::sleep(timeout);
        log::error!(
            "the stop took longer than SHUTDOWN_TIMEOUT ({} s); leaving with work unfinished",
            timeout.as_secs()
        );
        leave(&exit_summary());
    });
    if let Err(error) = guard {
        log::error!("cannot watch SHUTDOWN_TIMEOUT: {error}");
    }
}

fn leave(exit_summary: &str) -> ! {
    for line in exit_summary.lines() {
        log::error!("{line}");
    }
    process::exit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_reaches_every_clone_and_stays() {
        let (handle, shutdown) = shutdown_pair();
        let other = shutdown.clone();
        assert!(!shutdown.requested());
        assert!(!shutdown.wait(Duration::ZERO));
        drop(handle);
        assert!(shutdown.requested() && other.requested() && other.wait(Duration::from_secs(3600)));
    }
}

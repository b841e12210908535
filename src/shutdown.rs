//! Shutdown: the first SIGTERM or SIGINT requests it, the second one exits at once. What a thread finishes before it ends
//! is left to the thread.

use std::convert::Infallible;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Cancellation token: whether a shutdown was requested. Cheap to clone. A request cannot be taken back.
#[derive(Debug, Clone)]
pub struct Shutdown {
    receiver: Receiver<Infallible>,
}

/// Requests the shutdown when it is dropped: every clone of its [`Shutdown`] sees that.
#[derive(Debug)]
pub struct ShutdownTrigger {
    _sender: Sender<Infallible>,
}

/// A token, and the trigger that requests the shutdown when it is dropped.
#[must_use]
pub fn shutdown_pair() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = bounded(0);
    (ShutdownTrigger { _sender: sender }, Shutdown { receiver })
}

impl Shutdown {
    /// Whether the shutdown was requested. Does not block.
    #[must_use]
    pub fn requested(&self) -> bool {
        matches!(self.receiver.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// For `select!`: becomes ready, with an error, once the shutdown is requested.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Infallible> {
        &self.receiver
    }

    /// Waits for `pause` or until the shutdown is requested. Returns whether it was requested.
    #[must_use]
    pub fn wait(&self, pause: Duration) -> bool {
        matches!(self.receiver.recv_timeout(pause), Err(RecvTimeoutError::Disconnected))
    }
}

/// A second signal within this time counts as the first one: `timeout` and other wrappers send a signal to the process
/// and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Drops `trigger` at the first SIGTERM or SIGINT. The second signal, or `timeout` after the first, ends the process at
/// once with exit code 1, after logging the lines of `exit_summary`. The ledger is safe then, unfinished messages go
/// back to the queue, and at most the mails in flight are sent again.
///
/// # Errors
/// When the signals cannot be caught or the thread cannot be started.
pub fn stop_on_signals(
    trigger: ShutdownTrigger,
    timeout: Duration,
    exit_summary: impl Fn() -> String + Clone + Send + 'static,
) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut received = signals.forever();
        received.next();
        let first = Instant::now();
        log::info!(
            "stopping: finishing mails in flight, at most {} s; a second signal exits at once",
            timeout.as_secs()
        );
        drop(trigger);
        exit_after(timeout, exit_summary.clone());
        received.find(|_| first.elapsed() > SAME_SIGNAL);
        log::warn!("second signal: exiting at once, with work unfinished");
        exit(&exit_summary());
    })?;
    Ok(())
}

/// Requests the shutdown from inside the process, by a SIGTERM to itself, unless it was requested before.
pub fn request(shutdown: &Shutdown) {
    if !shutdown.requested()
        && let Err(error) = signal_hook::low_level::raise(SIGTERM)
    {
        log::error!("cannot request the shutdown: {error}");
    }
}

/// Ends the process when the shutdown takes longer than `timeout`.
fn exit_after(timeout: Duration, exit_summary: impl Fn() -> String + Send + 'static) {
    let started = thread::Builder::new().name("stop-timeout".to_owned()).spawn(move || {
        thread::sleep(timeout);
        log::error!(
            "the shutdown took longer than SHUTDOWN_TIMEOUT ({} s); exiting with work unfinished",
            timeout.as_secs()
        );
        exit(&exit_summary());
    });
    if let Err(error) = started {
        log::error!("cannot start the thread that enforces SHUTDOWN_TIMEOUT: {error}");
    }
}

fn exit(exit_summary: &str) -> ! {
    for line in exit_summary.lines() {
        log::error!("{line}");
    }
    process::exit(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reaches_every_clone_and_stays() {
        let (trigger, shutdown) = shutdown_pair();
        let other = shutdown.clone();
        assert!(!shutdown.requested());
        assert!(!shutdown.wait(Duration::ZERO));
        drop(trigger);
        assert!(shutdown.requested() && other.requested() && other.wait(Duration::from_secs(3600)));
    }
}

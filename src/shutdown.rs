//! Shutdown: the first SIGTERM, SIGINT or SIGQUIT requests it, the second one exits at once. What a thread finishes before
//! it ends is left to the thread. Other signals do not end the process; which ones there are is left to `signals`.

use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXCPU};
use signal_hook::iterator::Signals;

use crate::exit_code::{FAILED, exit_at_once};
use crate::shutdown::signals::{block_in_this_thread, handled, name_of, stops, unblock_in_this_thread};

mod signals;

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

/// Drops `trigger` at the first signal that asks for a stop: SIGTERM, SIGINT, SIGQUIT, SIGPWR or SIGXCPU. The second such
/// signal, or `timeout` after the first, ends the process at once with exit code 1, after logging the lines of
/// `exit_summary`. The ledger is safe then, unfinished messages go back to the queue, and at most the mails in flight are
/// sent again.
///
/// `in_flight` is what the log says that is finished before.
///
/// SIGHUP calls `on_hangup`. All other signals that would end the process are ignored, except those of a crash. The
/// calling thread and the threads that it starts from now on are not interrupted by any of them.
///
/// # Errors
/// When the signals cannot be caught or the thread cannot be started.
pub fn stop_on_signals(
    trigger: ShutdownTrigger,
    timeout: Duration,
    in_flight: &'static str,
    on_hangup: impl Fn() + Send + 'static,
    exit_summary: impl Fn() -> String + Clone + Send + 'static,
) -> std::io::Result<()> {
    block_in_this_thread()?;
    let mut signals = Signals::new(handled().map(|signal| signal as i32))?;
    let mut stop = Stop { trigger: Some(trigger), first: Instant::now(), timeout, in_flight, exit_summary };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Err(error) = unblock_in_this_thread() {
            log::error!("signals do not reach fanmail, stop it with SIGKILL: {error}");
        }
        for signal in signals.forever() {
            match signal {
                SIGHUP => on_hangup(),
                signal if stops(signal) => stop.on_signal(signal),
                signal => log::debug!("{} has no meaning for fanmail and is ignored", name_of(signal)),
            }
        }
    })?;
    Ok(())
}

/// A token whose shutdown SIGINT or SIGTERM requests: for a command that only looks, and has nothing to finish.
///
/// # Errors
/// When the signals cannot be caught or the thread cannot be started.
pub fn on_interrupt() -> std::io::Result<Shutdown> {
    let (trigger, shutdown) = shutdown_pair();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            drop(trigger);
        }
    })?;
    Ok(shutdown)
}

/// How far the shutdown is.
struct Stop<S> {
    /// Until the first signal.
    trigger: Option<ShutdownTrigger>,
    /// The time of the first signal.
    first: Instant,
    timeout: Duration,
    in_flight: &'static str,
    exit_summary: S,
}

impl<S: Fn() -> String + Clone + Send + 'static> Stop<S> {
    fn on_signal(&mut self, signal: i32) {
        if let Some(trigger) = self.trigger.take() {
            self.first = Instant::now();
            log::info!(
                "stopping: {}; finishing {}, at most {} s; a second signal exits at once",
                name_of(signal),
                self.in_flight,
                self.timeout.as_secs()
            );
            drop(trigger);
            exit_after(self.timeout, self.exit_summary.clone());
        } else if signal != SIGXCPU && self.first.elapsed() > SAME_SIGNAL {
            // The kernel repeats SIGXCPU every second.
            log::warn!("second signal: exiting at once, with work unfinished");
            exit(&(self.exit_summary)());
        }
    }
}

/// Requests the shutdown from inside the process, by a SIGTERM to itself, unless it was requested before.
pub fn request(shutdown: &Shutdown) {
    // To the process: most threads do not take signals.
    if !shutdown.requested()
        && let Err(error) = kill(Pid::this(), Signal::SIGTERM)
    {
        log::error!("cannot request the shutdown: {error}");
    }
}

/// Ends the process when the shutdown takes longer than `timeout`.
fn exit_after(timeout: Duration, exit_summary: impl Fn() -> String + Send + 'static) {
    let started = thread::Builder::new().name("stop-timeout".to_owned()).spawn(move || {
        thread::sleep(timeout);
        log::error!(
            "the shutdown took longer than SHUTDOWN_TIMEOUT ({} s); exiting with work unfinished. What is left is sent \
             by another worker, or after a restart; a longer SHUTDOWN_TIMEOUT gives it more time",
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
        log::error!("at the exit: {line}");
    }
    exit_at_once(FAILED)
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

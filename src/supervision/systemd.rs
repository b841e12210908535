//! Tells systemd, or another manager that sets `NOTIFY_SOCKET`, when the worker has started and stops, how it is, and that it lives. The
//! unit is `deploy/systemd/fanmail.service`.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crossbeam_channel::select;

use crate::supervision::state::{Phase, Supervised};
use crate::supervision::systemd::notify_socket::NotifySocket;

mod notify_socket;

/// How often the line of `systemctl status` may change.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// How often a worker that starts is looked at.
const PROMPT: Duration = Duration::from_millis(50);

/// Starts the thread, if a manager wants to be told. It ends with the process.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(supervised: &Supervised) -> io::Result<()> {
    // Not those of `.env`: they are of this process only.
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let socket = match NotifySocket::open(&name) {
        Ok(socket) => socket,
        Err(error) => {
            cannot_tell(&name, &error);
            return Ok(());
        }
    };
    let watchdog = watchdog_interval(|name| env::var(name).ok(), process::id());
    let mut teller = Teller {
        supervised: supervised.clone(),
        watchdog,
        told: Phase::Starting,
        line: None,
        pinged_at: None,
    };
    Builder::new().name("systemd".to_owned()).spawn(move || {
        let mut has_failed = false;
        loop {
            let states = teller.next(Instant::now());
            if !states.is_empty()
                && let Err(error) = socket.send(&states)
                && !std::mem::replace(&mut has_failed, true)
            {
                cannot_tell(&name, &error);
            }
            teller.wait();
        }
    })?;
    Ok(())
}

fn cannot_tell(name: &OsString, error: &io::Error) {
    log::warn!(
        "the service manager cannot be told of the worker's state: {}: {error}; NOTIFY_SOCKET names its socket: do not set it by hand",
        name.display()
    );
}

/// A third of the time after which the manager takes the worker for hung, if it watches this process (`sd_watchdog_enabled(3)`).
fn watchdog_interval(variable: impl Fn(&str) -> Option<String>, process: u32) -> Option<Duration> {
    let is_other = variable("WATCHDOG_PID").is_some_and(|pid| pid != process.to_string());
    let limit = variable("WATCHDOG_USEC")?.parse().ok().filter(|limit| *limit > 0 && !is_other)?;
    Some(Duration::from_micros(limit) / 3)
}

fn is_due(now: Instant, last: Option<Instant>, interval: Duration) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= interval)
}

/// What the manager knows.
struct Teller {
    supervised: Supervised,
    /// How often it wants a sign of life.
    watchdog: Option<Duration>,
    told: Phase,
    /// The line, and since when.
    line: Option<(String, Instant)>,
    pinged_at: Option<Instant>,
}

impl Teller {
    /// The states that are news at `now`.
    fn next(&mut self, now: Instant) -> String {
        let mut states = String::new();
        let phase = self.supervised.phase();
        if phase != self.told {
            states += match phase {
                Phase::Starting => "",
                Phase::Running => "READY=1\n",
                Phase::Stopping => "STOPPING=1\n",
            };
        }
        if phase != self.told || is_due(now, self.line.as_ref().map(|line| line.1), LINE_INTERVAL) {
            let line = self.supervised.line();
            if self.line.as_ref().is_none_or(|told| told.0 != line) {
                states.push_str(&["STATUS=", &line, "\n"].concat());
                self.line = Some((line, now));
            }
        }
        self.told = phase;
        if self.watchdog.is_some_and(|interval| is_due(now, self.pinged_at, interval))
            && self.supervised.is_alive(now)
        {
            states += "WATCHDOG=1\n";
            self.pinged_at = Some(now);
        }
        states
    }

    /// Waits for the next look.
    fn wait(&self) {
        let pause = self.watchdog.unwrap_or(LINE_INTERVAL).min(LINE_INTERVAL);
        match self.told {
            Phase::Starting => thread::sleep(PROMPT),
            Phase::Running => select! {
                recv(self.supervised.shutdown().receiver()) -> _ => {}
                default(pause) => {}
            },
            Phase::Stopping => thread::sleep(pause),
        }
    }
}

#[cfg(test)]
mod tests;

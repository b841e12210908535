//! The watchdog: notices calls into the AMQP library that do not return. That happens when the broker freezes and
//! heartbeats are off; any other lost connection ends its calls with an error.
//!
//! A broker with `heartbeat = 0` turns heartbeats off for both sides, whatever fanmail asks for. Then only an unanswered
//! call tells a frozen broker from an idle one, so the broker thread pings after a while without an answer. Stopping the
//! process is left to the callback.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use log::debug;

use crate::broker::error::BrokerError;
use crate::observe::events;
use crate::sync::lock;

/// Times of the watchdog. A frozen broker is noticed after all three together: 36 s.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The broker thread pings the broker after this time without an answered call. Every answer proves to other workers
    /// that the session is alive.
    pub silence: Duration,
    /// Longest time of a call. Heartbeats, if they are on, end a dead connection earlier, after 20 s.
    pub call: Duration,
    /// How often the watchdog checks the calls.
    pub check_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(5),
            call: Duration::from_secs(30),
            check_interval: Duration::from_secs(1),
        }
    }
}

/// The loss of a connection that the watchdog has ended. It is the silence of the broker, although the socket was closed.
pub(super) fn ended_by_watchdog() -> BrokerError {
    BrokerError::Silent("a call was not answered, and the watchdog has ended it".to_owned())
}

/// Ends a connection from another thread, so that every call on it returns.
pub(super) trait Abort: fmt::Debug + Send + Sync {
    /// Ends the connection.
    ///
    /// # Errors
    /// When the connection has ended before.
    fn abort(&self) -> io::Result<()>;
}

impl Abort for mio::net::TcpStream {
    fn abort(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

/// Watches the calls into the AMQP library. Cheap to clone; all clones share the list of calls.
#[derive(Debug, Clone, Default)]
pub struct CallWatchdog {
    limits: Limits,
    calls: Arc<Mutex<Vec<Call>>>,
    hung: Arc<AtomicBool>,
}

/// One call.
#[derive(Debug)]
struct Call {
    number: u64,
    name: &'static str,
    since: Instant,
    connection: Arc<dyn Abort>,
    logged: bool,
}

impl CallWatchdog {
    /// A watchdog without calls; [`Self::start`] starts its thread.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The times that it was made with.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether any call has taken too long.
    #[must_use]
    pub fn has_hung(&self) -> bool {
        self.hung.load(Ordering::SeqCst)
    }

    /// Makes a call and watches it; `name` completes "the broker has not answered to …".
    pub(super) fn guard<T>(
        &self,
        name: &'static str,
        connection: &Arc<impl Abort + 'static>,
        call: impl FnOnce() -> T,
    ) -> T {
        let number = fastrand::u64(..);
        let connection: Arc<dyn Abort> = Arc::clone(connection) as Arc<dyn Abort>;
        lock(&self.calls).push(Call { number, name, since: Instant::now(), connection, logged: false });
        let result = call();
        lock(&self.calls).retain(|call| call.number != number);
        result
    }

    /// Starts the thread. When a call hangs, it logs that and calls `shutdown`, which requests a shutdown. At the next
    /// check it ends the connection, so that the hanging thread can finish, too.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(&self, shutdown: impl Fn() + Send + 'static) -> io::Result<()> {
        let watchdog = self.clone();
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            loop {
                thread::sleep(watchdog.limits.check_interval);
                watchdog.check(Instant::now(), &shutdown);
            }
        })?;
        Ok(())
    }

    /// Reports calls that hang. Ends their connections one check later, when all threads have seen the shutdown request.
    fn check(&self, now: Instant, shutdown: &impl Fn()) {
        for call in lock(&self.calls).iter_mut() {
            let lasted = now.saturating_duration_since(call.since);
            if lasted < self.limits.call {
                continue;
            }
            if call.logged {
                if let Err(gone) = call.connection.abort() {
                    debug!("ending a connection that hangs: {gone}");
                }
                continue;
            }
            call.logged = true;
            self.hung.store(true, Ordering::SeqCst);
            events::broker::call_hangs(call.name, lasted);
            shutdown();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use crossbeam_channel::{Receiver, Sender, bounded};

    use super::*;

    /// A connection on which a call hangs until it is aborted.
    #[derive(Debug)]
    struct Frozen(Mutex<Option<Sender<()>>>, Receiver<()>);

    impl Frozen {
        fn new() -> Arc<Self> {
            let (sender, receiver) = bounded(0);
            Arc::new(Self(Mutex::new(Some(sender)), receiver))
        }
    }

    impl Abort for Frozen {
        fn abort(&self) -> io::Result<()> {
            match self.0.lock().unwrap().take() {
                Some(_) => Ok(()),
                None => Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    fn limits(call: Duration, check_interval: Duration) -> Limits {
        Limits { silence: Duration::from_secs(20), call, check_interval }
    }

    #[test]
    fn a_call_that_hangs_is_logged_once_then_aborted() {
        let watchdog = CallWatchdog::new(limits(Duration::from_millis(20), Duration::from_millis(5)));
        let stops = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&stops);
        let shutdown = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        watchdog.start(shutdown).unwrap();
        let connection = Frozen::new();
        let answer = watchdog.guard("a test", &connection, || connection.1.recv());
        assert!(answer.is_err(), "it was aborted");
        assert_eq!((watchdog.has_hung(), stops.load(Ordering::SeqCst)), (true, 1));
        assert!(lock(&watchdog.calls).is_empty(), "the call has returned");
    }

    #[test]
    fn calls_that_return_in_time_are_left_alone() {
        let watchdog = CallWatchdog::new(limits(Duration::from_secs(30), Duration::from_secs(1)));
        let shutdown = || panic!("nothing hangs");
        let connection = Frozen::new();
        let late = Instant::now() + Duration::from_secs(3600);
        assert_eq!(watchdog.guard("first", &connection, || 7), 7);
        watchdog.check(late, &shutdown);
        watchdog.guard("second", &connection, || {
            watchdog.check(Instant::now() + Duration::from_secs(29), &shutdown);
        });
        assert!(!watchdog.has_hung() && connection.0.lock().unwrap().is_some());
    }

    #[test]
    fn the_shutdown_is_requested_before_the_connection_is_ended() {
        let watchdog = CallWatchdog::new(Limits::default());
        let connection = Frozen::new();
        let open = || connection.0.lock().unwrap().is_some();
        let late = Instant::now() + Duration::from_secs(31);
        watchdog.guard("a test", &connection, || {
            watchdog.check(late, &|| assert!(open()));
            assert!(watchdog.has_hung() && open());
            watchdog.check(late, &|| panic!("it is logged once"));
            assert!(!open());
            // If the call hangs all the same, nothing more happens.
            watchdog.check(late, &|| panic!("it is logged once"));
        });
    }
}

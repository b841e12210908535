//! The watchdog: notices when a call into the AMQP library does not return, which is what a frozen broker
//! looks like when heartbeats are off. Any other lost connection ends its calls with an error.
//!
//! A broker configured with `heartbeat = 0` turns heartbeats off for both sides, whatever we ask for. It then
//! takes a call that wants an answer to tell silence from death: the broker thread makes one when nothing
//! else has happened for a while.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use log::debug;

use crate::observe::events;
use crate::sync::lock;

/// How long the watchdog waits for what. A dead silence is noticed after all three together: 51 s.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A connection on which nothing happens for this long is asked for a sign of life.
    pub silence: Duration,
    /// A call may take this long. Heartbeats, where they are on, end a dead connection after 20 s: long before.
    pub call: Duration,
    /// How often calls are looked at.
    pub look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { silence: Duration::from_secs(20), call: Duration::from_secs(30), look: Duration::from_secs(1) }
    }
}

/// What cuts a connection from outside, so that every call on it ends.
pub(super) trait Abort: fmt::Debug + Send + Sync {
    /// Cuts it; it need not be open any more.
    fn abort(&self) -> io::Result<()>;
}

impl Abort for mio::net::TcpStream {
    fn abort(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Both)
    }
}

/// The calls into the AMQP library that are under way. Cheap to clone; all clones are one.
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
    what: &'static str,
    since: Instant,
    connection: Arc<dyn Abort>,
    logged: bool,
}

impl CallWatchdog {
    /// No call is under way.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// How long it waits for what.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether a call has hung.
    #[must_use]
    pub fn has_hung(&self) -> bool {
        self.hung.load(Ordering::SeqCst)
    }

    /// Makes a call under the watchdog's eyes; `what` completes "the broker has not answered to …".
    pub(super) fn guard<T>(
        &self,
        what: &'static str,
        connection: &Arc<impl Abort + 'static>,
        call: impl FnOnce() -> T,
    ) -> T {
        let number = fastrand::u64(..);
        let connection: Arc<dyn Abort> = Arc::clone(connection) as Arc<dyn Abort>;
        lock(&self.calls).push(Call { number, what, since: Instant::now(), connection, logged: false });
        let result = call();
        lock(&self.calls).retain(|call| call.number != number);
        result
    }

    /// Starts the watchdog. When a call hangs it says so and runs `shutdown`, which is to ask everyone to finish
    /// what they have begun; then it cuts the connection, so that the thread that hangs can finish, too.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(&self, shutdown: impl Fn() + Send + 'static) -> io::Result<()> {
        let watchdog = self.clone();
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            loop {
                thread::sleep(watchdog.limits.look);
                watchdog.check(Instant::now(), &shutdown);
            }
        })?;
        Ok(())
    }

    /// Tells of a call that hangs, and cuts its connection at the next look, when everyone knows of the stop.
    fn check(&self, now: Instant, shutdown: &impl Fn()) {
        for call in lock(&self.calls).iter_mut() {
            let lasted = now.saturating_duration_since(call.since);
            if lasted < self.limits.call {
                continue;
            }
            if call.logged {
                if let Err(gone) = call.connection.abort() {
                    debug!("cutting a connection that hangs: {gone}");
                }
                continue;
            }
            call.logged = true;
            self.hung.store(true, Ordering::SeqCst);
            events::broker::call_hangs(call.what, lasted);
            shutdown();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use crossbeam_channel::{Receiver, Sender, bounded};

    use super::*;

    /// A connection on which a call hangs until it is cut.
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

    fn limits(call: Duration, look: Duration) -> Limits {
        Limits { silence: Duration::from_secs(20), call, look }
    }

    #[test]
    fn a_call_that_hangs_is_told_once_then_cut_and_remembered() {
        let watchdog = CallWatchdog::new(limits(Duration::from_millis(20), Duration::from_millis(5)));
        let stops = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&stops);
        let shutdown = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        watchdog.start(shutdown).unwrap();
        let connection = Frozen::new();
        let answer = watchdog.guard("a test", &connection, || connection.1.recv());
        assert!(answer.is_err(), "it was cut");
        assert_eq!((watchdog.has_hung(), stops.load(Ordering::SeqCst)), (true, 1));
        assert!(lock(&watchdog.calls).is_empty(), "the call is over");
    }

    #[test]
    fn calls_that_return_and_those_that_are_young_are_no_business_of_it() {
        let watchdog = CallWatchdog::new(limits(Duration::from_secs(30), Duration::from_secs(1)));
        let shutdown = || panic!("nothing hangs");
        let connection = Frozen::new();
        let late = Instant::now() + Duration::from_secs(3600);
        assert_eq!(watchdog.guard("first", &connection, || 7), 7);
        watchdog.check(late, &shutdown);
        watchdog.guard("second", &connection, || {
            watchdog.check(Instant::now() + Duration::from_secs(29), &shutdown)
        });
        assert!(!watchdog.has_hung() && connection.0.lock().unwrap().is_some());
    }

    #[test]
    fn everyone_is_asked_to_stop_before_the_connection_is_cut() {
        let watchdog = CallWatchdog::new(Limits::default());
        let connection = Frozen::new();
        let open = || connection.0.lock().unwrap().is_some();
        let late = Instant::now() + Duration::from_secs(31);
        watchdog.guard("a test", &connection, || {
            watchdog.check(late, &|| assert!(open()));
            assert!(watchdog.has_hung() && open());
            watchdog.check(late, &|| panic!("it is told once"));
            assert!(!open());
            // A library that hangs all the same changes nothing.
            watchdog.check(late, &|| panic!("it is told once"));
        });
    }
}

//! Waiting for something to become true: polling with a deadline. Nothing here sleeps and hopes.

use std::thread;
use std::time::{Duration, Instant};

/// Generous: it is only used up by a test that fails.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Polls `probe` until it gives something, and gives that.
///
/// # Panics
/// When it gives nothing within `patience`; the message says what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, patience: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain for: {what}", patience.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Polls `condition` until it holds.
///
/// # Panics
/// As [`wait_for`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, TIMEOUT, || condition().then_some(()));
}

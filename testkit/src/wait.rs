//! Waiting until something becomes true, by polling with a deadline. No function here sleeps for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

/// Deadline of a wait, when the caller names no other. Long on purpose: only a test that fails uses it up.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Calls `probe` every 10 ms until it returns `Some`, and returns that value.
///
/// # Panics
/// When `probe` returns nothing within `timeout`. The message says what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s for {what}", timeout.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Calls `condition` every 10 ms until it is true.
///
/// # Panics
/// As [`wait_for`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, TIMEOUT, || condition().then_some(()));
}

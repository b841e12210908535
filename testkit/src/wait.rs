//! Waiting until something becomes true, by polling with a deadline. No function here sleeps for a fixed time.

use std::thread;
use std::time::{Duration, Instant};

/// Deadline of a wait, when the caller names no other. Long on purpose: only a test that fails uses it up.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Pause between two probes.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest pause after a slow probe.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// The pause after a slow probe, as a multiple of the time that it took: a probe that opens a connection or reads a long
/// log would otherwise take the CPU from what it waits for.
const PAUSE_PER_PROBE: u32 = 4;

/// Calls `probe` every 10 ms until it returns `Some`, and returns that value. Pauses longer after a slow probe.
///
/// # Panics
/// When `probe` returns nothing within `timeout`. The message says what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, timeout: Duration, probe: impl FnMut() -> Option<T>) -> T {
    wait_for_program(what, timeout, String::new, probe)
}

/// The same for a program, of which `words` are the last: its log, or what it has written.
///
/// # Panics
/// As [`wait_for`]. The message ends with the words.
#[track_caller]
pub fn wait_for_program<T>(
    what: &str,
    timeout: Duration,
    words: impl Fn() -> String,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + timeout;
    loop {
        let start = Instant::now();
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s for {what}\n{}", timeout.as_secs(), words());
        thread::sleep((start.elapsed() * PAUSE_PER_PROBE).clamp(PAUSE, LONGEST_PAUSE));
    }
}

/// Calls `condition` until it is true, as often as [`wait_for`].
///
/// # Panics
/// As [`wait_for`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, TIMEOUT, || condition().then_some(()));
}

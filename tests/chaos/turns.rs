//! A limit for scenarios that start many workers: side by side on a small machine, they would mostly test its patience.

use std::sync::{Condvar, Mutex};

/// Most such scenarios at the same time.
const AT_ONCE: usize = 3;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The turn of one scenario, until it is dropped.
pub struct Turn(());

/// Waits until fewer than [`AT_ONCE`] others run.
pub fn wait_for_turn() -> Turn {
    let mut running = ENDED.wait_while(RUNNING.lock().unwrap(), |running| *running >= AT_ONCE).unwrap();
    *running += 1;
    Turn(())
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap() -= 1;
        ENDED.notify_one();
    }
}

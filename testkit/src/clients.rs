//! Clients that act again and again while a test does something else.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Ends the clients when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Calls each client again and again, in a thread of its own, until `during` ends, which gets the number of calls so far.
pub fn beside<C: FnMut() + Send>(clients: impl IntoIterator<Item = C>, during: impl FnOnce(&AtomicUsize)) {
    let (is_over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        // Also when a check of `during` fails: the scope waits for the clients, and the test would hang.
        let _end = End(&is_over);
        for mut client in clients {
            let (is_over, calls) = (&is_over, &calls);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    client();
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        during(&calls);
    });
}

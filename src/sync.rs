//! Locking without poisoning. What is locked, and for how long, is left to the callers.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after a thread has panicked while it held the lock.
///
/// Poisoning may be ignored: in the worker a panic ends the process. Elsewhere, as in tests, callers keep each change
/// under a lock whole (one assignment, push, pop, insert or remove), so that a panic leaves no value half changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

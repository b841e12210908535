//! How many fan-outs may wait for retries alone. Each of them holds one of the `PREFETCH` places of the broker, and without
//! a limit, a few refused recipients of many small notifications would keep everyone else's messages in the queue.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A semaphore.
#[derive(Debug)]
pub struct WaitPermits {
    free: AtomicUsize,
}

/// Permission to wait. Dropping it returns it.
#[derive(Debug)]
pub struct WaitPermit<'a>(&'a WaitPermits);

impl WaitPermits {
    /// Half of the `prefetch` places, rounded up: the other half keeps working.
    #[must_use]
    pub fn for_prefetch(prefetch: u16) -> Self {
        Self { free: AtomicUsize::new(usize::from(prefetch).div_ceil(2)) }
    }

    /// A permit, if one is free. Never blocks.
    pub fn try_acquire(&self) -> Option<WaitPermit<'_>> {
        let take = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| WaitPermit(self))
    }
}

impl Drop for WaitPermit<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_places_may_wait_and_at_least_one() {
        for (prefetch, permits) in [(1, 1), (2, 1), (16, 8)] {
            let semaphore = WaitPermits::for_prefetch(prefetch);
            let held: Vec<_> = std::iter::from_fn(|| semaphore.try_acquire()).collect();
            assert_eq!(held.len(), permits, "PREFETCH={prefetch}");
            drop(held);
            assert!(semaphore.try_acquire().is_some());
        }
    }
}

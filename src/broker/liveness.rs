//! Whether a broker thread still takes steps, and whether it takes messages. A supervisor is told. A broker that is away is no reason
//! to say no: the thread then takes the steps of reconnecting.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::broker::connect_attempts::longest_attempt;
use crate::sync::lock;

/// Longest step of a thread that has a connection. It pings every 5 s, and the watchdog of calls ends each of them after 30 s.
const STEP: Duration = Duration::from_secs(90);

/// What one broker thread says of itself. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Liveness(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The thread hangs if it takes no step until then.
    next_step_by: Instant,
    takes_messages: bool,
}

impl Default for Liveness {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { next_step_by: Instant::now() + STEP, takes_messages: false })))
    }
}

impl Liveness {
    /// The thread takes a step of a session, and waits for the next one.
    pub(super) fn steps(&self) {
        self.lasts(STEP);
    }

    /// The thread waits, then tries to connect to each of `hosts` hosts.
    pub(super) fn connects(&self, hosts: usize) {
        let mut state = lock(&self.0);
        state.next_step_by = Instant::now() + longest_attempt(hosts) + STEP;
        state.takes_messages = false;
    }

    /// A session has begun.
    pub(super) fn takes_messages(&self) {
        self.steps();
        lock(&self.0).takes_messages = true;
    }

    fn lasts(&self, longest: Duration) {
        lock(&self.0).next_step_by = Instant::now() + longest;
    }

    /// Whether the thread has taken its steps in time.
    #[must_use]
    pub fn is_alive(&self, now: Instant) -> bool {
        now <= lock(&self.0).next_step_by
    }

    /// Whether a session lasts.
    #[must_use]
    pub fn is_taking_messages(&self) -> bool {
        lock(&self.0).takes_messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_without_steps_hangs_and_one_that_reconnects_does_not() {
        let liveness = Liveness::default();
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert!(liveness.is_alive(after(80)) && !liveness.is_taking_messages());
        assert!(!liveness.is_alive(after(91)));
        liveness.connects(2);
        // A pause of 30 s, and a minute for each host.
        assert!(liveness.is_alive(after(150 + 80)) && !liveness.is_alive(after(150 + 91)));
        liveness.takes_messages();
        assert!(liveness.is_taking_messages() && !liveness.is_alive(after(91)));
        liveness.connects(1);
        assert!(!liveness.is_taking_messages(), "the session was lost");
    }
}

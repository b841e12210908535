//! An outage of the relay: its cause, and how long it has lasted. What ends it is left to `state`.

use std::time::{Duration, Instant};

use crate::observe::events::relay::{RelayProblem, RelaySymptom, RelayWords};

/// The time in which the breaker is not closed.
#[derive(Debug, Clone, Copy)]
pub struct RelayOutage {
    /// What opened the breaker, and so what closes it.
    pub cause: RelaySymptom,
    /// When it began.
    pub since: Instant,
    /// When the last probe failed; until then, when it began.
    pub probed_at: Instant,
    /// Probes that have failed.
    pub probes: u32,
    /// When the log last mentioned it.
    pub last_logged: Instant,
}

impl RelayOutage {
    /// An outage that begins at `now`.
    #[must_use]
    pub fn new(cause: RelaySymptom, now: Instant) -> Self {
        Self { cause, since: now, probed_at: now, probes: 0, last_logged: now }
    }

    /// What is told about it, with the symptom that was seen last.
    #[must_use]
    pub fn problem<'a>(
        &self,
        now: Instant,
        next_probe_in: Duration,
        symptom: RelaySymptom,
        words: RelayWords<'a>,
    ) -> RelayProblem<'a> {
        let lasted = now - self.since;
        RelayProblem { symptom, lasted, failed_probes: self.probes, next_probe_in, words }
    }
}

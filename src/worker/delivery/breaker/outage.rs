//! An outage of the relay: its cause, and how long it has lasted. What ends it is left to `state`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use crate::observe::events;
use crate::observe::events::relay::{RelayProblem, RelaySymptom, RelayWords};
use crate::text::clean::without_digits;

/// How soon after a line the log may have another one because the cause has changed. Between two probes of a relay that is restarted, there
/// may be several causes.
const BETWEEN_CAUSES: Duration = Duration::from_secs(60);

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
    last_logged: Instant,
    /// The cause that it mentioned.
    logged_cause: u64,
}

impl RelayOutage {
    /// An outage that begins at `now` with these words, which the log has.
    #[must_use]
    pub fn new(cause: RelaySymptom, now: Instant, words: RelayWords<'_>) -> Self {
        let logged_cause = cause_of(words);
        Self { cause, since: now, probed_at: now, probes: 0, last_logged: now, logged_cause }
    }

    /// A probe has failed with these words. Whether the log is to mention it: now and then, and when the cause is another one than in the
    /// line before. The first one often is: a relay that is stopped closes its connections, and then refuses new ones.
    pub fn probe_failed(&mut self, now: Instant, words: RelayWords<'_>) -> bool {
        self.probes += 1;
        self.probed_at = now;
        let (quiet_for, cause) = (now - self.last_logged, cause_of(words));
        let is_news = cause != self.logged_cause && (self.probes == 1 || quiet_for >= BETWEEN_CAUSES);
        let is_told = is_news || quiet_for >= events::REMINDER;
        if is_told {
            (self.last_logged, self.logged_cause) = (now, cause);
        }
        is_told
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

/// Tells causes apart. Numbers do not: a relay may name a connection or a time.
fn cause_of(words: RelayWords<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    without_digits(words.detail).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_a_line_when_the_cause_changes_but_not_for_each_probe() {
        let words = |detail| RelayWords { detail, advice: "" };
        let now = Instant::now();
        let mut outage = RelayOutage::new(RelaySymptom::Down, now, words("the relay closed the connection"));
        let told = [
            (1, "connection refused"),
            (3, "connection refused"),
            (7, "login: 535 authentication failed"),
            (61, "login: 535 authentication failed"),
            (121, "login: 535 authentication failed (session 4711)"),
            (181, "login: 535 authentication failed (session 4712)"),
            (241, "login: 535 authentication failed (session 4713)"),
            (781, "login: 535 authentication failed (session 4714)"),
        ]
        .map(|(second, detail)| outage.probe_failed(now + Duration::from_secs(second), words(detail)));
        assert_eq!(told, [true, false, false, true, true, false, false, true]);
    }
}

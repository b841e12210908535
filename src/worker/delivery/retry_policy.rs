//! How often and when a mail is tried again, in two stages: a few retries within the fan-out (`MAX_RETRIES`), then
//! deferred, with one attempt after each pause of `DEFER_SCHEDULE`. The recipients whose retry is not due yet are left to
//! `fan_out::retries`, the deferred ones to the ledger and to `deferral_sweep`.

use std::sync::Arc;
use std::time::Duration;

use crate::channels::Class;
use crate::config::worker::WorkerConfig;
use crate::domain::backoff::Backoff;
use crate::domain::outcome::{Permanence, Verdict};
use crate::worker::recipient::{AMBIGUOUS_CODE, Recipient};

/// No pause between two attempts of a fan-out is longer, unless `RETRY_DELAY` is.
const MAX_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Attempts of one mail that are not charged after a breakdown of the relay, or as probes of a relay that refuses
/// everyone. Each has the pause of a retry before it. Without a limit, one address that makes a relay reply 421 would
/// keep its notification open for ever, and as many people as there are places of `PREFETCH`, whom the relay refuses
/// for good, would keep everyone else from being probed. Afterwards they are charged, and at last deferred: nothing is
/// lost, and the message is acked. With `RETRY_DELAY` at 5 s, six attempts take five minutes.
const MAX_UNCHARGED_ATTEMPTS: u32 = 6;

/// How often and when a mail is tried again. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    max_retries: u32,
    backoff: Backoff,
    /// The pauses between attempts of a deferred mail; empty: no mail is deferred.
    defer_schedule: Arc<[Duration]>,
}

impl RetryPolicy {
    /// `MAX_RETRIES` retries, the first one after `RETRY_DELAY`, then with doubled pauses; then the pauses of
    /// `DEFER_SCHEDULE`.
    #[must_use]
    pub fn new(config: &WorkerConfig) -> Self {
        let cap = MAX_PAUSE.max(config.retry_delay);
        Self {
            max_retries: config.max_retries,
            backoff: Backoff { first: config.retry_delay, cap },
            defer_schedule: config.defer_schedule.clone().into(),
        }
    }

    /// Whether this fan-out tries the recipient again after a temporary failure. Each step of `DEFER_SCHEDULE` is one
    /// attempt.
    #[must_use]
    pub fn allows_another(&self, recipient: &Recipient) -> bool {
        recipient.deferrals == 0 && recipient.attempts <= self.max_retries
    }

    /// Whether the recipient gets another attempt that is not charged.
    #[must_use]
    pub fn allows_uncharged(recipient: &Recipient) -> bool {
        recipient.uncharged_attempts < MAX_UNCHARGED_ATTEMPTS
    }

    /// The pause after `attempts` attempts (from 1). `jitter`, from 0 to 1, spreads it by a fifth in either direction.
    #[must_use]
    pub fn pause(&self, attempts: u32, jitter: f64) -> Duration {
        self.backoff.pause(attempts, jitter)
    }

    /// Whether mails are deferred at all.
    #[must_use]
    pub fn defers(&self) -> bool {
        !self.defer_schedule.is_empty()
    }

    /// How long a deferred mail is tried again at most.
    #[must_use]
    pub fn longest_deferral(&self) -> Duration {
        self.defer_schedule.iter().sum()
    }

    /// The verdict about a recipient whom this fan-out does not try again after its last, temporary failure: deferred, or
    /// failed after the last step. `jitter`, from 0 to 1, moves the pause by a tenth in either direction, so that mails
    /// that were refused together do not all come back together.
    ///
    /// A mail to whose body no reply came may have arrived (RFC 1047). It is transmitted once more, not before the first
    /// pause is over; a second loss is its end. A refusal in between uses nothing up: the relay has no copy of that
    /// attempt.
    #[must_use]
    pub fn defer_or_fail(&self, recipient: &Recipient, jitter: f64) -> Verdict {
        let error = recipient.last_error.as_deref();
        let (code, detail) = error.map_or((None, ""), |error| (error.code, &error.detail));
        let lost = error.is_some_and(|error| error.class == Class::Ambiguous);
        let failed = |detail: &str| Verdict::failed(Permanence::Transient, code, detail);
        match self.deferral_pause(recipient.steps(lost && !recipient.ambiguous), jitter) {
            _ if lost && recipient.ambiguous => {
                failed(&format!("no reply to the body, twice; the relay may have the mail: {detail}"))
            }
            Some(pause) if lost || recipient.ambiguous => Verdict::deferred(
                self.first_pause().map_or(pause, |first| first.max(pause)),
                Some(AMBIGUOUS_CODE),
                detail,
            ),
            Some(pause) => Verdict::deferred(pause, code, detail),
            None if recipient.ambiguous => failed(&format!(
                "no reply to the body of an earlier attempt, the relay may have the mail; then: {detail}"
            )),
            None => failed(detail),
        }
    }

    /// The pause before the next step, after `deferrals` of them; `None` after the last one.
    fn deferral_pause(&self, deferrals: u32, jitter: f64) -> Option<Duration> {
        let pause = self.defer_schedule.get(usize::try_from(deferrals).ok()?)?;
        Some(pause.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0)))
    }

    /// The pause before the first attempt of a deferred mail; `None` when no mail is deferred.
    #[must_use]
    pub fn first_pause(&self) -> Option<Duration> {
        self.defer_schedule.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::SendError;
    use crate::domain::ids::ParticipantId;
    use crate::domain::participant::Participant;

    const MINUTE: Duration = Duration::from_secs(60);

    fn policy(max_retries: u32, minutes: &[u32]) -> RetryPolicy {
        let backoff = Backoff { first: Duration::from_secs(5), cap: MAX_PAUSE };
        RetryPolicy { max_retries, backoff, defer_schedule: minutes.iter().map(|&n| MINUTE * n).collect() }
    }

    fn recipient(attempts: u32, deferrals: u32) -> Recipient {
        let participant = Participant {
            id: ParticipantId(1),
            key: None,
            email: None,
            name: String::new(),
            locale: None,
            timezone: None,
            details: None,
        };
        Recipient { attempts, deferrals, ..Recipient::new(participant) }
    }

    fn after(recipient: Recipient, class: Class, code: Option<u16>) -> Recipient {
        let mut recipient = recipient;
        recipient.failed(&SendError { class, code, detail: "its words".to_owned(), refuses_address: false });
        recipient
    }

    #[test]
    fn the_schedule_doubles_and_ends() {
        let policy = policy(3, &[]);
        let allowed: Vec<bool> =
            (1..=5).map(|attempts| policy.allows_another(&recipient(attempts, 0))).collect();
        assert_eq!(allowed, [true, true, true, false, false]);
        let pauses: Vec<u64> = (1..=3).map(|attempts| policy.pause(attempts, 0.5).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20]);
        assert_eq!(policy.pause(30, 1.0), MAX_PAUSE);
    }

    #[test]
    fn no_retries_means_one_attempt_and_so_does_a_step_of_the_schedule() {
        assert!(!policy(0, &[]).allows_another(&recipient(1, 0)));
        assert!(!policy(3, &[5]).allows_another(&recipient(1, 1)));
    }

    #[test]
    fn a_mail_is_deferred_step_by_step_and_then_fails() {
        let policy = policy(3, &[5, 60]);
        let refused = |deferrals| after(recipient(1, deferrals), Class::Transient, Some(450));
        let verdict = |deferrals| policy.defer_or_fail(&refused(deferrals), 0.5);
        assert_eq!(verdict(0), Verdict::deferred(MINUTE * 5, Some(450), "its words"));
        assert_eq!(verdict(1), Verdict::deferred(MINUTE * 60, Some(450), "its words"));
        assert_eq!(verdict(2), Verdict::failed(Permanence::Transient, Some(450), "its words"));
        assert_eq!(policy.longest_deferral(), MINUTE * 65);
        let pauses = [0.0, 1.0].map(|jitter| policy.deferral_pause(0, jitter).unwrap().as_millis());
        assert_eq!(pauses, [270_000, 330_000]);
    }

    #[test]
    fn without_a_schedule_a_mail_fails_at_once() {
        let policy = policy(3, &[]);
        assert!(!policy.defers());
        for class in [Class::Transient, Class::Ambiguous] {
            let verdict = policy.defer_or_fail(&after(recipient(1, 0), class, None), 0.5);
            assert_eq!(verdict, Verdict::failed(Permanence::Transient, None, "its words"));
        }
    }

    #[test]
    fn an_ambiguous_mail_is_sent_once_more_and_a_refusal_in_between_does_not_count() {
        let policy = policy(3, &[5, 1, 60]);
        let lost = |recipient| after(recipient, Class::Ambiguous, None);
        let refused = |recipient| after(recipient, Class::Transient, Some(450));
        let first = policy.defer_or_fail(&lost(recipient(1, 0)), 0.5);
        assert_eq!(first, Verdict::deferred(MINUTE * 5, Some(354), "its words"));

        let again = |deferrals| Recipient { ambiguous: true, ..recipient(1, deferrals) };
        let verdict = policy.defer_or_fail(&refused(again(1)), 0.5);
        assert_eq!(verdict, Verdict::deferred(MINUTE * 5, Some(354), "its words"), "never sooner");
        let twice = "no reply to the body, twice; the relay may have the mail: its words";
        let verdict = policy.defer_or_fail(&lost(again(2)), 0.5);
        assert_eq!(verdict, Verdict::failed(Permanence::Transient, None, twice));
        let ended =
            "no reply to the body of an earlier attempt, the relay may have the mail; then: its words";
        let verdict = policy.defer_or_fail(&refused(again(3)), 0.5);
        assert_eq!(verdict, Verdict::failed(Permanence::Transient, Some(450), ended));
    }
}

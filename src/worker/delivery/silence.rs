//! Notices a relay that says nothing at all while mails wait for its reply: it is frozen, or a firewall drops what it says. Each mail is given
//! up by itself, but only after `SMTP_TIMEOUT`, or after `SMTP_DATA_TIMEOUT`, ten minutes, once its body is written. People should know
//! sooner. What a failure changes is left to `breaker`.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::observe::events;
use crate::observe::health::{Monitor, Part};
use crate::sync::lock;

/// After so long it is a problem. Relays that greet late, or look at mails before they accept them, answer one of several connections sooner.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// For how long mails have waited for any reply.
#[derive(Debug, Default)]
pub struct Silence(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Mails that wait for the relay.
    mails: u64,
    /// When it last said something, or when the first of them began to wait.
    since: Option<Instant>,
    /// Since when it is told that the relay does not answer, and when the log last had a line about it.
    told: Option<(Instant, Instant)>,
}

impl Silence {
    /// One more mail waits for the relay.
    pub fn begins(&self, now: Instant) {
        let mut waiting = lock(&self.0);
        if waiting.mails == 0 && waiting.told.is_none() {
            waiting.since = Some(now);
        }
        waiting.mails += 1;
    }

    /// A mail does not wait for the relay any more. Whether the relay has said anything about it.
    pub fn ends(&self, answered: bool, now: Instant) {
        let mut waiting = lock(&self.0);
        waiting.mails = waiting.mails.saturating_sub(1);
        if answered {
            waiting.since = Some(now);
        }
    }

    /// Tells once that the relay does not answer, and once that it does again, or that no mail waits. Not while another problem of the relay is known.
    fn look(&self, now: Instant, monitor: &Monitor) {
        let mut waiting = lock(&self.0);
        let silent_since =
            waiting.since.filter(|since| waiting.mails > 0 && now.saturating_duration_since(*since) >= LIMIT);
        let silent_for = |since: Instant| now.saturating_duration_since(since);
        let problems = monitor.health.reasons_not_ready(Part::Relay);
        let is_told = problems.iter().any(|problem| events::relay::is_silence(problem));
        match (silent_since, waiting.told) {
            (Some(since), None) if problems.is_empty() => {
                events::relay::silent(monitor, waiting.mails, silent_for(since));
                waiting.told = Some((since, now));
            }
            (Some(_), Some((since, logged))) if is_told && now - logged >= events::REMINDER => {
                events::relay::silent(monitor, waiting.mails, silent_for(since));
                waiting.told = Some((since, now));
            }
            (None, Some((since, _))) => {
                waiting.told = None;
                let has_answered = waiting.since.is_some_and(|answered_at| answered_at > since);
                match is_told {
                    true if has_answered => events::relay::answers_again(monitor, silent_for(since)),
                    true => monitor.health.clear_problem(Part::Relay),
                    false => {}
                }
            }
            _ => {}
        }
    }
}

/// Starts the thread that looks. It ends when the lanes have let go of `silence`.
///
/// # Errors
/// When the thread cannot be started.
pub fn watch(silence: &Arc<Silence>, monitor: &Monitor) -> io::Result<()> {
    let (silence, monitor) = (Arc::downgrade(silence), monitor.clone());
    thread::Builder::new().name("relay-watch".to_owned()).spawn(move || {
        while let Some(silence) = silence.upgrade() {
            silence.look(Instant::now(), &monitor);
            drop(silence);
            thread::sleep(LOOK);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of the relay after so many seconds.
    fn told(silence: &Silence, monitor: &Monitor, start: Instant, second: u64) -> String {
        silence.look(start + Duration::from_secs(second), monitor);
        monitor.health.reasons_not_ready(Part::Relay).concat()
    }

    #[test]
    fn a_relay_that_says_nothing_is_told_after_half_a_minute_until_it_answers() {
        let (silence, monitor, start) = (Silence::default(), Monitor::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(told(&silence, &monitor, start, 100), "", "no mail waits");
        for second in [100, 110] {
            silence.begins(at(second));
        }
        assert_eq!(told(&silence, &monitor, start, 129), "");
        let problem = told(&silence, &monitor, start, 130);
        assert!(problem.starts_with("has not answered since "), "{problem}");
        assert!(
            problem.contains("2 mails wait for its reply") && problem.contains("SMTP_DATA_TIMEOUT"),
            "{problem}"
        );
        silence.ends(false, at(160));
        assert_ne!(told(&silence, &monitor, start, 161), "", "a mail that is given up is no answer");
        silence.ends(true, at(170));
        silence.begins(at(170));
        assert_eq!(told(&silence, &monitor, start, 171), "");
        assert_ne!(told(&silence, &monitor, start, 200), "", "again");
        silence.ends(false, at(201));
        assert_eq!(told(&silence, &monitor, start, 202), "", "nothing waits for the relay");
    }

    #[test]
    fn slow_replies_are_replies() {
        let (silence, monitor, start) = (Silence::default(), Monitor::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        for lane in 0..4 {
            silence.begins(at(lane * 20));
        }
        for second in (80..800).step_by(20) {
            silence.ends(true, at(second));
            silence.begins(at(second));
            assert_eq!(told(&silence, &monitor, start, second + 19), "");
        }
    }

    #[test]
    fn what_the_breaker_says_of_the_relay_stays() {
        let (silence, monitor, start) = (Silence::default(), Monitor::default(), Instant::now());
        silence.begins(start);
        monitor.health.set_problem(Part::Relay, "down".to_owned());
        assert_eq!(told(&silence, &monitor, start, 60), "down");
        monitor.health.clear_problem(Part::Relay);
        assert_ne!(told(&silence, &monitor, start, 61), "");
        monitor.health.set_problem(Part::Relay, "down".to_owned());
        silence.ends(true, start + Duration::from_secs(62));
        assert_eq!(told(&silence, &monitor, start, 63), "down");
    }
}

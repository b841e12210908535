//! The breaker alone; the time is a parameter.

use super::*;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::observe::events::REMINDER;
use crate::observe::logging::capture::lines_of;
use crate::shutdown::shutdown_pair;
use crate::worker::delivery::breaker::state::{MAX_FAILURES, SUCCESS_GRACE};

mod refused_people;

fn mail(notification: i64, participant: i64) -> MailKey {
    (NotificationId(notification), ParticipantId(participant))
}

fn closed() -> Breaker {
    Breaker::new(PROBES, Monitor::default())
}

fn fail(breaker: &Breaker, now: Instant, probe: bool) {
    breaker.failed_at(now, 0.5, probe, None, "refused");
}

fn works_at(breaker: &Breaker, now: Instant) {
    lock(&breaker.state).works(now, false, &breaker.monitor);
}

fn opened(now: Instant) -> Breaker {
    let breaker = closed();
    for _ in 0..MAX_FAILURES {
        assert!(!admit(&breaker, now).probe);
        fail(&breaker, now, false);
    }
    breaker
}

/// A mail to a domain that the relay has refused nobody of.
const MAIL: Candidate<'static> = Candidate { address: "ann@example.org", passed_over_at: None };

/// The admission, which has to be granted.
fn admit(breaker: &Breaker, now: Instant) -> Admission<'_> {
    match breaker.try_admit(now, &MAIL) {
        Ok(Entry::Admitted(admission)) => admission,
        other => panic!("{other:?}"),
    }
}

/// How long a lane would have to wait; `None` if it is admitted.
fn wait_time(breaker: &Breaker, now: Instant) -> Option<Duration> {
    breaker.try_admit(now, &MAIL).err()
}

/// A probe that fails.
fn probe_fails(breaker: &Breaker, now: Instant) {
    let mut admission = admit(breaker, now);
    assert!(std::mem::take(&mut admission.probe), "the first admission by an open breaker is its probe");
    fail(breaker, now, true);
}

#[test]
fn a_success_between_failures_keeps_it_closed() {
    let (breaker, now) = (closed(), Instant::now());
    for round in 0..10 {
        for participant in 1..3 {
            assert!(admit(&breaker, now).failed(Some(mail(round, participant)), "lost"));
        }
        admit(&breaker, now).works();
    }
    assert_eq!(wait_time(&breaker, now), None);
    assert_eq!(breaker.monitor.metrics.relay_failures.get(), 20);
}

#[test]
fn refusals_soon_after_an_accepted_mail_do_not_open_it_and_lost_mails_do() {
    let (breaker, now) = (closed(), Instant::now());
    works_at(&breaker, now);
    for _ in 0..10 {
        fail(&breaker, now + SUCCESS_GRACE / 2, false);
    }
    for _ in 0..MAX_FAILURES {
        assert_eq!(wait_time(&breaker, now), None);
        fail(&breaker, now + SUCCESS_GRACE, false);
    }
    assert!(wait_time(&breaker, now).is_some(), "no mail was accepted for a while");

    works_at(&breaker, now);
    for participant in 1..=3 {
        breaker.failed_at(now, 0.5, false, Some(mail(1, participant)), "lost");
    }
    assert!(wait_time(&breaker, now).is_some(), "these are charged, so it opens at once");
}

#[test]
fn one_probe_at_a_time_with_growing_pauses() {
    let mut now = Instant::now();
    let breaker = opened(now);
    for expected in [1, 2, 4, 8, 16, 32, 54, 54] {
        let pause = Duration::from_secs(expected);
        assert_eq!(wait_time(&breaker, now), Some(pause));
        now += pause;
        let mut probe = admit(&breaker, now);
        assert_eq!(wait_time(&breaker, now), Some(POLL_INTERVAL), "only one");
        assert!(std::mem::take(&mut probe.probe));
        fail(&breaker, now, true);
    }
}

#[test]
fn a_probe_that_succeeds_closes_it() {
    let now = Instant::now();
    let breaker = opened(now);
    let probe = admit(&breaker, now + Duration::from_secs(1));
    assert_eq!(breaker.monitor.metrics.breaker_open.get(), 1);
    probe.works();
    assert!(!admit(&breaker, now).probe && !admit(&breaker, now).probe);
    assert_eq!(breaker.monitor.metrics.breaker_open.get(), 0);
    assert_eq!(breaker.monitor.health.problems(), "");
}

#[test]
fn a_probe_that_is_dropped_lets_the_next_caller_probe() {
    let now = Instant::now();
    let breaker = opened(now);
    let later = now + Duration::from_secs(1);
    drop(admit(&breaker, later));
    assert!(admit(&breaker, Instant::now() + PROBES.cap).probe, "the next one is the probe at once");
}

#[test]
fn a_mail_that_was_in_flight_neither_prolongs_the_pause_nor_decides_for_the_probe() {
    let now = Instant::now();
    let breaker = opened(now);
    fail(&breaker, now + Duration::from_millis(900), false);
    let later = now + Duration::from_secs(1);
    let probe = admit(&breaker, later);
    fail(&breaker, later, false);
    assert_eq!(wait_time(&breaker, later + PROBES.cap), Some(POLL_INTERVAL), "the probe is still in flight");
    probe.works();
    assert_eq!(wait_time(&breaker, later), None);
}

#[test]
fn a_probe_counts_as_any_mail_once_another_mail_has_closed_it() {
    let now = Instant::now();
    let breaker = opened(now);
    let in_flight =
        Admission { breaker: &breaker, probe: false, admitted_at: now, acceptances: Acceptances::default() };
    let probe = admit(&breaker, now + Duration::from_secs(1));
    in_flight.works();
    assert!(probe.failed(None, "lost"));
    assert_eq!(wait_time(&breaker, now), None, "one failure after a success does not open it");
}

#[test]
fn one_mail_that_breaks_every_connection_does_not_open_it_but_three_mails_do() {
    let now = Instant::now();
    let breaker = closed();
    let fails =
        |notification, participant| admit(&breaker, now).failed(Some(mail(notification, participant)), "421");
    assert!(fails(1, 7));
    for _ in 0..10 {
        assert!(!fails(1, 7), "the same mail again proves nothing about the relay");
    }
    assert!(fails(1, 8) && !fails(1, 7));
    assert_eq!(wait_time(&breaker, now), None);
    assert!(fails(2, 7));
    assert!(wait_time(&breaker, now).is_some());
}

#[test]
fn health_says_since_when_why_and_when_the_next_attempt_is() {
    let now = Instant::now();
    let breaker = opened(now);
    let problem = breaker.monitor.health.problems();
    assert!(problem.starts_with("relay: down since 20"), "{problem}");
    assert!(problem.contains("Z, 0 probes failed, next attempt after "), "{problem}");
    assert!(problem.ends_with("Z: refused\n"), "{problem}");
    probe_fails(&breaker, now + Duration::from_secs(1));
    assert!(breaker.monitor.health.problems().contains(", 1 probe failed, "));
}

#[test]
fn a_lane_rests_while_it_is_closed_and_returns_for_the_probe_when_it_is_open() {
    let short = Backoff { first: Duration::from_millis(50), cap: Duration::from_millis(50) };
    let (handle, shutdown) = shutdown_pair();
    let breaker = Breaker::new(short, Monitor::default());
    let rest = |failures| {
        let started_at = Instant::now();
        breaker.rest(failures, &shutdown);
        started_at.elapsed()
    };
    assert!(rest(0) < Duration::from_millis(5));
    assert!(rest(1) >= Duration::from_millis(40));

    let now = Instant::now();
    let breaker = opened(now);
    assert!(!breaker.is_probe_due(now) && breaker.is_probe_due(now + Duration::from_secs(1)));
    let long_ago = opened(now.checked_sub(PROBES.cap).unwrap());
    long_ago.rest(9, &shutdown);
    let probe = admit(&long_ago, now);
    assert!(!long_ago.is_probe_due(now), "one is enough");
    drop(probe);
    drop(handle);
    breaker.rest(9, &shutdown);
    assert!(now.elapsed() < Duration::from_secs(10), "neither took the minute");
}

#[test]
fn the_log_tells_of_an_outage_at_once_again_every_ten_minutes_and_at_its_end() {
    let start = Instant::now();
    let mut breaker = None;
    let lines = lines_of(|| breaker = Some(opened(start)));
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (breaker, mut now) = (breaker.unwrap(), start);
    let mut told = Vec::new();
    while now < start + 3 * REMINDER {
        now += PROBES.cap * 6 / 5;
        let lines = lines_of(|| probe_fails(&breaker, now));
        told.extend(lines.into_iter().map(|line| (now - start, line)));
    }
    assert_eq!(told.len(), 2, "{told:?}");
    for (nth, (at, line)) in (1..).zip(&told) {
        assert!(*at >= nth * REMINDER, "{told:?}");
        assert!(line.starts_with("WARN the relay is still down since "), "{line}");
        assert!(line.contains(" probes failed, next attempt after "), "{line}");
        assert!(line.ends_with(": refused; nothing is lost. See: fanmail status"), "{line}");
    }
    let lines = lines_of(|| works_at(&breaker, now));
    assert_eq!(lines, [format!("INFO the relay works again after {} s", (now - start).as_secs())]);
}

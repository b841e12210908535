//! The breaker by itself, with a clock of the tests' own.

use super::*;
use crate::shutdown::shutdown_pair;

fn mail(notification: i64, participant: i64) -> MailKey {
    (NotificationId(notification), ParticipantId(participant))
}

fn closed() -> Breaker {
    Breaker::new(PROBES, Monitor::default())
}

fn fail(breaker: &Breaker, now: Instant, probe: bool) {
    breaker.failed_at(now, 0.5, probe, None, "refused");
}

fn opened(now: Instant) -> Breaker {
    let breaker = closed();
    for _ in 0..THRESHOLD {
        assert!(!enters(&breaker, now).probe);
        fail(&breaker, now, false);
    }
    breaker
}

/// The right to enter, which it has to give.
fn enters(breaker: &Breaker, now: Instant) -> Admission<'_> {
    breaker.enter(now).unwrap()
}

/// How long there is to wait.
fn waits(breaker: &Breaker, now: Instant) -> Option<Duration> {
    breaker.enter(now).err()
}

/// The probe, which fails.
fn probe_fails(breaker: &Breaker, now: Instant) {
    let mut admission = enters(breaker, now);
    assert!(std::mem::take(&mut admission.probe), "the first to enter an open breaker is its probe");
    fail(breaker, now, true);
}

#[test]
fn a_success_in_between_keeps_it_closed() {
    let (breaker, now) = (closed(), Instant::now());
    for round in 0..10 {
        for participant in 1..3 {
            assert!(enters(&breaker, now).failed(Some(mail(round, participant)), "lost"));
        }
        enters(&breaker, now).works();
    }
    assert_eq!(waits(&breaker, now), None);
    assert_eq!(breaker.monitor.metrics.relay_failures.get(), 20);
}

#[test]
fn refusals_beside_a_mail_that_gets_through_do_not_open_it_and_lost_mails_do() {
    let (breaker, now) = (closed(), Instant::now());
    breaker.close(now);
    for _ in 0..10 {
        fail(&breaker, now + RECENTLY / 2, false);
    }
    for _ in 0..THRESHOLD {
        assert_eq!(waits(&breaker, now), None);
        fail(&breaker, now + RECENTLY, false);
    }
    assert!(waits(&breaker, now).is_some(), "nothing has got through for a while");

    breaker.close(now);
    for participant in 1..=3 {
        breaker.failed_at(now, 0.5, false, Some(mail(1, participant)), "lost");
    }
    assert!(waits(&breaker, now).is_some(), "these are charged, so it opens at once");
}

#[test]
fn one_probe_at_a_time_with_growing_pauses() {
    let mut now = Instant::now();
    let breaker = opened(now);
    for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
        let pause = Duration::from_secs(expected);
        assert_eq!(waits(&breaker, now), Some(pause));
        now += pause;
        let mut probe = enters(&breaker, now);
        assert_eq!(waits(&breaker, now), Some(POLL_INTERVAL), "only one");
        assert!(std::mem::take(&mut probe.probe));
        fail(&breaker, now, true);
    }
}

#[test]
fn a_probe_that_succeeds_lets_everyone_in() {
    let now = Instant::now();
    let breaker = opened(now);
    let probe = enters(&breaker, now + Duration::from_secs(1));
    assert_eq!(breaker.monitor.metrics.breaker_open.get(), 1);
    probe.works();
    assert!(!enters(&breaker, now).probe && !enters(&breaker, now).probe);
    assert_eq!(breaker.monitor.metrics.breaker_open.get(), 0);
    assert_eq!(breaker.monitor.health.problems(), "");
}

#[test]
fn a_probe_that_never_asks_the_relay_hands_its_right_on() {
    let now = Instant::now();
    let breaker = opened(now);
    let later = now + Duration::from_secs(1);
    drop(enters(&breaker, later));
    assert!(enters(&breaker, Instant::now() + PROBES.cap).probe, "somebody else is the probe at once");
}

#[test]
fn a_straggler_neither_prolongs_the_pause_nor_speaks_for_the_probe() {
    let now = Instant::now();
    let breaker = opened(now);
    fail(&breaker, now + Duration::from_millis(900), false);
    let later = now + Duration::from_secs(1);
    let probe = enters(&breaker, later);
    fail(&breaker, later, false);
    assert_eq!(waits(&breaker, later + PROBES.cap), Some(POLL_INTERVAL), "the probe is still under way");
    probe.works();
    assert_eq!(waits(&breaker, later), None);
}

#[test]
fn a_probe_that_somebody_else_made_needless_counts_as_any_mail() {
    let now = Instant::now();
    let breaker = opened(now);
    let straggler = Admission { breaker: &breaker, probe: false };
    let probe = enters(&breaker, now + Duration::from_secs(1));
    straggler.works();
    assert!(probe.failed(None, "lost"));
    assert_eq!(waits(&breaker, now), None, "one failure after a success does not open it");
}

#[test]
fn one_mail_that_breaks_every_connection_does_not_open_it_but_three_do() {
    let now = Instant::now();
    let breaker = closed();
    let fails = |notification, participant| {
        enters(&breaker, now).failed(Some(mail(notification, participant)), "421")
    };
    assert!(fails(1, 7));
    for _ in 0..10 {
        assert!(!fails(1, 7), "that says nothing new about the relay");
    }
    assert!(fails(1, 8) && !fails(1, 7));
    assert_eq!(waits(&breaker, now), None);
    assert!(fails(2, 7));
    assert!(waits(&breaker, now).is_some());
}

#[test]
fn health_says_since_when_why_and_what_comes_next() {
    let now = Instant::now();
    let breaker = opened(now);
    let trouble = breaker.monitor.health.problems();
    assert!(trouble.starts_with("relay: down since 20"), "{trouble}");
    assert!(trouble.contains("Z, 0 probes failed, the next one is the first mail after "), "{trouble}");
    assert!(trouble.ends_with("Z: refused\n"), "{trouble}");
    probe_fails(&breaker, now + Duration::from_secs(1));
    assert!(breaker.monitor.health.problems().contains(", 1 probes failed"));

    let time = |second: i64| DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap();
    assert_eq!(
        describe(time(0), 3, time(95), "127.0.0.1:25: cannot connect"),
        "down since 2027-01-15 08:00:00Z, 3 probes failed, the next one is the first mail after 08:01:35Z: \
         127.0.0.1:25: cannot connect"
    );
}

#[test]
fn a_lane_rests_behind_a_closed_breaker_and_is_there_for_the_probe_of_an_open_one() {
    let short = Backoff { first: Duration::from_millis(50), cap: Duration::from_millis(50) };
    let (handle, shutdown) = shutdown_pair();
    let breaker = Breaker::new(short, Monitor::default());
    let rest = |failures| {
        let begun = Instant::now();
        breaker.rest(failures, &shutdown);
        begun.elapsed()
    };
    assert!(rest(0) < Duration::from_millis(5));
    assert!(rest(1) >= Duration::from_millis(40));

    let now = Instant::now();
    let breaker = opened(now);
    assert!(!breaker.wants_probe(now) && breaker.wants_probe(now + Duration::from_secs(1)));
    let long_ago = opened(now.checked_sub(PROBES.cap).unwrap());
    long_ago.rest(9, &shutdown);
    let probe = enters(&long_ago, now);
    assert!(!long_ago.wants_probe(now), "one is enough");
    drop(probe);
    drop(handle);
    breaker.rest(9, &shutdown);
    assert!(now.elapsed() < Duration::from_secs(10), "neither took the minute");
}

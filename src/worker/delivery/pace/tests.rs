//! The pace of lanes as threads; how fast they may be is tested in `simulation` and `controller`, in virtual time.

use std::thread;

use super::*;
use crate::shutdown::shutdown_pair;

mod controller;
mod limiter;
mod simulation;

const DETAIL: &str = "454 Throttling failure: Maximum sending rate exceeded";

fn throttling(named_pause: Option<Duration>) -> Throttling<'static> {
    Throttling { named_pause, repeated: false, detail: DETAIL }
}

fn pace(min_interval: Option<Duration>) -> Pace {
    Pace::new(min_interval, Monitor::default())
}

fn acquire<'a>(pace: &'a Pace, shutdown: &Shutdown) -> Option<Turn<'a>> {
    pace.acquire(Instant::now(), shutdown, || false)
}

#[test]
fn without_a_limit_no_lane_waits_or_locks() {
    let (_trigger, shutdown) = shutdown_pair();
    let pace = pace(None);
    let _locked = lock(&pace.state);
    for taken in 0..3 {
        acquire(&pace, &shutdown).unwrap().accepted(taken);
    }
    assert!(!pace.holds_back());
}

#[test]
fn a_shutdown_ends_every_wait_at_once() {
    let (trigger, shutdown) = shutdown_pair();
    let pace = pace(None);
    acquire(&pace, &shutdown).unwrap().throttled(&throttling(Some(Duration::from_secs(3600))), 0);
    assert!(pace.holds_back());
    let waited = thread::scope(|scope| {
        let lanes: Vec<_> = (0..4).map(|_| scope.spawn(|| acquire(&pace, &shutdown).is_none())).collect();
        drop(trigger);
        let started_at = Instant::now();
        assert!(lanes.into_iter().all(|lane| lane.join().unwrap()));
        started_at.elapsed()
    });
    assert!(waited < Duration::from_secs(60), "{waited:?}");
}

#[test]
fn a_relay_that_throttles_every_mail_for_minutes_is_a_problem_until_it_accepts_one() {
    let pace = pace(None);
    let start = Instant::now();
    let throttled_after = |seconds| {
        let now = start + Duration::from_secs(seconds);
        pace.throttled_at(now, Slot { at: now, probe: true }, &throttling(None), 0);
        pace.monitor.health.problems()
    };
    assert_eq!(throttled_after(0), "");
    assert_eq!(throttled_after(299), "");
    assert!(throttled_after(300).contains("relay: has accepted no mail for 5 minutes"));
    assert!(
        throttled_after(660).contains("for 11 minutes") && pace.monitor.health.problems().contains(DETAIL)
    );
    Turn { pace: &pace, slot: Slot { at: Instant::now(), probe: true }, limited: true }.accepted(1);
    assert_eq!(pace.monitor.health.problems(), "");
    assert_eq!(throttled_after(700), "", "counted from the last acceptance");
}

#[test]
fn a_job_that_is_not_wanted_any_more_ends_the_wait() {
    let (_trigger, shutdown) = shutdown_pair();
    let pace = pace(None);
    acquire(&pace, &shutdown).unwrap().throttled(&throttling(Some(Duration::from_secs(3600))), 0);
    assert!(pace.acquire(Instant::now(), &shutdown, || true).is_none());
}

#[test]
fn a_probe_that_is_dropped_lets_the_next_lane_probe() {
    let (_trigger, shutdown) = shutdown_pair();
    let pace = pace(None);
    acquire(&pace, &shutdown).unwrap().throttled(&throttling(None), 1);
    let started_at = Instant::now();
    for _ in 0..3 {
        let probe = acquire(&pace, &shutdown).unwrap();
        assert!(probe.slot.probe);
    }
    // A probe without a reply would keep others from probing for 10 s.
    assert!(started_at.elapsed() < Duration::from_secs(10), "{:?}", started_at.elapsed());
    acquire(&pace, &shutdown).unwrap().accepted(2);
    assert!(!acquire(&pace, &shutdown).unwrap().slot.probe);
}

#[test]
fn a_lane_that_waits_for_its_slot_waits_anew_when_the_relay_throttles() {
    let (_trigger, shutdown) = shutdown_pair();
    let pace = pace(Some(Duration::from_secs(3600)));
    let first = acquire(&pace, &shutdown).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| acquire(&pace, &shutdown).unwrap().slot.probe);
        // Its slot is in an hour. The reaction makes that void, and it becomes the probe.
        let hour = Duration::from_secs(3600);
        let mut without_lane = first.slot.at;
        loop {
            without_lane += hour;
            let slot = lock(&pace.state).controller.reserve(Instant::now()).unwrap();
            if slot.at >= without_lane + hour {
                break;
            }
            thread::yield_now();
        }
        first.throttled(&throttling(None), 0);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn operators_see_that_a_refused_probe_makes_the_pause_longer() {
    let (pace, now) = (pace(None), Instant::now());
    let slot = Slot { at: now, probe: false };
    pace.throttled_at(now, slot, &throttling(None), 100);
    assert!(!pace.monitor.health.notes().contains("the next mail is tried at"), "soon");
    let later = now + 2 * SHOW_INTERVAL;
    let probe = lock(&pace.state).controller.reserve(later).unwrap();
    pace.throttled_at(later, probe, &throttling(Some(Duration::from_secs(600))), 100);
    let note = pace.monitor.health.notes();
    assert!(note.contains("the next mail is tried at"), "{note}");
}

#[test]
fn operators_see_what_the_relay_asks_for() {
    let (_trigger, shutdown) = shutdown_pair();
    let pace = pace(None);
    acquire(&pace, &shutdown).unwrap().throttled(&throttling(None), 100);
    let Monitor { health, metrics, .. } = &pace.monitor;
    assert!(health.notes().starts_with("note: relay: asks for fewer mails: "), "{}", health.notes());
    assert!(health.notes().contains(DETAIL) && health.problems().is_empty(), "{}", health.notes());
    assert!(metrics.pace_per_second.get() > 0.0);
    // Until nothing was throttled for long.
    let mut now = Instant::now();
    let mut taken = 100;
    for _ in 0..140_000 {
        now += Duration::from_micros(500);
        let mut state = lock(&pace.state);
        let Ok(slot) = state.controller.reserve(now) else { continue };
        now = now.max(slot.at);
        drop(state);
        taken += 1;
        pace.change(now, |state| state.controller.accepted(slot, now, taken));
    }
    assert_eq!((health.notes().as_str(), metrics.pace_per_second.get()), ("", 0.0));
    assert!(!pace.holds_back());
}

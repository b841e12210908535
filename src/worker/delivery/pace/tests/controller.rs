//! Single rules of the controller, in virtual time.

use super::*;

const MS: Duration = Duration::from_millis(1);

fn is_probe(reserved: Result<Slot, Instant>) -> bool {
    reserved.is_ok_and(|slot| slot.probe)
}

/// A controller that has learned 50 mails a second, from 50 mails in the second before `now`.
fn paced(start: Instant) -> (Controller, Instant) {
    let mut controller = Controller::new(Duration::ZERO, start);
    let now = start + 900 * MS;
    controller.throttled(Slot { at: start, probe: false }, None, false, now, 50);
    let now = now + 100 * MS;
    let probe = controller.reserve(now).unwrap();
    controller.accepted(probe, now, 51);
    (controller, now)
}

#[test]
fn slots_of_a_fixed_rate_are_evenly_spaced_and_unused_ones_are_not_saved_up() {
    let start = Instant::now();
    let mut controller = Controller::new(100 * MS, start);
    for now in [start, start + Duration::from_secs(60)] {
        let pauses: Vec<u128> =
            (0..4).map(|_| (controller.reserve(now).unwrap().at - now).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 300]);
    }
}

#[test]
fn a_learned_rate_is_never_faster_than_the_fixed_one() {
    let start = Instant::now();
    let mut controller = Controller::new(Duration::from_secs(1), start);
    controller.throttled(Slot { at: start, probe: false }, None, false, start, 1000);
    let now = start + 100 * MS;
    let probe = controller.reserve(now).unwrap();
    controller.accepted(probe, now, 1001);
    assert!(controller.learned_rate().unwrap() > 100.0);
    assert_eq!(controller.reserve(now).unwrap().at - now, Duration::from_secs(1));
}

#[test]
fn after_a_throttle_all_lanes_wait_and_one_probes() {
    let start = Instant::now();
    let mut controller = Controller::new(Duration::ZERO, start);
    controller.throttled(Slot { at: start, probe: false }, None, false, start, 10);
    assert_eq!(controller.reserve(start), Err(start + 100 * MS));
    let now = start + 100 * MS;
    assert!(is_probe(controller.reserve(now)));
    assert!(controller.reserve(now).is_err(), "one at a time");
}

#[test]
fn pauses_double_up_to_30_s_while_probes_are_throttled() {
    let mut now = Instant::now();
    let mut controller = Controller::new(Duration::ZERO, now);
    controller.throttled(Slot { at: now, probe: false }, None, false, now, 10);
    let mut pauses = Vec::new();
    for _ in 0..11 {
        let until = controller.reserve(now).unwrap_err();
        pauses.push((until - now).as_millis());
        now = until;
        let probe = controller.reserve(now).unwrap();
        now += MS;
        controller.throttled(probe, None, false, now, 10);
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
}

#[test]
fn a_named_pause_is_kept_up_to_an_hour() {
    for (named, kept) in [(20, 20), (7200, 3600)] {
        let now = Instant::now();
        let mut controller = Controller::new(Duration::ZERO, now);
        controller.throttled(
            Slot { at: now, probe: false },
            Some(Duration::from_secs(named)),
            false,
            now,
            10,
        );
        assert_eq!(controller.reserve(now), Err(now + Duration::from_secs(kept)));
    }
}

#[test]
fn mails_that_were_submitted_before_the_reaction_change_nothing() {
    let start = Instant::now();
    let (mut controller, now) = paced(start);
    let rate = controller.learned_rate();
    for _ in 0..16 {
        controller.throttled(Slot { at: start + 899 * MS, probe: false }, None, false, now, 51);
    }
    assert_eq!((controller.learned_rate(), controller.reactions()), (rate, 1));
    // An envelope that was pipelined before does not even make the probe fail.
    controller.throttled(Slot { at: now, probe: false }, Some(MS), false, now + MS, 51);
    let now = now + 2 * MS;
    let probe = controller.reserve(now).unwrap();
    controller.throttled(Slot { at: start, ..probe }, None, false, now, 51);
    assert_eq!(controller.reserve(now), Err(now + MS));
}

#[test]
fn the_rate_is_what_the_relay_has_accepted() {
    let (controller, _) = paced(Instant::now());
    let rate = controller.learned_rate().unwrap();
    assert!((47.0..50.0).contains(&rate), "{rate}");
}

#[test]
fn one_throttle_after_a_long_time_costs_a_twentieth_and_a_short_gap() {
    let (mut controller, mut now) = paced(Instant::now());
    for taken in 51..551 {
        let slot = controller.reserve(now).unwrap();
        now = now.max(slot.at);
        controller.accepted(slot, now, taken);
    }
    let before = controller.learned_rate().unwrap();
    let slot = controller.reserve(now).unwrap();
    now = now.max(slot.at);
    controller.throttled(slot, None, false, now, 551);
    assert!((controller.learned_rate().unwrap() / before - 0.95).abs() < 0.001);
    let next = controller.reserve(now).unwrap();
    assert!(!next.probe && next.at == now + 100 * MS, "no lane has to wait for a probe");
    // Another one soon stops all lanes.
    controller.throttled(next, None, false, next.at + MS, 551);
    assert!(controller.reserve(next.at + MS).is_err());
}

#[test]
fn a_mail_that_is_throttled_again_and_again_slows_down_no_other() {
    let (mut controller, now) = paced(Instant::now());
    let rate = controller.learned_rate();
    let slot = controller.reserve(now + MS).unwrap();
    controller.throttled(slot, None, true, now + 100 * MS, 51);
    assert_eq!(controller.learned_rate(), rate);
}

#[test]
fn a_probe_that_says_nothing_is_repeated_with_another_mail() {
    let start = Instant::now();
    let mut controller = Controller::new(Duration::ZERO, start);
    controller.throttled(Slot { at: start, probe: false }, None, false, start, 10);
    let mut now = start + 100 * MS;
    // Its recipient does not exist.
    let probe = controller.reserve(now).unwrap();
    controller.refused_otherwise(probe, now, 11);
    // At once, and nothing came of it.
    assert!(is_probe(controller.reserve(now)));
    controller.return_probe(now);
    assert_eq!(controller.reserve(now), Err(now + 100 * MS));
    // No reply.
    now += 100 * MS;
    assert!(is_probe(controller.reserve(now)));
    assert!(controller.reserve(now + Duration::from_secs(9)).is_err());
    assert!(is_probe(controller.reserve(now + Duration::from_secs(10))));
}

#[test]
fn a_rate_that_is_not_used_does_not_grow() {
    let (mut controller, mut now) = paced(Instant::now());
    let before = controller.learned_rate();
    for taken in 51..151 {
        now += Duration::from_secs(1);
        let slot = controller.reserve(now).unwrap();
        controller.accepted(slot, now, taken);
    }
    assert_eq!(controller.learned_rate(), before);
}

#[test]
fn what_was_accepted_before_an_idle_time_says_nothing_about_the_limit() {
    let start = Instant::now();
    let mut controller = Controller::new(Duration::ZERO, start);
    let now = start + Duration::from_secs(3600);
    controller.idle(now, 100_000);
    controller.throttled(Slot { at: now + MS, probe: false }, None, false, now + 900 * MS, 100_014);
    let now = now + Duration::from_secs(1);
    let probe = controller.reserve(now).unwrap();
    controller.accepted(probe, now, 100_015);
    let rate = controller.learned_rate().unwrap();
    assert!((13.0..15.0).contains(&rate), "{rate}");
}

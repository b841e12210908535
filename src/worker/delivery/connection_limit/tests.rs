//! Places by themselves, with a clock of the tests' own.

use super::*;
use crate::shutdown::shutdown_pair;

const SECOND: Duration = Duration::from_secs(1);

/// All lanes, and the time.
struct Lanes {
    connection_limit: ConnectionLimit,
    all: Vec<ConnectionPermit>,
    now: Instant,
}

impl Lanes {
    fn new(max: usize) -> Self {
        let all = (0..max).map(|_| ConnectionPermit::default()).collect();
        Self {
            connection_limit: ConnectionLimit::new(max, PROBE_BACKOFF, Arc::default()),
            all,
            now: Instant::now(),
        }
    }

    fn in_use(&self) -> u64 {
        let firm = self.all.iter().filter(|lane| lane.state != PermitState::Revoked).count();
        assert_eq!(self.connection_limit.metrics.connections_in_use.get(), firm as u64);
        firm as u64
    }

    fn serve(&mut self, lane: usize) {
        self.connection_limit.accepted(&mut self.all[lane]);
    }

    fn turn_away(&mut self, lane: usize) -> bool {
        self.connection_limit.refused_at(&mut self.all[lane], self.now, 0.5, "421 too many")
    }

    fn enters(&mut self, lane: usize) -> bool {
        self.connection_limit.try_acquire(&mut self.all[lane], self.now, 0.5, || true)
    }

    /// The relay serves the first `limit` lanes and turns all others away, twice.
    fn crowd(&mut self, limit: usize) {
        for round in 0..2 {
            for lane in limit..self.all.len() {
                assert_eq!(self.turn_away(lane), round == 1);
            }
            for lane in 0..limit {
                self.serve(lane);
            }
        }
    }

    /// How long it takes until this lane may try, in seconds.
    fn seconds_until_trial(&mut self, lane: usize) -> u64 {
        let begun = self.now;
        while !self.enters(lane) {
            self.now += SECOND;
            assert!(self.now - begun < PROBE_BACKOFF.cap * 2, "it never may");
        }
        (self.now - begun).as_secs()
    }

    fn last_logged(&self) -> (Option<Instant>, bool) {
        let state = self.connection_limit.lock();
        (state.last_logged, state.recovery_unlogged)
    }
}

#[test]
fn shrinks_to_what_worked_at_the_second_refusal_beside_others() {
    let mut lanes = Lanes::new(16);
    for lane in 4..16 {
        assert!(!lanes.turn_away(lane), "nobody was served before");
    }
    assert_eq!(lanes.in_use(), 16);
    lanes.serve(0);
    for lane in 4..16 {
        assert!(lanes.turn_away(lane) && !lanes.enters(lane));
    }
    assert_eq!(lanes.in_use(), 4);
    assert!((0..4).all(|lane| lanes.enters(lane)));
}

#[test]
fn once_is_no_reason_when_the_lane_is_served_again() {
    let mut lanes = Lanes::new(4);
    for _ in 0..10 {
        assert!(!lanes.turn_away(0));
        lanes.serve(1);
        lanes.serve(0);
    }
    assert_eq!(lanes.in_use(), 4);
}

#[test]
fn refusals_with_nobody_served_take_no_place() {
    let mut lanes = Lanes::new(4);
    (0..4).for_each(|lane| lanes.serve(lane));
    for _ in 0..10 {
        assert!((0..4).all(|lane| !lanes.turn_away(lane)));
    }
    assert_eq!(lanes.in_use(), 4);
    // It works again for others, and not for this one.
    lanes.serve(0);
    assert!(lanes.turn_away(1));
}

#[test]
fn the_last_one_keeps_its_place() {
    let mut lanes = Lanes::new(1);
    lanes.connection_limit.accepted.store(1, Ordering::Relaxed);
    for accepted in 0..10 {
        assert!(!lanes.turn_away(0));
        lanes.connection_limit.accepted.store(accepted, Ordering::Relaxed);
    }
    assert_eq!(lanes.in_use(), 1);

    // Two who are refused at the same moment, each after the other was served.
    let mut lanes = Lanes::new(2);
    assert!(!lanes.turn_away(0) && !lanes.turn_away(1));
    lanes.connection_limit.accepted.fetch_add(1, Ordering::Relaxed);
    assert!(lanes.turn_away(0) && !lanes.turn_away(1));
    assert!(lanes.enters(1));
    assert_eq!(lanes.in_use(), 1);
}

#[test]
fn grows_by_one_at_a_time_after_a_quiet_time() {
    let mut lanes = Lanes::new(8);
    lanes.crowd(4);
    assert_eq!(lanes.in_use(), 4);
    for lane in 4..8 {
        assert_eq!(lanes.seconds_until_trial(lane), PROBE_BACKOFF.first.as_secs());
        lanes.now += PROBE_BACKOFF.cap;
        assert!((lane + 1..8).all(|other| !lanes.enters(other)), "until it is known how the first fares");
        lanes.now -= PROBE_BACKOFF.cap;
        lanes.serve(lane);
        assert_eq!(lanes.in_use(), lane as u64 + 1);
    }
    assert!((0..8).all(|lane| lanes.enters(lane)));
}

#[test]
fn a_trial_that_fails_makes_the_next_one_wait_longer_until_one_succeeds() {
    let mut lanes = Lanes::new(8);
    lanes.crowd(4);
    for expected in [10, 20, 40, 80, 160, 320, 600, 600] {
        // Whoever asks first.
        assert_eq!(lanes.seconds_until_trial(5), expected);
        assert!(lanes.turn_away(5), "one refusal is enough then");
        assert_eq!(lanes.in_use(), 4);
    }
    assert_eq!(lanes.seconds_until_trial(6), 600);
    lanes.serve(6);
    assert_eq!(lanes.seconds_until_trial(7), 10);
}

#[test]
fn without_work_there_is_no_trial() {
    let mut lanes = Lanes::new(2);
    lanes.crowd(1);
    let Lanes { connection_limit, all, now } = &mut lanes;
    let later = *now + PROBE_BACKOFF.cap;
    assert!(!connection_limit.try_acquire(&mut all[1], later, 0.5, || false));
    assert!(connection_limit.try_acquire(&mut all[1], later, 0.5, || true));
}

#[test]
fn a_trial_beside_which_all_others_have_gone_is_the_last_one() {
    let mut lanes = Lanes::new(2);
    lanes.crowd(1);
    lanes.seconds_until_trial(1);
    assert!(!lanes.turn_away(0));
    lanes.connection_limit.accepted.fetch_add(1, Ordering::Relaxed);
    assert!(lanes.turn_away(0));
    assert!(!lanes.turn_away(1));
    assert_eq!(lanes.in_use(), 1);
    assert_eq!(
        lanes.seconds_until_trial(0),
        20,
        "it was a trial that failed, but none is under way any more"
    );
}

#[test]
fn fewer_is_told_once_and_all_is_told_once() {
    let mut lanes = Lanes::new(3);
    lanes.crowd(1);
    let (first, recovery_unlogged) = lanes.last_logged();
    assert!(first.is_some() && recovery_unlogged);
    for lane in 1..3 {
        assert!(lanes.last_logged().1, "not all are back yet");
        lanes.seconds_until_trial(lane);
        lanes.serve(lane);
    }
    assert_eq!(lanes.last_logged(), (first, false));

    lanes.crowd(1);
    assert_eq!(lanes.in_use(), 1);
    assert_eq!(lanes.last_logged(), (first, false), "soon again, and nobody is told");
    for lane in 1..3 {
        lanes.seconds_until_trial(lane);
        lanes.serve(lane);
    }
    lanes.now += LOG_INTERVAL;
    lanes.crowd(1);
    let (second, recovery_unlogged) = lanes.last_logged();
    assert!(second > first && recovery_unlogged);
}

#[test]
fn whoever_waits_without_a_place_goes_home_with_everyone_else() {
    let (handle, shutdown) = shutdown_pair();
    let mut lanes = Lanes::new(3);
    lanes.crowd(1);
    let Lanes { connection_limit, all, .. } = &mut lanes;
    connection_limit.acquire(&mut all[0], &shutdown, || panic!("who has a place is not asked"));
    drop(handle);
    connection_limit.acquire(&mut all[1], &shutdown, || true);
    let (_handle, shutdown) = shutdown_pair();
    connection_limit.close();
    connection_limit.acquire(&mut all[2], &shutdown, || true);
    assert!(all[1..].iter().all(|lane| lane.state == PermitState::Revoked));
}

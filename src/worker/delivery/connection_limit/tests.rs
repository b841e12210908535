//! The limit alone; the time is a parameter.

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
        let granted = self.all.iter().filter(|lane| lane.state != PermitState::Revoked).count();
        assert_eq!(self.connection_limit.metrics.connections_in_use.get(), granted as u64);
        granted as u64
    }

    fn accept(&mut self, lane: usize) {
        self.connection_limit.replied(&mut self.all[lane]);
    }

    fn refuse(&mut self, lane: usize) -> bool {
        self.connection_limit.refused_at(&mut self.all[lane], self.now, 0.5, "421 too many")
    }

    fn try_acquire(&mut self, lane: usize) -> bool {
        self.connection_limit.try_acquire(&mut self.all[lane], self.now, 0.5, || true)
    }

    /// The relay accepts the first `limit` lanes and refuses all others, twice.
    fn limit_to(&mut self, limit: usize) {
        for round in 0..2 {
            for lane in limit..self.all.len() {
                assert_eq!(self.refuse(lane), round == 1);
            }
            for lane in 0..limit {
                self.accept(lane);
            }
        }
    }

    /// How long it takes until this lane may probe, in seconds.
    fn seconds_until_probe(&mut self, lane: usize) -> u64 {
        let started_at = self.now;
        while !self.try_acquire(lane) {
            self.now += SECOND;
            assert!(self.now - started_at < PROBE_BACKOFF.cap * 2, "it may never probe");
        }
        (self.now - started_at).as_secs()
    }

    fn last_logged(&self) -> (Option<Instant>, bool) {
        let state = lock(&self.connection_limit.state);
        (state.last_logged, state.recovery_unlogged)
    }
}

#[test]
fn it_shrinks_to_what_works_at_the_second_refusal_beside_accepted_lanes() {
    let mut lanes = Lanes::new(16);
    for lane in 4..16 {
        assert!(!lanes.refuse(lane), "no lane was accepted before");
    }
    assert_eq!(lanes.in_use(), 16);
    lanes.accept(0);
    for lane in 4..16 {
        assert!(lanes.refuse(lane) && !lanes.try_acquire(lane));
    }
    assert_eq!(lanes.in_use(), 4);
    assert!((0..4).all(|lane| lanes.try_acquire(lane)));
}

#[test]
fn a_relay_that_says_that_there_are_too_many_connections_is_believed_at_once() {
    let mut lanes = Lanes::new(4);
    let throttle = |lanes: &mut Lanes, lane: usize| {
        lanes.connection_limit.throttled_at(&mut lanes.all[lane], lanes.now, 0.5, "432 too many connections")
    };
    for lane in 1..4 {
        assert!(throttle(&mut lanes, lane) && !lanes.try_acquire(lane));
    }
    assert!(!throttle(&mut lanes, 0), "the last permit stays");
    assert_eq!(lanes.in_use(), 1);
    assert_eq!(lanes.seconds_until_probe(1), 3, "a connection may just have ended");
    assert!(throttle(&mut lanes, 1));
    assert_eq!(lanes.in_use(), 1);
    assert_eq!(lanes.seconds_until_probe(2), 20);
    lanes.accept(2);
    assert_eq!(lanes.in_use(), 2);
}

#[test]
fn one_refusal_revokes_nothing_when_the_lane_is_accepted_again() {
    let mut lanes = Lanes::new(4);
    for _ in 0..10 {
        assert!(!lanes.refuse(0));
        lanes.accept(1);
        lanes.accept(0);
    }
    assert_eq!(lanes.in_use(), 4);
}

#[test]
fn refusals_without_an_accepted_lane_revoke_nothing() {
    let mut lanes = Lanes::new(4);
    (0..4).for_each(|lane| lanes.accept(lane));
    for _ in 0..10 {
        assert!((0..4).all(|lane| !lanes.refuse(lane)));
    }
    assert_eq!(lanes.in_use(), 4);
    // The relay works again for other lanes, and not for this one.
    lanes.accept(0);
    assert!(lanes.refuse(1));
}

#[test]
fn the_last_permit_is_never_revoked() {
    let mut lanes = Lanes::new(1);
    lanes.connection_limit.replies.store(1, Ordering::Relaxed);
    for accepted in 0..10 {
        assert!(!lanes.refuse(0));
        lanes.connection_limit.replies.store(accepted, Ordering::Relaxed);
    }
    assert_eq!(lanes.in_use(), 1);

    // Two lanes that are refused at the same moment, each after the other was accepted.
    let mut lanes = Lanes::new(2);
    assert!(!lanes.refuse(0) && !lanes.refuse(1));
    lanes.connection_limit.replies.fetch_add(1, Ordering::Relaxed);
    assert!(lanes.refuse(0) && !lanes.refuse(1));
    assert!(lanes.try_acquire(1));
    assert_eq!(lanes.in_use(), 1);
}

#[test]
fn it_grows_by_one_at_a_time_after_a_pause() {
    let mut lanes = Lanes::new(8);
    lanes.limit_to(4);
    assert_eq!(lanes.in_use(), 4);
    for lane in 4..8 {
        assert_eq!(lanes.seconds_until_probe(lane), PROBE_BACKOFF.first.as_secs());
        lanes.now += PROBE_BACKOFF.cap;
        assert!((lane + 1..8).all(|other| !lanes.try_acquire(other)), "one probe at a time");
        lanes.now -= PROBE_BACKOFF.cap;
        lanes.accept(lane);
        assert_eq!(lanes.in_use(), lane as u64 + 1);
    }
    assert!((0..8).all(|lane| lanes.try_acquire(lane)));
}

#[test]
fn a_refused_probe_makes_the_next_one_wait_longer_until_one_is_accepted() {
    let mut lanes = Lanes::new(8);
    lanes.limit_to(4);
    for expected in [10, 20, 40, 80, 160, 320, 540, 540] {
        // Any lane without a permit.
        assert_eq!(lanes.seconds_until_probe(5), expected);
        assert!(lanes.refuse(5), "one refusal revokes a probing permit");
        assert_eq!(lanes.in_use(), 4);
    }
    assert_eq!(lanes.seconds_until_probe(6), 540);
    lanes.accept(6);
    assert_eq!(lanes.seconds_until_probe(7), 10);
}

#[test]
fn without_work_there_is_no_probe() {
    let mut lanes = Lanes::new(2);
    lanes.limit_to(1);
    let Lanes { connection_limit, all, now } = &mut lanes;
    let later = *now + PROBE_BACKOFF.cap;
    assert!(!connection_limit.try_acquire(&mut all[1], later, 0.5, || false));
    assert!(connection_limit.try_acquire(&mut all[1], later, 0.5, || true));
}

#[test]
fn a_probing_permit_is_kept_when_all_others_are_revoked() {
    let mut lanes = Lanes::new(2);
    lanes.limit_to(1);
    lanes.seconds_until_probe(1);
    assert!(!lanes.refuse(0));
    lanes.connection_limit.replies.fetch_add(1, Ordering::Relaxed);
    assert!(lanes.refuse(0));
    assert!(!lanes.refuse(1));
    assert_eq!(lanes.in_use(), 1);
    assert_eq!(
        lanes.seconds_until_probe(0),
        20,
        "it was a refused probe, but no probe is in progress any more"
    );
}

#[test]
fn a_reduced_limit_is_logged_once_and_so_is_its_recovery() {
    let mut lanes = Lanes::new(3);
    lanes.limit_to(1);
    let (first, recovery_unlogged) = lanes.last_logged();
    assert!(first.is_some() && recovery_unlogged);
    for lane in 1..3 {
        assert!(lanes.last_logged().1, "not all are back yet");
        lanes.seconds_until_probe(lane);
        lanes.accept(lane);
    }
    assert_eq!(lanes.last_logged(), (first, false));

    lanes.limit_to(1);
    assert_eq!(lanes.in_use(), 1);
    assert_eq!(lanes.last_logged(), (first, false), "soon again: not logged");
    for lane in 1..3 {
        lanes.seconds_until_probe(lane);
        lanes.accept(lane);
    }
    lanes.now += LOG_INTERVAL;
    lanes.limit_to(1);
    let (second, recovery_unlogged) = lanes.last_logged();
    assert!(second > first && recovery_unlogged);
}

#[test]
fn a_lane_without_a_permit_ends_with_all_others() {
    let (handle, shutdown) = shutdown_pair();
    let mut lanes = Lanes::new(3);
    lanes.limit_to(1);
    let Lanes { connection_limit, all, .. } = &mut lanes;
    connection_limit.acquire(&mut all[0], &shutdown, || panic!("a granted permit needs no work"));
    drop(handle);
    connection_limit.acquire(&mut all[1], &shutdown, || true);
    let (_handle, shutdown) = shutdown_pair();
    connection_limit.close();
    connection_limit.acquire(&mut all[2], &shutdown, || true);
    assert!(all[1..].iter().all(|lane| lane.state == PermitState::Revoked));
}

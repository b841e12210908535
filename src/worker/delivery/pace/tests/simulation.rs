//! The controller against limiters as relays have them: lanes with a latency, in virtual time. The printed table stands
//! in docs/performance.md; print it with `cargo test --lib pace::tests::simulation -- --nocapture`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::limiter::{Limiter, Relay};
use super::*;

const LANES: [usize; 3] = [1, 4, 16];
/// Milliseconds from a submission to its reply.
const LATENCIES: [u32; 3] = [1, 20, 200];
/// The rate is compared with itself over the last so many seconds.
const STEADY: f64 = 180.0;

/// How long a simulation runs, and from when it is measured, in seconds.
#[derive(Clone, Copy)]
struct Times {
    measured_from: f64,
    end: f64,
}

const PER_SECOND: Times = Times { measured_from: 60.0, end: 660.0 };
/// A relay that counts mails per minute needs a few minutes until it has refused some.
const PER_MINUTE: Times = Times { measured_from: 300.0, end: 1500.0 };

/// What was measured.
struct Measured {
    /// Accepted mails, as a share of what the limiter allows.
    share: f64,
    /// Refused mails, as a share of the accepted ones.
    refused: f64,
    /// Smallest and largest rate over the last minutes; `None` if there was a time without a limit.
    rates: Option<(f64, f64)>,
    /// When the limit ended for the last time.
    free_at: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    TakeTurn,
    Submit,
    Decide,
    Reply,
}

/// Lanes with more mails than they can send, against one relay.
struct Simulation {
    base: Instant,
    controller: Controller,
    relay: Relay,
    latency: f64,
    slots: Vec<(Slot, u64)>,
    replies: Vec<Result<(), Option<f64>>>,
    /// Time in nanoseconds, a number that makes the order certain, and the lane.
    events: BinaryHeap<Reverse<(u64, u64, usize, Step)>>,
    random: fastrand::Rng,
    accepted: u64,
}

impl Simulation {
    fn new(limiter: Limiter, lanes: usize, latency_ms: u32) -> Self {
        let base = Instant::now();
        let mut simulation = Self {
            base,
            controller: Controller::new(Duration::ZERO, base),
            relay: Relay::new(limiter),
            latency: f64::from(latency_ms) / 1000.0,
            slots: vec![(Slot { at: base, probe: false }, 0); lanes],
            replies: vec![Ok(()); lanes],
            events: BinaryHeap::new(),
            random: fastrand::Rng::with_seed(1),
            accepted: 0,
        };
        (0..lanes).for_each(|lane| simulation.push(0.0, lane, Step::TakeTurn));
        simulation
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time in nanoseconds")]
    fn push(&mut self, time: f64, lane: usize, step: Step) {
        let number = self.random.u64(..);
        self.events.push(Reverse(((time * 1e9).ceil() as u64, number, lane, step)));
    }

    /// The way to the relay, or back: it varies by a fifth.
    fn half_way(&mut self) -> f64 {
        self.latency / 2.0 * (0.8 + 0.4 * self.random.f64())
    }

    /// Takes one step, and says what happened to a mail: accepted, or throttled.
    fn step(&mut self, time: f64, lane: usize, step: Step) -> Option<bool> {
        let now = self.base + Duration::from_secs_f64(time);
        let seconds = |at: Instant| (at - self.base).as_secs_f64().max(time);
        match step {
            Step::TakeTurn if self.controller.is_unlimited() => {
                self.slots[lane] = (Slot { at: now, probe: false }, self.controller.reactions());
                self.push(time, lane, Step::Submit);
            }
            Step::TakeTurn => match self.controller.reserve(now) {
                Ok(slot) => {
                    self.slots[lane] = (slot, self.controller.reactions());
                    self.push(seconds(slot.at), lane, Step::Submit);
                }
                Err(ask_again) => self.push(seconds(ask_again) + 1e-6, lane, Step::TakeTurn),
            },
            Step::Submit if self.slots[lane].1 != self.controller.reactions() => {
                self.push(time, lane, Step::TakeTurn);
            }
            Step::Submit => {
                let arrives = time + self.half_way();
                self.push(arrives, lane, Step::Decide);
            }
            Step::Decide => {
                self.replies[lane] = self.relay.decide(time);
                let arrives = time + self.half_way();
                self.push(arrives, lane, Step::Reply);
            }
            Step::Reply => {
                self.push(time + 1e-5, lane, Step::TakeTurn);
                return Some(self.reply(now, lane));
            }
        }
        None
    }

    fn reply(&mut self, now: Instant, lane: usize) -> bool {
        let slot = self.slots[lane].0;
        match self.replies[lane] {
            Ok(()) => {
                self.accepted += 1;
                if !self.controller.is_unlimited() {
                    self.controller.accepted(slot, now, self.accepted);
                }
                true
            }
            Err(pause) => {
                let pause = pause.map(Duration::from_secs_f64);
                self.controller.throttled(slot, pause, false, now, self.accepted);
                false
            }
        }
    }

    fn run(mut self, times: Times, allowed: f64) -> Measured {
        let (mut accepted, mut refused) = (0.0, 0.0);
        let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
        let mut free_at = None;
        while let Some(Reverse((nanoseconds, _, lane, step))) = self.events.pop() {
            let time = Duration::from_nanos(nanoseconds).as_secs_f64();
            if time > times.end {
                break;
            }
            let was_free = self.controller.is_unlimited();
            let counted = f64::from(u8::from(time > times.measured_from));
            match self.step(time, lane, step) {
                Some(true) => accepted += counted,
                Some(false) => refused += counted,
                None => {}
            }
            if time > times.end - STEADY {
                let rate = self.controller.learned_rate().unwrap_or(f64::INFINITY);
                (lowest, highest) = (lowest.min(rate), highest.max(rate));
            }
            if !was_free && self.controller.is_unlimited() {
                free_at = Some(time);
                // Without a limit at either end, there is nothing left to measure.
                if allowed.is_infinite() {
                    break;
                }
            }
        }
        let rates = highest.is_finite().then_some((lowest, highest));
        let share = accepted / (allowed * (times.end - times.measured_from));
        Measured { share, refused: refused / accepted, rates, free_at }
    }
}

/// Runs all combinations of lanes and latencies, and prints the worst of each number.
fn measure(name: &str, limiter: Limiter, times: Times, most_spread: f64) {
    for lanes in LANES {
        for latency in LATENCIES {
            let demand = f64::from(u32::try_from(lanes).unwrap()) * 1000.0 / f64::from(latency);
            let allowed = limiter.allowed(times.measured_from, times.end, demand);
            let measured = Simulation::new(limiter, lanes, latency).run(times, allowed);
            // With fewer mails than the relay takes, the rate is only an upper limit.
            let is_demand_low = demand < allowed * 1.2;
            let spread =
                measured.rates.filter(|_| !is_demand_low).map_or(1.0, |(lowest, highest)| highest / lowest);
            println!(
                "| {name} | {lanes} | {latency} | {:.1} % | {:.2} % | {spread:.2} |",
                measured.share * 100.0,
                measured.refused * 100.0
            );
            let case = format!("{name}, {lanes} lanes, {latency} ms");
            assert!(measured.share >= 0.9, "{case}: {:.3} of the allowed rate", measured.share);
            assert!(measured.refused < 0.1, "{case}: {:.3} refused", measured.refused);
            assert!(spread <= most_spread, "{case}: the rate oscillates by {spread:.2}");
        }
    }
}

fn fixed(window: f64, mails: usize) -> Limiter {
    Limiter::Fixed { window, mails, counts_refused: false, names_pause: false }
}

#[test]
fn a_window_of_a_second() {
    measure("sliding window, 14/s", Limiter::Sliding { window: 1.0, mails: 14 }, PER_SECOND, 1.12);
    measure("sliding window, 50/s", Limiter::Sliding { window: 1.0, mails: 50 }, PER_SECOND, 1.12);
    measure("fixed window, 14/s", fixed(1.0, 14), PER_SECOND, 1.12);
    measure("fixed window, 50/s", fixed(1.0, 50), PER_SECOND, 1.12);
}

#[test]
fn a_token_bucket() {
    measure("token bucket, 14/s, burst 100", Limiter::Bucket { rate: 14.0, burst: 100.0 }, PER_SECOND, 1.12);
    measure("token bucket, 50/s, burst 50", Limiter::Bucket { rate: 50.0, burst: 50.0 }, PER_SECOND, 1.12);
}

#[test]
fn a_window_of_a_minute() {
    measure("sliding window, 30/min", Limiter::Sliding { window: 60.0, mails: 30 }, PER_MINUTE, 1.25);
    measure("fixed window, 30/min", fixed(60.0, 30), PER_MINUTE, 1.4);
}

#[test]
fn a_window_whose_end_the_relay_names() {
    let limiter = Limiter::Fixed { window: 60.0, mails: 100, counts_refused: false, names_pause: true };
    measure("fixed window, 100/min, named", limiter, PER_MINUTE, 1.25);
}

#[test]
fn a_window_in_which_refused_mails_count() {
    let limiter = Limiter::Fixed { window: 60.0, mails: 600, counts_refused: true, names_pause: false };
    measure("fixed window, 600/min, refused ones count", limiter, PER_MINUTE, 3.0);
}

#[test]
fn a_relay_that_allows_more_after_two_minutes() {
    measure("14/s, then 50/s", Limiter::Changing { at: 120.0, before: 14, after: 50 }, PER_SECOND, 1.12);
}

#[test]
fn a_relay_that_allows_less_after_two_minutes() {
    measure("50/s, then 14/s", Limiter::Changing { at: 120.0, before: 50, after: 14 }, PER_SECOND, 1.12);
}

#[test]
fn a_relay_that_throttles_everything_at_first() {
    // The worker was started anew in the middle of such a time, and knows nothing of the relay.
    let times = Times { measured_from: 420.0, end: 1020.0 };
    measure("nothing, then 14/s", Limiter::Changing { at: 300.0, before: 0, after: 14 }, times, 1.12);
    measure("nothing, then 50/s", Limiter::Changing { at: 300.0, before: 0, after: 50 }, times, 1.12);
}

#[test]
fn a_relay_that_names_a_longer_pause_than_it_needs_gets_that_pause_less_often() {
    let limiter = Limiter::Cautious { mails: 14 };
    for lanes in LANES {
        let measured = Simulation::new(limiter, lanes, 20).run(PER_MINUTE, 14.0);
        println!("14/s, 5 s named, {lanes} lanes: {:.1} %", measured.share * 100.0);
        assert!(measured.share >= 0.9 && measured.refused < 0.01, "{lanes} lanes: {:.3}", measured.share);
    }
}

#[test]
fn a_relay_that_stops_throttling_has_no_limit_soon() {
    let limiter = Limiter::Changing { at: 120.0, before: 14, after: usize::MAX };
    for lanes in LANES {
        for latency in LATENCIES {
            if lanes == 1 && latency == 200 {
                continue; // Never throttled: five mails a second.
            }
            let measured = Simulation::new(limiter, lanes, latency).run(PER_SECOND, f64::INFINITY);
            let free_at = measured.free_at.unwrap_or(f64::INFINITY);
            println!(
                "no limit after 120 s, {lanes} lanes, {latency} ms: noticed after {:.0} s",
                free_at - 120.0
            );
            assert!((120.0..220.0).contains(&free_at), "{lanes} lanes, {latency} ms: {free_at}");
        }
    }
}

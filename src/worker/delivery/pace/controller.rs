//! Congestion control for a relay that throttles: how fast all lanes together may submit. One throttle lowers the rate
//! at once, accepted mails raise it slowly. Pure logic with the time as a parameter: locking, waiting and what operators
//! hear of it are left to `pace`, the estimate of the limit to `cycle`, the way up to `growth`.
//!
//! ```text
//!        throttled: all lanes wait            the pause is over: one lane probes
//! Free ────────────────────────────► Refused ────────────────────────────────► Probing
//!  ▲                                 ▲     ▲                                     │  │
//!  │    throttled twice within 2 s   │     └──────── throttled: longer pause ────┘  │
//!  └─────────────────────────────── Paced ◄──────────────────────── accepted ───────┘
//!    no throttle for long            ▲  │
//!                                    └──┘ throttled once: a little slower
//! ```

use std::time::{Duration, Instant};

use crate::worker::delivery::pace::cycle::{Cycle, MIN_RATE, Recovery};
use crate::worker::delivery::pace::growth::{Growth, Limit};

/// The first pause after a throttle, unless two mails at the rate so far take longer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// No pause is longer, unless the relay names one.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause that a relay may name.
const MAX_NAMED_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A probe without a reply for so long does not keep others from probing.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a lane asks whether the probe has its reply.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How fast all lanes together may submit.
#[derive(Debug)]
pub struct Controller {
    /// Shortest time between two mails (`SMTP_RATE`); zero without a limit.
    min_interval: Duration,
    state: State,
    /// When it last reacted to a throttle, and how many times.
    reacted_at: Option<Instant>,
    reactions: u64,
    /// The next free slot.
    next_slot: Instant,
    cycle: Cycle,
    longest_recovery: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// The relay has not throttled, or not for long.
    Free,
    /// The relay has throttled: no submission before `until`.
    Refused { recovery: Recovery, until: Instant },
    /// One lane has submitted a mail to see whether the relay accepts it.
    Probing { recovery: Recovery, since: Instant },
    /// Evenly spaced slots.
    Paced(Growth),
}

/// Permission to submit one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Not earlier than this. If its envelope was pipelined: when that was.
    pub at: Instant,
    /// Whether its mail is the probe.
    pub probe: bool,
}

impl Controller {
    /// No limit, except for `min_interval` between two mails.
    #[must_use]
    pub fn new(min_interval: Duration, now: Instant) -> Self {
        Self {
            min_interval,
            state: State::Free,
            reacted_at: None,
            reactions: 0,
            next_slot: now,
            cycle: Cycle::new(now, 0),
            longest_recovery: Duration::ZERO,
        }
    }

    /// Whether no submission has to wait.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.state == State::Free && self.min_interval.is_zero()
    }

    /// How many times it has reacted to a throttle. Slots that were reserved before are void.
    #[must_use]
    pub fn reactions(&self) -> u64 {
        self.reactions
    }

    /// Mails per second that the relay allows, as far as is known; `None` while it has no limit that we know of.
    #[must_use]
    pub fn learned_rate(&self) -> Option<f64> {
        match self.state {
            State::Free => None,
            State::Paced(growth) => Some(growth.rate()),
            State::Refused { recovery, .. } | State::Probing { recovery, .. } => {
                Some(recovery.rate.unwrap_or(MIN_RATE))
            }
        }
    }

    /// While the relay accepts nothing: the end of the current pause.
    #[must_use]
    pub fn refused_until(&self) -> Option<Instant> {
        match self.state {
            State::Refused { until, .. } => Some(until),
            State::Probing { since, .. } => Some(since),
            State::Free | State::Paced(_) => None,
        }
    }

    /// Reserves the next slot, which may lie in the future.
    ///
    /// # Errors
    /// When there is none yet: when to ask again.
    pub fn reserve(&mut self, now: Instant) -> Result<Slot, Instant> {
        match self.state {
            State::Refused { until, .. } if now < until => Err(until),
            State::Probing { since, .. } if now < since + PROBE_TIMEOUT => Err(now + POLL_INTERVAL),
            State::Refused { recovery, .. } | State::Probing { recovery, .. } => {
                self.state = State::Probing { recovery, since: now };
                Ok(Slot { at: now, probe: true })
            }
            State::Free | State::Paced(_) => {
                let at = self.next_slot.max(now);
                self.next_slot = at + self.interval();
                Ok(Slot { at, probe: false })
            }
        }
    }

    /// The relay has accepted the mail of `slot`, and has taken `taken` mails so far.
    pub fn accepted(&mut self, slot: Slot, now: Instant, taken: u64) {
        match self.state {
            State::Probing { recovery, .. } if slot.probe => self.recover(&recovery, now, taken),
            _ => self.refused_otherwise(slot, now, taken),
        }
    }

    /// The relay has refused the mail of `slot` for another reason than the pace. A probe is repeated at once: a list of dead
    /// addresses must not wait, and a refused recipient costs the relay no mail.
    pub fn refused_otherwise(&mut self, slot: Slot, now: Instant, taken: u64) {
        if slot.probe {
            return self.repeat_probe(now, Duration::ZERO);
        }
        let reacted_at = self.reacted_at;
        if let State::Paced(growth) = &mut self.state
            && reacted_at.is_none_or(|reacted_at| slot.at > reacted_at)
        {
            growth.mail_taken(now);
            if growth.is_over(now) {
                self.state = State::Free;
                self.cycle = Cycle::new(now, taken);
            }
        }
    }

    /// The relay has throttled the mail of `slot`, and asks for `named_pause`. Nothing follows from a mail that was
    /// submitted before the last reaction, and from one that was throttled again (`repeated`) while others pass.
    pub fn throttled(
        &mut self,
        slot: Slot,
        named_pause: Option<Duration>,
        repeated: bool,
        now: Instant,
        taken: u64,
    ) {
        let named_pause = named_pause.map(|pause| pause.min(MAX_NAMED_PAUSE));
        match self.state {
            _ if self.reacted_at.is_some_and(|reacted_at| slot.at <= reacted_at) => {
                if slot.probe {
                    self.return_probe(now);
                }
            }
            State::Probing { recovery, .. } if slot.probe => {
                self.probe_failed(
                    Recovery { named_pause: named_pause.or(recovery.named_pause), ..recovery },
                    named_pause,
                    now,
                );
            }
            State::Paced(_) if repeated => {}
            State::Paced(growth) if named_pause.is_none() && !self.cycle.is_short(growth.rate(), now) => {
                self.ease(growth.rate(), now, taken);
            }
            State::Paced(growth) => {
                self.refuse(Some(growth.rate()), growth.disproves_estimate(), named_pause, now);
            }
            State::Free => self.refuse(None, false, named_pause, now),
            State::Probing { .. } | State::Refused { .. } => {}
        }
    }

    /// The probe was not submitted: another one follows.
    pub fn return_probe(&mut self, now: Instant) {
        if let State::Probing { recovery, .. } = self.state {
            self.repeat_probe(now, recovery.pause.min(first_pause(recovery.rate)));
        }
    }

    fn repeat_probe(&mut self, now: Instant, pause: Duration) {
        if let State::Probing { recovery, .. } = self.state {
            self.state = State::Refused { recovery, until: now + pause };
        }
    }

    /// A lane has nothing to do. While there is no limit, the burst that follows is counted from here.
    pub fn idle(&mut self, now: Instant, taken: u64) {
        if self.state == State::Free {
            self.cycle = Cycle::new(now, taken);
        }
    }

    /// The time between two slots.
    #[must_use]
    pub fn interval(&self) -> Duration {
        match self.state {
            State::Paced(growth) => Duration::from_secs_f64(1.0 / growth.rate()).max(self.min_interval),
            State::Free | State::Refused { .. } | State::Probing { .. } => self.min_interval,
        }
    }

    /// Stops all lanes.
    fn refuse(
        &mut self,
        rate: Option<f64>,
        distrusts_average: bool,
        named_pause: Option<Duration>,
        now: Instant,
    ) {
        self.react(now);
        let pause = named_pause.unwrap_or_else(|| first_pause(rate));
        let recovery = Recovery { since: now, pause, named_pause, rate, distrusts_average, failed_probes: 0 };
        self.state = State::Refused { recovery, until: now + pause };
    }

    fn react(&mut self, now: Instant) {
        self.reacted_at = Some(now);
        self.reactions += 1;
    }

    fn probe_failed(&mut self, recovery: Recovery, named_pause: Option<Duration>, now: Instant) {
        let pause = named_pause.unwrap_or_else(|| MAX_PAUSE.min(recovery.pause * 2));
        let failed_probes = recovery.failed_probes + 1;
        self.state =
            State::Refused { recovery: Recovery { pause, failed_probes, ..recovery }, until: now + pause };
    }

    /// One refusal after a long time without: a little slower, after a gap. A stop would cost a round trip.
    fn ease(&mut self, rate: f64, now: Instant, taken: u64) {
        self.react(now);
        self.longest_recovery = self.longest_recovery.mul_f64(0.9);
        let limit =
            Limit { rate, estimated: false, named_pause: None, longest_recovery: self.longest_recovery };
        self.state = State::Paced(Growth::below(limit, now));
        self.cycle = self.cycle.next(Some(rate), now, now, taken);
        self.next_slot = now + first_pause(Some(rate));
    }

    /// The relay accepts mails again.
    fn recover(&mut self, recovery: &Recovery, now: Instant, taken: u64) {
        if !self.cycle.says_little(recovery, taken) {
            self.longest_recovery = self.longest_recovery.mul_f64(0.9).max(now - recovery.since);
        }
        let (rate, estimated) = self.cycle.limit(recovery, now, taken);
        let named_pause = recovery.named_pause.filter(|_| !estimated);
        let limit = Limit { rate, estimated, named_pause, longest_recovery: self.longest_recovery };
        self.state = State::Paced(match recovery.rate {
            None => Growth::slow_start(Limit { estimated: false, ..limit }, now),
            Some(_) => Growth::below(limit, now),
        });
        self.cycle = self.cycle.next(recovery.rate, recovery.since, now, taken);
        self.next_slot = now + self.interval();
    }
}

/// Time for two mails.
fn first_pause(rate: Option<f64>) -> Duration {
    let two_mails = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(2.0 / rate));
    two_mails.clamp(FIRST_PAUSE, MAX_PAUSE)
}

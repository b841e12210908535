//! Circuit breaker: stops all lanes while the relay is down or refuses everyone, so that no recipient is charged an
//! attempt. Which failure counts is left to the lane, a relay that refuses only some connections to `connection_limit`,
//! and what a reply changes to `state`.
//!
//! ```text
//!          3 failures in a row              pause over: one lane probes
//! closed ───────────────────────► open ──────────────────────────────► probing
//!    ▲     20 people refused        └◄──────────── the probe fails: longer pause ─┤
//!    │     in a row                 └◄───────── the probe proves nothing: no pause ─┤
//!    └────────────────────────────────────────────── the probe gets a reply ◄─────┘
//! ```
//!
//! A relay that is down works again when it replies for a recipient. A relay that refuses everyone works again when it
//! accepts a mail: a reply about one mailbox proves nothing, because a relay may look at the mailbox first. Its probes are mails
//! to other domains than those of the people whom it has refused, where there are any.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::observe::events::relay::RelayWords;
use crate::observe::health::Monitor;
use crate::shutdown::Shutdown;
use crate::sync::lock;
use crate::worker::delivery::breaker::acceptances::Acceptances;
use crate::worker::delivery::breaker::address_refusals::AddressRefusals;
use crate::worker::delivery::breaker::person::Person;
use crate::worker::delivery::breaker::state::{
    Acceptance, BreakerState, Candidate, Circuit, Failure, MailKey, Refusal,
};

pub mod acceptances;
pub mod address_refusals;
pub mod outage;
pub mod person;
mod refused_domains;
pub mod state;

/// Pauses between probes of the relay.
pub const PROBES: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// How often a blocked lane looks whether the breaker has closed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The breaker of all lanes.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<BreakerState>,
    address_refusals: Mutex<AddressRefusals>,
    probes: Backoff,
    monitor: Monitor,
}

/// What a lane may do with a mail.
#[derive(Debug)]
pub enum Entry<'a> {
    /// Submit it.
    Admitted(Admission<'a>),
    /// Take another one, and return this one to its fan-out for a while: another mail is a better probe.
    PassedOver,
    /// Nothing: a shutdown is requested.
    Stopping,
}

/// Permission to submit one mail. Consume it with the method that says what happened. Dropping it reports nothing; a
/// dropped probe lets the next caller probe.
#[derive(Debug)]
#[must_use]
pub struct Admission<'a> {
    breaker: &'a Breaker,
    probe: bool,
    /// When the mail was admitted. Its envelope goes out later, unless it was pipelined.
    pub admitted_at: Instant,
    /// What the relay had accepted by then.
    acceptances: Acceptances,
}

impl Admission<'_> {
    /// Whether a refusal of this mail is about its recipient, who was refused before at `refused_at`: in between, the
    /// relay has accepted another mail, and there was no outage. What is accepted while this mail is in flight proves
    /// nothing: the relay may have decided about this mail before.
    #[must_use]
    pub fn confirms(&self, refused_at: Instant) -> bool {
        !self.probe
            && self.acceptances.confirm(refused_at)
            && lock(&self.breaker.state).had_no_outage_since(refused_at)
    }

    /// Whether an outage has ended since `at`.
    #[must_use]
    pub fn outage_ended_since(&self, at: Instant) -> bool {
        !lock(&self.breaker.state).acceptances.ended_no_outage_since(at)
    }

    /// The relay accepted the mail, to this address. Its envelope went out at `envelope_at`, or later.
    pub fn accepted(mut self, address: &str, envelope_at: Instant) {
        let acceptance = Acceptance { address, envelope_at, probe: std::mem::take(&mut self.probe) };
        lock(&self.breaker.state).accepted(Instant::now(), &acceptance, &self.breaker.monitor);
    }

    /// The relay did not accept the mail, and its reply was about this recipient or this mail: it works.
    pub fn works(mut self) {
        let probe = std::mem::take(&mut self.probe);
        lock(&self.breaker.state).works(Instant::now(), probe, &self.breaker.monitor);
    }

    /// The relay works, and says of the mail's address that it does not exist. Whether that is believed beyond this mail: not while the
    /// relay may refuse people because of us.
    #[must_use]
    pub fn refused_address(mut self) -> bool {
        let probe = std::mem::take(&mut self.probe);
        let mut state = lock(&self.breaker.state);
        let is_trusted = matches!(state.circuit, Circuit::Closed) && state.refused.is_empty();
        state.works(Instant::now(), probe, &self.breaker.monitor);
        lock(&self.breaker.address_refusals).add(state.acceptances) && is_trusted
    }

    /// The relay refused `person` with these words, which may be about us. Says whether the attempt may be
    /// charged: not while the relay refuses everyone.
    #[must_use]
    pub fn refused(mut self, person: Person, words: RelayWords<'_>) -> bool {
        let refusal = Refusal { person, probe: std::mem::take(&mut self.probe), words };
        self.breaker.refused_at(Instant::now(), fastrand::f64(), &refusal)
    }

    /// The relay did not work, because of `detail`. If the mail itself may be the cause, `suspect` names it: one mail
    /// over which the relay breaks down again and again does not open the breaker alone. Says whether it counts as a
    /// failure of the relay.
    #[must_use]
    pub fn failed(mut self, suspect: Option<MailKey>, detail: &str) -> bool {
        let probe = std::mem::take(&mut self.probe);
        self.breaker.monitor.metrics.relay_failures.inc();
        self.breaker.failed_at(Instant::now(), fastrand::f64(), probe, suspect, detail)
    }

    /// Nothing was learned about the relay.
    pub fn nothing(self) {}
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.probe {
            lock(&self.breaker.state).return_probe(Instant::now());
        }
    }
}

impl Breaker {
    /// A closed breaker. When it is open, the relay is probed after the pauses of `probes`.
    #[must_use]
    pub fn new(probes: Backoff, monitor: Monitor) -> Self {
        let (state, address_refusals) = (Mutex::new(BreakerState::new(probes)), Mutex::default());
        Self { state, address_refusals, probes, monitor }
    }

    /// Waits until the lane may submit this mail, or another one instead.
    pub fn admit(&self, candidate: &Candidate<'_>, shutdown: &Shutdown) -> Entry<'_> {
        loop {
            match self.try_admit(Instant::now(), candidate) {
                Ok(_) if shutdown.requested() => return Entry::Stopping,
                Ok(entry) => return entry,
                Err(pause) if shutdown.wait(pause.min(POLL_INTERVAL)) => return Entry::Stopping,
                Err(_) => {}
            }
        }
    }

    /// Blocks a lane after `failures` failures in a row, longer with each of them, and not at all after none. A probe
    /// that is due ends it, and so does a shutdown. A breaker that closes does not: one accepted mail is no reason for
    /// all refused lanes to return at once.
    pub fn rest(&self, failures: u32, shutdown: &Shutdown) {
        if failures == 0 {
            return;
        }
        let end = Instant::now() + self.probes.pause(failures, fastrand::f64());
        loop {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            if left.is_zero() || self.is_probe_due(now) || shutdown.wait(left.min(POLL_INTERVAL)) {
                return;
            }
        }
    }

    fn is_probe_due(&self, now: Instant) -> bool {
        matches!(lock(&self.state).circuit, Circuit::Open { until, .. } if until <= now)
    }

    /// Whether lanes may submit without waiting.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(lock(&self.state).circuit, Circuit::Closed)
    }

    /// What the relay has accepted so far.
    #[must_use]
    pub fn acceptances(&self) -> Acceptances {
        lock(&self.state).acceptances
    }

    /// Whether another mail is a better probe ([`BreakerState::passes_over`]). Asked before the mail is prepared.
    #[must_use]
    pub fn passes_over(&self, candidate: &Candidate<'_>) -> bool {
        lock(&self.state).passes_over(candidate)
    }

    /// Admits the mail or passes it over, or says how long to wait. After its pause, an open breaker admits one mail, as its
    /// probe.
    fn try_admit(&self, now: Instant, candidate: &Candidate<'_>) -> Result<Entry<'_>, Duration> {
        let mut state = lock(&self.state);
        if state.passes_over(candidate) {
            return Ok(Entry::PassedOver);
        }
        let probe = match state.circuit {
            Circuit::Closed => false,
            Circuit::Open { outage, until } => {
                let due = if state.refuses_domain_of(candidate) { until + self.probes.first } else { until };
                if now < due {
                    return Err(due - now);
                }
                state.circuit = Circuit::Probing { outage };
                true
            }
            Circuit::Probing { .. } => return Err(POLL_INTERVAL),
        };
        let acceptances = state.acceptances;
        Ok(Entry::Admitted(Admission { breaker: self, probe, admitted_at: now, acceptances }))
    }

    fn refused_at(&self, now: Instant, jitter: f64, refusal: &Refusal<'_>) -> bool {
        lock(&self.state).refused(now, jitter, refusal, &self.monitor)
    }

    fn failed_at(
        &self,
        now: Instant,
        jitter: f64,
        probe: bool,
        suspect: Option<MailKey>,
        detail: &str,
    ) -> bool {
        let failure = Failure { suspect, probe, detail };
        lock(&self.state).failed(now, jitter, &failure, &self.monitor)
    }
}

#[cfg(test)]
mod tests;

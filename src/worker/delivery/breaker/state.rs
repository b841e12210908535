//! The state machine of the breaker: what each reply changes. Time and jitter are parameters. The lock, and whom an
//! attempt is charged to, are left to `breaker`.

use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::observe::events;
use crate::observe::events::relay::{RelaySymptom, RelayWords};
use crate::observe::health::Monitor;
use crate::worker::delivery::breaker::acceptances::Acceptances;
use crate::worker::delivery::breaker::outage::RelayOutage;
use crate::worker::delivery::breaker::person::Person;
use crate::worker::delivery::breaker::refused_domains::RefusedDomains;

/// Failures in a row that open the breaker. A single one may be a connection that the relay closed for its age.
pub const MAX_FAILURES: usize = 3;

/// Different people refused in a row that open the breaker. Where a relay refuses every third person for good, so many
/// in a row happen once in three billion mails.
pub const MAX_REFUSED_PEOPLE: usize = 20;

/// For so long after a reply for a recipient, a refused lane does not count: a relay that allows fewer connections than there
/// are lanes refuses several of them at the same moment, again and again.
pub const SUCCESS_GRACE: Duration = Duration::from_secs(2);

/// Names a mail: its notification and its participant.
pub type MailKey = (NotificationId, ParticipantId);

/// Whether mails may be submitted.
#[derive(Debug, Clone, Copy)]
pub enum Circuit {
    /// All of them.
    Closed,
    /// None before `until`, then one as a probe.
    Open {
        /// Why.
        outage: RelayOutage,
        /// When the next probe is due.
        until: Instant,
    },
    /// The probe is in flight.
    Probing {
        /// Why.
        outage: RelayOutage,
    },
}

/// What the breaker knows.
#[derive(Debug)]
pub struct BreakerState {
    /// Whether mails may be submitted.
    pub circuit: Circuit,
    /// What the relay has accepted.
    pub acceptances: Acceptances,
    /// Failures since the last reply for a recipient. One that a mail may have caused names the mail.
    failures: Vec<Option<MailKey>>,
    /// When the relay last replied for a recipient.
    last_reply: Option<Instant>,
    /// The people whom the relay has refused since the last acceptance. A probe adds at most one.
    pub(super) refused: Vec<Person>,
    /// Domains of which the relay refuses people.
    refused_domains: RefusedDomains,
    probes: Backoff,
}

impl BreakerState {
    /// Closed. When it is open, the relay is probed after the pauses of `probes`.
    #[must_use]
    pub fn new(probes: Backoff) -> Self {
        Self {
            circuit: Circuit::Closed,
            acceptances: Acceptances::default(),
            failures: Vec::new(),
            last_reply: None,
            refused: Vec::new(),
            refused_domains: RefusedDomains::default(),
            probes,
        }
    }

    /// The relay accepted a mail. Ends any outage that began before its envelope went out. A probe was admitted during the outage.
    pub fn accepted(&mut self, now: Instant, acceptance: &Acceptance<'_>, monitor: &Monitor) {
        let Acceptance { address, envelope_at, probe } = *acceptance;
        self.acceptances.add(envelope_at);
        self.refused_domains.accepted(address);
        if let Some(outage) = self.outage() {
            if outage.cause == RelaySymptom::RefusesEveryone && !probe && envelope_at <= outage.since {
                return;
            }
            self.close(outage, now, monitor);
        }
        self.refused.clear();
        self.replied(now);
    }

    /// The relay replied for a recipient, whom it has not accepted. Where it refuses everyone, that ends nothing, and the
    /// next mail may probe at once.
    pub fn works(&mut self, now: Instant, probe: bool, monitor: &Monitor) {
        match self.outage() {
            Some(outage) if outage.cause == RelaySymptom::RefusesEveryone => {
                if probe {
                    self.circuit = Circuit::Open { outage, until: now };
                }
                return;
            }
            Some(outage) => self.close(outage, now, monitor),
            None => {}
        }
        self.replied(now);
    }

    /// The relay refused a person, and the refusal may be about us. Says whether the attempt may be charged: not when
    /// the breaker is, or was, open. Where it refuses the domain alone, that tells nothing about everyone.
    pub fn refused(&mut self, now: Instant, jitter: f64, refusal: &Refusal<'_>, monitor: &Monitor) -> bool {
        let Refusal { person, probe, words } = *refusal;
        let outage = self.outage();
        if outage.is_some_and(|outage| outage.cause == RelaySymptom::RefusesEveryone) {
            if probe {
                self.remember_refused(person);
                self.probe_failed(now, jitter, RelaySymptom::RefusesEveryone, words, monitor);
            }
            return false;
        }
        self.works(now, probe, monitor);
        if self.refused_domains.refused(now, person, self.acceptances) {
            return outage.is_none();
        }
        self.remember_refused(person);
        if self.refused.len() >= MAX_REFUSED_PEOPLE {
            self.open(now, jitter, RelaySymptom::RefusesEveryone, words, monitor);
            return false;
        }
        outage.is_none()
    }

    /// Whether another mail is a better probe: while the relay refuses everyone, people of one domain whom it refuses for good
    /// tell nothing about the others. Each of them is passed over once between two probes, and then waits a little longer than
    /// others for the next one, so one of them is the probe only where there is no other mail.
    #[must_use]
    pub fn passes_over(&self, candidate: &Candidate<'_>) -> bool {
        self.outage().is_some_and(|outage| candidate.passed_over_at <= Some(outage.probed_at))
            && self.refuses_domain_of(candidate)
    }

    /// Whether the relay refuses everyone, and has refused a person of this domain.
    #[must_use]
    pub fn refuses_domain_of(&self, candidate: &Candidate<'_>) -> bool {
        let refuses_everyone =
            self.outage().is_some_and(|outage| outage.cause == RelaySymptom::RefusesEveryone);
        refuses_everyone && {
            let person = Person::new(candidate.address);
            self.refused.iter().any(|one| one.domain == person.domain)
        }
    }

    /// The relay did not work. Says whether that counts as a failure of the relay.
    pub fn failed(&mut self, now: Instant, jitter: f64, failure: &Failure<'_>, monitor: &Monitor) -> bool {
        let Failure { suspect, probe, detail } = *failure;
        let words = RelayWords { detail, advice: "" };
        match self.circuit {
            Circuit::Closed if suspect.is_some() && self.failures.contains(&suspect) => return false,
            Circuit::Closed => {
                let worked_recently = self.last_reply.is_some_and(|at| now < at + SUCCESS_GRACE);
                if suspect.is_some() || !worked_recently {
                    self.failures.push(suspect);
                }
                if self.failures.len() >= MAX_FAILURES {
                    self.open(now, jitter, RelaySymptom::Down, words, monitor);
                }
            }
            Circuit::Probing { .. } if probe => {
                self.probe_failed(now, jitter, RelaySymptom::Down, words, monitor);
            }
            // A mail that was in flight when the breaker opened.
            Circuit::Open { .. } | Circuit::Probing { .. } => {}
        }
        true
    }

    /// The probe was not submitted, or its result proves nothing.
    pub fn return_probe(&mut self, now: Instant) {
        if let Circuit::Probing { outage } = self.circuit {
            self.circuit = Circuit::Open { outage, until: now };
        }
    }

    /// Whether there was no outage since `at`, and is none.
    #[must_use]
    pub fn had_no_outage_since(&self, at: Instant) -> bool {
        self.outage().is_none() && self.acceptances.ended_no_outage_since(at)
    }

    fn outage(&self) -> Option<RelayOutage> {
        match self.circuit {
            Circuit::Closed => None,
            Circuit::Open { outage, .. } | Circuit::Probing { outage } => Some(outage),
        }
    }

    fn remember_refused(&mut self, person: Person) {
        if !self.refused.contains(&person) {
            self.refused.push(person);
        }
    }

    fn replied(&mut self, now: Instant) {
        self.failures.clear();
        self.last_reply = Some(now);
    }

    fn open(
        &mut self,
        now: Instant,
        jitter: f64,
        cause: RelaySymptom,
        words: RelayWords<'_>,
        monitor: &Monitor,
    ) {
        let pause = self.probes.pause(1, jitter);
        let outage = RelayOutage::new(cause, now, words);
        events::relay::down(monitor, &outage.problem(now, pause, cause, words));
        self.circuit = Circuit::Open { outage, until: now + pause };
    }

    fn close(&mut self, outage: RelayOutage, now: Instant, monitor: &Monitor) {
        events::relay::up(monitor, outage.cause, now - outage.since);
        self.circuit = Circuit::Closed;
        self.acceptances.outage_ended(now);
        self.refused.clear();
    }

    fn probe_failed(
        &mut self,
        now: Instant,
        jitter: f64,
        symptom: RelaySymptom,
        words: RelayWords<'_>,
        monitor: &Monitor,
    ) {
        let Some(mut outage) = self.outage() else { return };
        let is_told = outage.probe_failed(now, words);
        let pause = self.probes.pause(outage.probes + 1, jitter);
        let problem = outage.problem(now, pause, symptom, words);
        if is_told {
            events::relay::still_down(monitor, &problem);
        } else {
            events::relay::probe_failed(monitor, &problem);
        }
        self.circuit = Circuit::Open { outage, until: now + pause };
    }
}

/// A mail that a lane wants to submit.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The address of its recipient.
    pub address: &'a str,
    /// When it was last passed over.
    pub passed_over_at: Option<Instant>,
}

/// A mail that the relay has accepted.
#[derive(Debug, Clone, Copy)]
pub struct Acceptance<'a> {
    /// The address of its recipient.
    pub address: &'a str,
    /// Its envelope went out then, or later.
    pub envelope_at: Instant,
    /// Whether the mail was the probe.
    pub probe: bool,
}

/// A refusal that may be about us.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// Whom the relay refused.
    pub person: Person,
    /// Whether the mail was the probe.
    pub probe: bool,
    /// The relay's words.
    pub words: RelayWords<'a>,
}

/// A failure of the relay.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The mail that may be the cause.
    pub suspect: Option<MailKey>,
    /// Whether the mail was the probe.
    pub probe: bool,
    /// What the relay or the connection said.
    pub detail: &'a str,
}

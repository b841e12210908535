//! A lane: a thread that owns one connection to the relay. It takes jobs, renders, composes, submits, and hands
//! the outcome to the recorder. A busy one has its next mail ready before it submits one, so that the relay can be
//! told of it in time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::Utc;
use crossbeam_channel::RecvTimeoutError;

use crate::channels::email::Transport;
use crate::channels::email::compose::Composer;
use crate::channels::email::mail::Mail;
use crate::channels::{Class, SendError};
use crate::content::renderer::Templates;
use crate::domain::outcome::{Outcome, Permanence, Verdict};
use crate::observe::health::Monitor;
use crate::shutdown::Shutdown;
use crate::worker::delivery::breaker::Breaker;
use crate::worker::delivery::commit_gate::CommitGate;
use crate::worker::delivery::connection_limit::{ConnectionLimit, ConnectionPermit};
use crate::worker::delivery::job::Job;
use crate::worker::delivery::queue::JobReceiver;
use crate::worker::delivery::rate_limit::RateLimiter;
use crate::worker::delivery::retry_policy::RetryPolicy;
use crate::worker::fan_out_handle::Report;
use crate::worker::recorder::batch::BatchSender;

/// How often a lane without work looks after its connection.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// Times that the relay may break down over one and the same mail, on fresh connections and with the pauses of
/// a retry in between, before the mail is charged for it. Without a limit, one address that makes a relay answer
/// 421 would keep its notification open for ever; with `RETRY_DELAY` at 5 s this many take five minutes.
const MAX_UNCHARGED_ATTEMPTS: u32 = 6;

/// What all lanes share.
#[derive(Debug)]
pub struct LaneShared {
    /// Makes renders.
    pub templates: Arc<Templates>,
    /// Makes mails of them; each lane has a copy.
    pub composer: Composer,
    /// Holds everyone up while the relay is down.
    pub breaker: Breaker,
    /// How many lanes may have a connection.
    pub connection_limit: ConnectionLimit,
    /// The limit of mails a second.
    pub rate_limiter: RateLimiter,
    /// How often a mail is tried.
    pub retry_policy: RetryPolicy,
    /// What is told about all this.
    pub monitor: Monitor,
    /// The wish to stop.
    pub shutdown: Shutdown,
}

/// One lane.
pub struct Lane {
    shared: Arc<LaneShared>,
    composer: Composer,
    transport: Box<dyn Transport>,
    jobs: JobReceiver,
    /// What is submitted next.
    next: Option<PreparedMail>,
    commit_gate: CommitGate,
    permit: ConnectionPermit,
    /// Times in a row that the relay did not work for this lane.
    failures: u32,
}

/// A job whose mail is made.
struct PreparedMail {
    job: Job,
    mail: Mail,
}

impl Lane {
    /// A lane that takes jobs from `jobs` and hands outcomes to the recorder at `batch_sender`.
    #[must_use]
    pub fn new(
        shared: Arc<LaneShared>,
        transport: Box<dyn Transport>,
        jobs: JobReceiver,
        batch_sender: BatchSender,
    ) -> Self {
        Self {
            composer: shared.composer.clone(),
            shared,
            transport,
            jobs,
            next: None,
            commit_gate: CommitGate::new(batch_sender),
            permit: ConnectionPermit::default(),
            failures: 0,
        }
    }

    /// Works until nobody is left who could send jobs.
    pub fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let LaneShared { connection_limit, shutdown, .. } = &*shared;
        loop {
            if let Some(prepared) = self.next.take() {
                self.prepare_next();
                self.send(prepared);
                continue;
            }
            connection_limit.acquire(&mut self.permit, shutdown, || !self.jobs.is_empty());
            match self.wait_for_a_job() {
                Ok(job) => self.next = self.prepare(job),
                Err(RecvTimeoutError::Timeout) => self.transport.idle(),
                Err(RecvTimeoutError::Disconnected) => return connection_limit.close(),
            }
        }
    }

    fn wait_for_a_job(&self) -> Result<Job, RecvTimeoutError> {
        self.jobs.try_recv().or_else(|_| {
            self.commit_gate.flush();
            self.jobs.recv_timeout(IDLE_LOOK)
        })
    }

    /// Makes the next mail already. Not when another lane has nothing to do, which would send it sooner, nor when it
    /// may have to wait for something else than this lane.
    fn prepare_next(&mut self) {
        let LaneShared { breaker, rate_limiter, shutdown, .. } = &*self.shared;
        if self.jobs.has_idle_lanes()
            || rate_limiter.is_limited()
            || !breaker.is_closed()
            || shutdown.requested()
        {
            return;
        }
        // One at most: a mail is waiting.
        if let Ok(job) = self.jobs.try_recv() {
            self.next = self.prepare(job);
        }
    }

    /// One mail, until its outcome is known.
    fn send(&mut self, PreparedMail { mut job, mail }: PreparedMail) {
        let LaneShared { breaker, connection_limit, rate_limiter, monitor, shutdown, .. } = &*self.shared;
        let Some(admission) = breaker.admit(shutdown).filter(|_| rate_limiter.acquire(shutdown)) else {
            return job.give_back();
        };
        let held = Arc::clone(&job.fan_out.held);
        let next = self.next.as_ref().filter(|prepared| prepared.job.recipient.may_be_pipelined());
        let next = next.map(|prepared| &prepared.mail);
        let submitted = self.transport.submit(&mail, next, &mut || {
            self.commit_gate.wait_until_committed();
            held.wait_until_valid(shutdown)
        });
        let Err(error) = submitted else {
            admission.works();
            self.failures = 0;
            connection_limit.accepted(&mut self.permit);
            job.recipient.attempts += 1;
            let outcome = job.sent();
            return self.record(job, outcome);
        };
        if error.proves_relay_works() {
            admission.works();
            self.failures = 0;
            connection_limit.accepted(&mut self.permit);
        } else {
            let suspect = (error.class != Class::Relay).then(|| job.key());
            self.failures += u32::from(admission.failed(suspect, &error.detail));
            // Another lane may have more luck with it; or it is the one that the relay stumbles over, and the mail in
            // front of it has to suffer.
            if let Some(PreparedMail { mut job, .. }) = self.next.take() {
                job.recipient.lost_while_pipelined |= error.class != Class::Relay;
                job.give_back();
            }
        }
        if matches!(error.class, Class::Transient { ambiguous: true } | Class::Unreadable) {
            monitor.metrics.ambiguous.add(1);
        }
        match error.class {
            // Another lane may have more luck with it, or another worker sends it.
            Class::Relay | Class::Withdrawn => job.give_back(),
            Class::Breakdown if job.recipient.uncharged_attempts < MAX_UNCHARGED_ATTEMPTS => {
                job.recipient.uncharged_attempts += 1;
                job.fan_out.report(Report::Retry(job.recipient));
            }
            Class::Breakdown | Class::Transient { .. } => self.try_later(job, &error),
            Class::Permanent | Class::Unreadable => {
                job.recipient.attempts += 1;
                let outcome = job.failed(Permanence::Permanent, error.smtp_code, &error.detail);
                self.record(job, outcome);
            }
        }
        self.rest(&error);
    }

    /// Leaves the relay alone when it has not worked for this lane: for a while, or without a place until it gets
    /// one again. Otherwise a lane that is refused while others work, and fails faster than they send, would soon
    /// have had most of the mails. One connection that is lost is no reason yet.
    fn rest(&mut self, error: &SendError) {
        let LaneShared { breaker, connection_limit, shutdown, .. } = &*self.shared;
        let refused = error.class == Class::Relay;
        if refused && connection_limit.refused(&mut self.permit, &error.detail) {
            return;
        }
        breaker.rest(self.failures.saturating_sub(u32::from(!refused)), shutdown);
    }

    /// Renders and composes the mail. Where there can be none, the outcome says why, and the relay is not asked.
    fn prepare(&mut self, job: Job) -> Option<PreparedMail> {
        match self.compose(&job) {
            Ok(mail) => Some(PreparedMail { job, mail }),
            Err(outcome) => {
                self.record(job, outcome);
                None
            }
        }
    }

    fn compose(&mut self, job: &Job) -> Result<Mail, Outcome> {
        let participant = &job.recipient.participant;
        let Some(address) = &participant.email else {
            return Err(job.skipped("the participant has no address"));
        };
        // Not permanent: once the template is mended, `fanmail retry` reaches them.
        let render = self.shared.templates.render(&job.fan_out.notification_context, participant);
        let render = render.map_err(|error| job.failed(Permanence::Transient, None, &error.to_string()))?;
        self.composer
            .compose(job.fan_out.notification_id(), participant, address, render, Utc::now())
            .map_err(|error| job.failed(Permanence::Permanent, None, &error.to_string()))
    }

    /// Charges the mail for the try: it goes back to its fan-out to wait, or has failed for good.
    fn try_later(&mut self, mut job: Job, error: &SendError) {
        job.recipient.attempts += 1;
        if self.shared.retry_policy.allows_another(job.recipient.attempts) {
            log::debug!(
                "notification {}: participant {} later again: {}",
                job.fan_out.notification_id(),
                job.recipient.participant.id,
                error.detail
            );
            self.shared.monitor.metrics.retries.add(1);
            job.fan_out.report(Report::Retry(job.recipient));
        } else {
            let outcome = job.failed(Permanence::Transient, error.smtp_code, &error.detail);
            self.record(job, outcome);
        }
    }

    /// Hands the outcome to the recorder, which reports to the fan-out once it is committed.
    fn record(&mut self, job: Job, outcome: Outcome) {
        log_failure(&job, &outcome);
        if outcome.verdict == Verdict::Sent {
            self.shared.monitor.metrics.unrecorded.inc();
        }
        self.commit_gate.record(outcome, job.fan_out);
    }
}

/// The first failure of a fan-out is worth a line; the rest is in the ledger.
fn log_failure(job: &Job, outcome: &Outcome) {
    let Verdict::Failed { detail, .. } = &outcome.verdict else { return };
    let level = if job.fan_out.failure_logged.swap(true, Ordering::Relaxed) {
        log::Level::Debug
    } else {
        log::Level::Warn
    };
    log::log!(
        level,
        "notification {}: the mail to participant {} failed after {} attempts: {} (further failures: in the \
         ledger, and here at LOG_LEVEL=DEBUG)",
        outcome.lease.notification_id,
        outcome.participant_id,
        outcome.attempts,
        detail
    );
}

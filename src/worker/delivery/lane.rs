//! A lane: a thread that owns one channel, and so one connection. It takes jobs, has the channel prepare and submit
//! them, and hands each outcome to the recorder. While a lane submits one mail it has the next one prepared, so that
//! the channel can pipeline it. What a mail looks like and how it is transmitted is the channel's; how a pause or a
//! limit works is left to the breaker, the connection limit and the pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use crate::channels::{Channel, Class, Decision, SendError};
use crate::domain::outcome::{Permanence, Verdict};
use crate::observe::events;
use crate::observe::events::relay::RelayWords;
use crate::worker::delivery::breaker::{Admission, Entry};
use crate::worker::delivery::commit_gate::CommitGate;
use crate::worker::delivery::connection_limit::{ConnectionLimit, ConnectionPermit};
use crate::worker::delivery::job::Job;
use crate::worker::delivery::lane_shared::LaneShared;
use crate::worker::delivery::pace::Turn;
use crate::worker::delivery::queue::JobReceiver;
use crate::worker::delivery::refusal_check::RefusalCheck;
use crate::worker::delivery::retry_policy::RetryPolicy;
use crate::worker::delivery::submission::Submission;
use crate::worker::delivery::throttling;
use crate::worker::fan_out_handle::Report;
use crate::worker::recorder::batch::BatchSender;

/// How often an idle lane calls [`Channel::idle`].
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// One lane.
pub struct Lane<C: Channel> {
    shared: Arc<LaneShared>,
    channel: C,
    jobs: JobReceiver,
    /// The job that is submitted next.
    next: Option<PreparedJob<C::Prepared>>,
    commit_gate: CommitGate,
    permit: ConnectionPermit,
    refusal_check: RefusalCheck,
    /// Failures of the relay in a row, as this lane has seen them.
    failures: u32,
}

/// A job, and what the channel has prepared for it.
struct PreparedJob<P> {
    job: Job,
    prepared: P,
    /// When the mail in front of it was submitted, if its envelope may have been pipelined.
    pipelined_at: Option<Instant>,
}

impl<C: Channel> Lane<C> {
    /// A lane that takes jobs from `jobs` and hands outcomes to the recorder through `batch_sender`.
    #[must_use]
    pub fn new(shared: Arc<LaneShared>, channel: C, jobs: JobReceiver, batch_sender: BatchSender) -> Self {
        Self {
            shared,
            channel,
            jobs,
            next: None,
            commit_gate: CommitGate::new(batch_sender),
            permit: ConnectionPermit::default(),
            refusal_check: RefusalCheck::default(),
            failures: 0,
        }
    }

    /// Runs until the last sender of jobs is gone.
    pub fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let LaneShared { breaker, connection_limit, shutdown, .. } = &*shared;
        loop {
            if let Some(prepared_job) = self.next.take() {
                self.prepare_next();
                self.send(&shared, prepared_job);
                continue;
            }
            connection_limit.acquire(&mut self.permit, shutdown, || !self.jobs.is_empty());
            match self.wait_for_job() {
                Ok(job) if breaker.passes_over(&job.candidate()) => job.pass_over(),
                Ok(job) => self.next = self.prepare(job),
                Err(RecvTimeoutError::Timeout) => {
                    self.channel.idle();
                    shared.pace.idle(connection_limit.replies());
                }
                Err(RecvTimeoutError::Disconnected) => return connection_limit.close(),
            }
        }
    }

    fn wait_for_job(&self) -> Result<Job, RecvTimeoutError> {
        self.jobs.try_recv().or_else(|_| {
            self.commit_gate.flush();
            self.jobs.recv_timeout(IDLE_INTERVAL)
        })
    }

    /// Takes and prepares one more job. Not while another lane is idle, which would send it sooner, and not when
    /// the job might wait for more than this lane: for the pace, the breaker or a stop.
    fn prepare_next(&mut self) {
        let LaneShared { breaker, pace, shutdown, .. } = &*self.shared;
        if self.jobs.has_idle_lanes() || pace.holds_back() || !breaker.is_closed() || shutdown.requested() {
            return;
        }
        // One attempt only: a mail is waiting to be submitted.
        if let Ok(job) = self.jobs.try_recv() {
            self.next = self.prepare(job);
        }
    }

    /// Has the channel prepare the job. Where there is nothing to submit, the verdict is recorded instead.
    fn prepare(&mut self, job: Job) -> Option<PreparedJob<C::Prepared>> {
        match self.channel.prepare(job.notification(), &job.recipient.participant) {
            Ok(prepared) => Some(PreparedJob { job, prepared, pipelined_at: None }),
            Err(verdict) => {
                self.record(job, verdict);
                None
            }
        }
    }

    /// Submits one job and does what follows from the reply.
    fn send(&mut self, shared: &LaneShared, prepared_job: PreparedJob<C::Prepared>) {
        let PreparedJob { mut job, prepared, pipelined_at } = prepared_job;
        if pipelined_at.is_none() && job.fan_out.held.is_over() {
            return job.give_back();
        }
        let LaneShared { breaker, connection_limit, pace, shutdown, .. } = shared;
        let admission = match breaker.admit(&job.candidate(), shutdown) {
            Entry::Admitted(admission) => admission,
            Entry::PassedOver => return job.pass_over(),
            Entry::Stopping => return job.give_back(),
        };
        let admitted_at = admission.admitted_at;
        let Some(turn) = pace.acquire(admitted_at, shutdown, || job.fan_out.held.is_over()) else {
            return job.give_back();
        };
        let (mut next_job, next_prepared) = self.next.take().map(|next| (next.job, next.prepared)).unzip();
        let pipelines = next_job.as_ref().is_some_and(|job| job.recipient.may_be_pipelined());
        let mut submission = Submission {
            job: &job,
            next: &mut next_job,
            commit_gate: &mut self.commit_gate,
            jobs: &self.jobs,
            shared,
            acceptance: None,
        };
        let next = next_prepared.as_ref().filter(|_| pipelines);
        let submitted = submission.run(&mut self.channel, &prepared, next);
        let next_pipelined_at = pipelines.then_some(admitted_at);
        self.next = next_job.zip(next_prepared).map(|(job, prepared)| PreparedJob {
            job,
            prepared,
            pipelined_at: next_pipelined_at,
        });
        let envelope_at = pipelined_at.unwrap_or(admitted_at);
        match submitted {
            Ok(acceptance) => {
                admission.accepted(job.recipient.address(), envelope_at);
                self.refusal_check.accepted(envelope_at);
                self.failures = 0;
                connection_limit.replied(&mut self.permit);
                turn.accepted(connection_limit.replies());
                job.recipient.attempts += 1;
                let verdict =
                    if self.channel.is_dry_run() { Verdict::DryRun } else { Verdict::Sent(acceptance) };
                self.record(job, verdict);
            }
            Err(error) => {
                let turn = turn.pipelined_at(pipelined_at);
                self.not_accepted(connection_limit, admission, envelope_at, turn, job, &error);
            }
        }
    }

    /// Tells the breaker and the pace what a failed submission says about the relay, and does what follows for the job.
    fn not_accepted(
        &mut self,
        connection_limit: &ConnectionLimit,
        admission: Admission<'_>,
        envelope_at: Instant,
        turn: Turn<'_>,
        mut job: Job,
        error: &SendError,
    ) {
        if throttling::not_accepted(connection_limit, turn, &mut self.permit, &mut job.recipient, error) {
            self.return_next(false);
        }
        if error.proves_relay_works() {
            self.failures = 0;
        }
        let mut decision = error.decision();
        match error.class {
            Class::Suspect(permanence) => {
                let words = RelayWords { detail: &error.detail, advice: self.channel.advice(error) };
                let recipient = &mut job.recipient;
                decision = self.refusal_check.decide(admission, envelope_at, recipient, permanence, words);
            }
            Class::BodyDelayed => {
                admission.nothing();
                return job.give_back();
            }
            Class::Throttled(_) => {
                self.shared.monitor.metrics.throttled.inc();
                admission.works();
                if job.recipient.throttles.are_charged() {
                    decision = Decision::Retry;
                }
            }
            _ if self.shared.suppresses(error) => job.refused(admission),
            _ if error.proves_relay_works() => admission.works(),
            _ => {
                let suspect = (!error.is_relay_failure()).then(|| job.key());
                self.failures += u32::from(admission.failed(suspect, &error.detail));
                self.return_next(!error.is_relay_failure());
            }
        }
        self.apply_decision(decision, job, error);
        self.back_off(error);
    }

    /// Returns the prepared job: another lane may succeed. If its envelope may have broken the connection, it is not
    /// pipelined again: that cost the mail in front of it.
    fn return_next(&mut self, may_have_broken: bool) {
        if let Some(PreparedJob { mut job, .. }) = self.next.take() {
            job.recipient.lost_while_pipelined |= may_have_broken;
            job.give_back();
        }
    }

    /// Returns, retries, defers or fails the job.
    fn apply_decision(&mut self, decision: Decision, mut job: Job, error: &SendError) {
        if error.is_ambiguous() {
            self.shared.monitor.metrics.ambiguous.inc();
        }
        match decision {
            // Another lane or another worker may succeed.
            Decision::Return => job.give_back(),
            Decision::RetryUncharged if RetryPolicy::allows_uncharged(&job.recipient) => {
                job.recipient.uncharged_attempts += 1;
                job.recipient.failed(error);
                job.fan_out.report(Report::Retry(job.recipient));
            }
            Decision::RetryUncharged | Decision::Retry => self.retry_or_defer(job, error),
            Decision::RetryOnceLater => {
                job.recipient.attempts += 1;
                job.recipient.failed(error);
                self.defer_or_fail(job);
            }
            Decision::Fail => {
                job.recipient.attempts += 1;
                self.record(job, Verdict::failed(Permanence::Permanent, error.code, &error.detail));
            }
        }
    }

    /// Charges the attempt. The job returns to its fan-out for another attempt soon, or is deferred.
    fn retry_or_defer(&mut self, mut job: Job, error: &SendError) {
        job.recipient.attempts += 1;
        job.recipient.failed(error);
        if self.shared.retry_policy.allows_another(&job.recipient) {
            let (metrics, id) = (&self.shared.monitor.metrics, job.fan_out.notification_id());
            let participant = &job.recipient.participant;
            events::mail::retry_later(metrics, id, participant, error.code, &error.detail);
            job.fan_out.report(Report::Retry(job.recipient));
        } else {
            self.defer_or_fail(job);
        }
    }

    fn defer_or_fail(&mut self, job: Job) {
        let verdict = self.shared.retry_policy.defer_or_fail(&job.recipient, fastrand::f64());
        self.record(job, verdict);
    }

    /// Pauses after a failure of the relay: for a while, or until this lane gets a permit again. Otherwise a lane
    /// that is refused while others send would fail fast and soon have taken most of the jobs. One lost connection
    /// is no reason to pause yet.
    fn back_off(&mut self, error: &SendError) {
        let LaneShared { breaker, connection_limit, shutdown, .. } = &*self.shared;
        let refused = error.is_relay_failure();
        if refused && connection_limit.refused(&mut self.permit, &error.detail) {
            return;
        }
        breaker.rest(self.failures.saturating_sub(u32::from(!refused)), shutdown);
    }

    /// Hands the outcome to the recorder, which reports to the fan-out after the commit.
    fn record(&mut self, job: Job, verdict: Verdict) {
        job.log_failure(&verdict);
        let outcome = job.outcome(verdict);
        if outcome.verdict.is_sent() {
            self.shared.monitor.metrics.unrecorded.inc();
        }
        self.commit_gate.record(outcome, job.refused_address(), job.fan_out);
    }
}

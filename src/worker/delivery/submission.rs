//! What a lane does while its channel submits a mail: waits for the commit of its last outcome before the body, gives the next mail to an
//! idle lane when the reply to the body takes long, and counts. Submitting and the reply are left to `lane`.

use std::time::{Duration, Instant};

use crate::channels::callbacks::{Step, SubmitCallbacks};
use crate::channels::{Channel, SendError};
use crate::domain::acceptance::Acceptance;
use crate::observe::metrics::times::observe;
use crate::worker::delivery::commit_gate::CommitGate;
use crate::worker::delivery::job::Job;
use crate::worker::delivery::lane_shared::LaneShared;
use crate::worker::delivery::queue::JobReceiver;

/// One submission of a lane.
pub struct Submission<'a> {
    /// The job that is submitted.
    pub job: &'a Job,
    /// The job that this lane would submit next; taken when it is given to another lane.
    pub next: &'a mut Option<Job>,
    /// Whether the last outcome is committed.
    pub commit_gate: &'a mut CommitGate,
    /// The queue, which knows whether lanes are idle.
    pub jobs: &'a JobReceiver,
    /// Metrics, and the request to stop.
    pub shared: &'a LaneShared,
    /// What the relay said when it took the mail.
    pub acceptance: Option<Acceptance>,
}

impl Submission<'_> {
    /// Has the channel submit the mail, and perhaps the envelope of the `next` one. Returns what the relay said when it took the mail.
    ///
    /// # Errors
    /// Why the mail was not accepted.
    pub fn run<C: Channel>(
        &mut self,
        channel: &mut C,
        prepared: &C::Prepared,
        next: Option<&C::Prepared>,
    ) -> Result<Option<Acceptance>, SendError> {
        let in_flight = &self.shared.monitor.metrics.mails_in_flight;
        in_flight.inc();
        self.shared.silence.begins(Instant::now());
        let submitted = channel.submit(prepared, next, self);
        let is_answered = submitted.as_ref().map_or_else(|error| error.code.is_some(), |()| true);
        self.shared.silence.ends(is_answered, Instant::now());
        in_flight.dec();
        submitted.map(|()| self.acceptance.take())
    }
}

impl SubmitCallbacks for Submission<'_> {
    fn before_body(&mut self) -> bool {
        // The relay waits for us now.
        self.shared.silence.ends(true, Instant::now());
        self.commit_gate.wait_until_committed();
        let is_valid = self.job.fan_out.held.wait_until_valid(&self.shared.shutdown);
        self.shared.silence.begins(Instant::now());
        is_valid
    }

    fn reply_is_slow(&mut self) -> bool {
        if !self.jobs.has_idle_lanes() {
            return false;
        }
        self.next.take().map(Job::give_back).is_some()
    }

    fn took(&mut self, step: Step, time: Duration) {
        let smtp = &self.shared.monitor.metrics.times.smtp;
        let histogram = match step {
            Step::Connect => &smtp.connect,
            Step::Envelope => &smtp.envelope,
            Step::Body => &smtp.body,
        };
        observe(histogram, time);
    }

    fn accepted(&mut self, code: u16, text: &str) {
        self.acceptance = Some(Acceptance::new(code, text));
    }
}

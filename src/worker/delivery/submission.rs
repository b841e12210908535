//! What a lane does while its channel submits a mail: waits for the commit of its last outcome before the body, and gives
//! the next mail to an idle lane when the reply to the body takes long. Submitting and the reply are left to `lane`.

use crate::channels::SubmitCallbacks;
use crate::shutdown::Shutdown;
use crate::worker::delivery::commit_gate::CommitGate;
use crate::worker::delivery::job::Job;
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
    /// The request to stop.
    pub shutdown: &'a Shutdown,
}

impl SubmitCallbacks for Submission<'_> {
    fn before_body(&mut self) -> bool {
        self.commit_gate.wait_until_committed();
        self.job.fan_out.held.wait_until_valid(self.shutdown)
    }

    fn reply_is_slow(&mut self) -> bool {
        if !self.jobs.has_idle_lanes() {
            return false;
        }
        self.next.take().map(Job::give_back).is_some()
    }
}

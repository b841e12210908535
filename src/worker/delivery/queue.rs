//! The queue of jobs between the fan-outs and the lanes, with a part for each priority. A lane takes the job of the priority whose turn
//! it is, so that one of high priority waits for none that were sent before it. Each part is short, so that a small notification soon
//! gets a slot beside a large one of its priority. It is refilled when one job a lane is left and not for each job that is taken: waking
//! a fan-out for every mail costs more than the database queries of that fan-out. Whose turn it is is left to `turns`, the jobs
//! themselves to `job`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, select};

use crate::domain::priority::Priority;
use crate::shutdown::Shutdown;
use crate::sync::lock;
use crate::worker::delivery::job::Job;
use crate::worker::delivery::queue::state::{Part, State};
use crate::worker::lease::held::HeldLease;

mod state;

/// The fan-outs' end. The lanes exit when all clones are dropped.
#[derive(Debug)]
pub struct JobSender<J = Job> {
    queue: Arc<JobQueue<J>>,
}

/// The lanes' end.
#[derive(Debug)]
pub struct JobReceiver<J = Job> {
    queue: Arc<JobQueue<J>>,
}

#[derive(Debug)]
struct JobQueue<J> {
    state: Mutex<State<J>>,
    /// Wakes a lane.
    filled: Condvar,
    /// Lanes that wait for a job. Changed under the lock.
    idle_lanes: AtomicUsize,
}

/// One fan-out's access to the queue: while others of its priority wait, each of them sends one job for each slot.
#[derive(Debug)]
pub struct FairSender<'a, J = Job> {
    queue: &'a JobQueue<J>,
    priority: Priority,
    /// A slot is granted and not used yet.
    has_slot: bool,
    wakeup: (Sender<()>, Receiver<()>),
}

/// A queue for this number of lanes.
#[must_use]
pub fn job_queue<J>(lanes: usize) -> (JobSender<J>, JobReceiver<J>) {
    let queue = Arc::new(JobQueue {
        state: Mutex::new(State::new(lanes)),
        filled: Condvar::new(),
        idle_lanes: AtomicUsize::new(0),
    });
    (JobSender { queue: Arc::clone(&queue) }, JobReceiver { queue })
}

impl<J> JobSender<J> {
    /// The access of a fan-out that begins.
    #[must_use]
    pub fn fair_sender(&self, priority: Priority) -> FairSender<'_, J> {
        // A new fan-out queues behind those that wait, or a fan-out of a million would never be woken while small ones
        // come and go.
        let has_slot = self.queue.state().part(priority).waiting.is_empty();
        FairSender { queue: &self.queue, priority, has_slot, wakeup: bounded(1) }
    }

    /// How many jobs of this priority no lane has taken yet.
    #[cfg(test)]
    pub(in crate::worker) fn waiting_jobs(&self, priority: Priority) -> usize {
        self.queue.state().jobs(priority)
    }
}

impl<J> FairSender<'_, J> {
    /// Sends a job to the lanes. Never blocks.
    ///
    /// # Errors
    /// Returns the job when its part of the queue is full, or when the slot is another fan-out's.
    pub fn try_send(&mut self, job: J) -> Result<(), J> {
        let mut state = self.queue.state();
        if !self.has_slot && !state.part(self.priority).waiting.is_empty() {
            return Err(job);
        }
        state.push(self.priority, job)?;
        self.has_slot = false;
        if self.queue.idle_lanes.load(Ordering::Relaxed) > 0 {
            self.queue.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for a slot, or for a reason to end: a shutdown, or that nothing more is to be sent under the lease.
    pub fn wait(&mut self, shutdown: &Shutdown, held: &HeldLease) {
        {
            let mut state = self.queue.state();
            self.has_slot = state.is_slot_free(self.priority);
            if self.has_slot {
                return;
            }
            state.part(self.priority).waiting.push_back(self.wakeup.0.clone());
        }
        select! {
            recv(self.wakeup.1) -> _ => self.has_slot = true,
            recv(shutdown.receiver()) -> _ => {}
            recv(held.over()) -> _ => {}
        }
    }

    /// Leaves a slot that is granted and not used to the next fan-out: this one has nothing to send for a while.
    pub fn release_slot(&mut self) {
        if std::mem::take(&mut self.has_slot) {
            self.queue.state().part(self.priority).wake_next();
        }
    }
}

impl<J> Drop for FairSender<'_, J> {
    /// Leaves the wait list. A slot that is granted and not used goes to the next fan-out.
    fn drop(&mut self) {
        let mut state = self.queue.state();
        let part: &mut Part<J> = state.part(self.priority);
        part.waiting.retain(|wakeup| !wakeup.same_channel(&self.wakeup.0));
        if self.has_slot || !self.wakeup.1.is_empty() {
            part.wake_next();
        }
    }
}

impl<J> JobReceiver<J> {
    /// The next job, if there is one.
    ///
    /// # Errors
    /// When there is none, or no sender is left.
    pub fn try_recv(&self) -> Result<J, TryRecvError> {
        let mut state = self.queue.state();
        match state.take() {
            Some(job) => Ok(job),
            None if state.senders == 0 => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// The next job. Waits for it until `timeout` is over.
    ///
    /// # Errors
    /// When there was none, or no sender is left.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<J, RecvTimeoutError> {
        let deadline = Instant::now() + timeout;
        let mut state = self.queue.state();
        loop {
            if let Some(job) = state.take() {
                return Ok(job);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match () {
                () if state.senders == 0 => return Err(RecvTimeoutError::Disconnected),
                () if left.is_zero() => return Err(RecvTimeoutError::Timeout),
                () => {}
            }
            self.queue.idle_lanes.fetch_add(1, Ordering::Relaxed);
            let woken = self.queue.filled.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            self.queue.idle_lanes.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether there is no job at the moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.state().is_empty()
    }

    /// Whether a lane is waiting for a job.
    #[must_use]
    pub fn has_idle_lanes(&self) -> bool {
        self.queue.idle_lanes.load(Ordering::Relaxed) > 0
    }
}

impl<J> JobQueue<J> {
    fn state(&self) -> MutexGuard<'_, State<J>> {
        lock(&self.state)
    }
}

impl<J> Clone for JobSender<J> {
    fn clone(&self) -> Self {
        self.queue.state().senders += 1;
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<J> Drop for JobSender<J> {
    fn drop(&mut self) {
        self.queue.state().senders -= 1;
        self.queue.filled.notify_all();
    }
}

impl<J> Clone for JobReceiver<J> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

#[cfg(test)]
mod tests;

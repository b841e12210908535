//! The queue of jobs between the fan-outs and the lanes. It is short, so that a small notification soon gets a slot
//! beside a large one. It is refilled when one job a lane is left and not for each job that is taken: waking a fan-out
//! for every mail costs more than the database queries of that fan-out. The jobs themselves are left to `job`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded, select};

use crate::shutdown::Shutdown;
use crate::sync::lock;
use crate::worker::delivery::job::Job;
use crate::worker::lease::held::HeldLease;

/// The fan-outs' end. The lanes exit when all clones are dropped.
#[derive(Debug)]
pub struct JobSender<J = Job> {
    queue: Sender<J>,
    wait_list: Arc<WaitList>,
}

/// The lanes' end.
#[derive(Debug)]
pub struct JobReceiver<J = Job> {
    queue: Receiver<J>,
    wait_list: Arc<WaitList>,
}

/// Fan-outs that wait for a slot, in order of arrival.
#[derive(Debug)]
struct WaitList {
    waiting: Mutex<VecDeque<Sender<()>>>,
    /// With so few jobs left, the next fan-out is woken.
    low_water_mark: usize,
    /// Lanes that wait for a job.
    idle_lanes: AtomicUsize,
}

/// One fan-out's access to the queue: while other fan-outs wait, each of them sends one job for each slot.
#[derive(Debug)]
pub struct FairSender<'a, J = Job> {
    jobs: &'a JobSender<J>,
    /// A slot is granted and not used yet.
    has_slot: bool,
    wakeup: (Sender<()>, Receiver<()>),
}

/// A queue for this number of lanes.
#[must_use]
pub fn job_queue<J>(lanes: usize) -> (JobSender<J>, JobReceiver<J>) {
    // About two jobs a lane: enough to keep the lanes busy while a page is read.
    let (sender, receiver) = bounded(2 * lanes + 2);
    let wait_list = Arc::new(WaitList {
        waiting: Mutex::default(),
        low_water_mark: lanes,
        idle_lanes: AtomicUsize::new(0),
    });
    (
        JobSender { queue: sender, wait_list: Arc::clone(&wait_list) },
        JobReceiver { queue: receiver, wait_list },
    )
}

impl<J> JobSender<J> {
    /// The access of a fan-out that begins.
    #[must_use]
    pub fn fair_sender(&self) -> FairSender<'_, J> {
        // A new fan-out queues behind those that wait, or a fan-out of a million would never be woken while small ones
        // come and go.
        FairSender { jobs: self, has_slot: self.wait_list.waiting().is_empty(), wakeup: bounded(1) }
    }
}

impl<J> FairSender<'_, J> {
    /// Sends a job to the lanes. Never blocks.
    ///
    /// # Errors
    /// Returns the job when the queue is full, or when the slot is another fan-out's.
    pub fn try_send(&mut self, job: J) -> Result<(), J> {
        if !self.has_slot && !self.jobs.wait_list.waiting().is_empty() {
            return Err(job);
        }
        self.jobs.queue.try_send(job).map_err(TrySendError::into_inner)?;
        self.has_slot = false;
        Ok(())
    }

    /// Waits for a slot, or for a reason to end: a shutdown, or the loss of the lease.
    pub fn wait(&mut self, shutdown: &Shutdown, held: &HeldLease) {
        {
            let mut waiting = self.jobs.wait_list.waiting();
            self.has_slot = waiting.is_empty() && self.jobs.queue.len() <= self.jobs.wait_list.low_water_mark;
            if self.has_slot {
                return;
            }
            waiting.push_back(self.wakeup.0.clone());
        }
        select! {
            recv(self.wakeup.1) -> _ => self.has_slot = true,
            recv(shutdown.receiver()) -> _ => {}
            recv(held.lost()) -> _ => {}
        }
    }

    /// Leaves a slot that is granted and not used to the next fan-out: this one has nothing to send for a while.
    pub fn release_slot(&mut self) {
        if std::mem::take(&mut self.has_slot) {
            WaitList::wake_next(self.jobs.wait_list.waiting());
        }
    }
}

impl<J> Drop for FairSender<'_, J> {
    /// Leaves the wait list. A slot that is granted and not used goes to the next fan-out.
    fn drop(&mut self) {
        let mut waiting = self.jobs.wait_list.waiting();
        waiting.retain(|wakeup| !wakeup.same_channel(&self.wakeup.0));
        if self.has_slot || !self.wakeup.1.is_empty() {
            WaitList::wake_next(waiting);
        }
    }
}

impl<J> JobReceiver<J> {
    /// The next job, if there is one.
    ///
    /// # Errors
    /// When there is none, or no sender is left.
    pub fn try_recv(&self) -> Result<J, TryRecvError> {
        self.queue.try_recv().inspect(|_| self.taken())
    }

    /// The next job. Waits for it until `timeout` is over.
    ///
    /// # Errors
    /// When there was none, or no sender is left.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<J, RecvTimeoutError> {
        self.wait_list.idle_lanes.fetch_add(1, Ordering::Relaxed);
        let job = self.queue.recv_timeout(timeout);
        self.wait_list.idle_lanes.fetch_sub(1, Ordering::Relaxed);
        job.inspect(|_| self.taken())
    }

    /// Whether there is no job at the moment.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether a lane is waiting for a job.
    #[must_use]
    pub fn has_idle_lanes(&self) -> bool {
        self.wait_list.idle_lanes.load(Ordering::Relaxed) > 0
    }

    fn taken(&self) {
        if self.queue.len() <= self.wait_list.low_water_mark {
            WaitList::wake_next(self.wait_list.waiting());
        }
    }
}

impl WaitList {
    fn wake_next(mut waiting: MutexGuard<'_, VecDeque<Sender<()>>>) {
        // Hold the lock while waking: a waiter that deregisters must see either its wakeup or its entry.
        if let Some(Err(error)) = waiting.pop_front().map(|wakeup| wakeup.try_send(())) {
            log::error!("a fan-out was woken twice: {error} (a bug in fanmail)");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Sender<()>>> {
        lock(&self.waiting)
    }
}

impl<J> Clone for JobSender<J> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), wait_list: Arc::clone(&self.wait_list) }
    }
}

impl<J> Clone for JobReceiver<J> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), wait_list: Arc::clone(&self.wait_list) }
    }
}

#[cfg(test)]
mod tests;

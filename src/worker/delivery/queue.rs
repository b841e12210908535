//! The queue of jobs between the fan-outs and the lanes. It is short, so that a small notification soon gets its turn
//! beside a large one, and filled up when one job a lane is left and not for each that is taken: a fan-out that wakes
//! for every mail costs more than the database that it reads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded, select};

use crate::shutdown::Stop;
use crate::worker::delivery::job::Job;
use crate::worker::lease::keeper::HeldLease;

/// The fan-outs' side. The lanes end when all clones are gone.
#[derive(Debug)]
pub struct Jobs<J = Job> {
    queue: Sender<J>,
    line: Arc<Line>,
}

/// The lanes' side.
#[derive(Debug)]
pub struct JobQueue<J = Job> {
    queue: Receiver<J>,
    line: Arc<Line>,
}

/// Fan-outs that wait for room, in the order in which they came.
#[derive(Debug)]
struct Line {
    waiting: Mutex<VecDeque<Sender<()>>>,
    /// With so few jobs left there is room.
    few: usize,
    /// Lanes that wait for a job.
    idle_lanes: AtomicUsize,
}

/// One fan-out that hands out.
#[derive(Debug)]
pub struct Turn<'a, J = Job> {
    jobs: &'a Jobs<J>,
    /// Its turn has come, and it has not handed out anything since.
    fresh: bool,
    call: (Sender<()>, Receiver<()>),
}

/// A queue for so many lanes.
#[must_use]
pub fn jobs<J>(lanes: usize) -> (Jobs<J>, JobQueue<J>) {
    // About two a lane: enough for the lanes to stay busy while a page is read.
    let (sender, receiver) = bounded(2 * lanes + 2);
    let line = Arc::new(Line { waiting: Mutex::default(), few: lanes, idle_lanes: AtomicUsize::new(0) });
    (Jobs { queue: sender, line: Arc::clone(&line) }, JobQueue { queue: receiver, line })
}

impl<J> Jobs<J> {
    /// For a fan-out that begins.
    #[must_use]
    pub fn take_turns(&self) -> Turn<'_, J> {
        // Whoever is new stands behind those who wait, or a fan-out of a million would never be called while small ones
        // come and go.
        Turn { jobs: self, fresh: self.line.waiting().is_empty(), call: bounded(1) }
    }
}

impl<J> Turn<'_, J> {
    /// Hands a job out. While others wait for room, that is one a turn.
    ///
    /// # Errors
    /// Gives the job back when there is no room for it, or it is somebody else's turn.
    pub fn hand_out(&mut self, job: J) -> Result<(), J> {
        if !self.fresh && !self.jobs.line.waiting().is_empty() {
            return Err(job);
        }
        self.jobs.queue.try_send(job).map_err(TrySendError::into_inner)?;
        self.fresh = false;
        Ok(())
    }

    /// Waits for the next turn, or for a reason to end.
    pub fn wait(&mut self, stop: &Stop, held: &HeldLease) {
        {
            let mut waiting = self.jobs.line.waiting();
            self.fresh = waiting.is_empty() && self.jobs.queue.len() <= self.jobs.line.few;
            if self.fresh {
                return;
            }
            waiting.push_back(self.call.0.clone());
        }
        select! {
            recv(self.call.1) -> _ => self.fresh = true,
            recv(stop.receiver()) -> _ => {}
            recv(held.lost()) -> _ => {}
        }
    }
}

impl<J> Drop for Turn<'_, J> {
    /// Leaves the line. A turn that has come and is not used is the next one's.
    fn drop(&mut self) {
        let mut waiting = self.jobs.line.waiting();
        waiting.retain(|call| !call.same_channel(&self.call.0));
        if self.fresh || !self.call.1.is_empty() {
            Line::call_next(waiting);
        }
    }
}

impl<J> JobQueue<J> {
    /// The next job, if there is one.
    ///
    /// # Errors
    /// When there is none, or nobody is left who could hand one out.
    pub fn try_recv(&self) -> Result<J, TryRecvError> {
        self.queue.try_recv().inspect(|_| self.taken())
    }

    /// The next job, waited for until `timeout` is over.
    ///
    /// # Errors
    /// When there was none, or nobody is left who could hand one out.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<J, RecvTimeoutError> {
        self.line.idle_lanes.fetch_add(1, Ordering::Relaxed);
        let job = self.queue.recv_timeout(timeout);
        self.line.idle_lanes.fetch_sub(1, Ordering::Relaxed);
        job.inspect(|_| self.taken())
    }

    /// Whether there is no job to be had just now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether a lane waits for a job.
    #[must_use]
    pub fn has_idle_lanes(&self) -> bool {
        self.line.idle_lanes.load(Ordering::Relaxed) > 0
    }

    fn taken(&self) {
        if self.queue.len() <= self.line.few {
            Line::call_next(self.line.waiting());
        }
    }
}

impl Line {
    fn call_next(mut waiting: MutexGuard<'_, VecDeque<Sender<()>>>) {
        // Under the lock: whoever leaves the line has been called or is still in it.
        if let Some(Err(error)) = waiting.pop_front().map(|call| call.try_send(())) {
            log::error!("a fan-out was called to hand out and is not there: {error} (a bug in fanmail)");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Sender<()>>> {
        // Every change is a single push, pop or retain, so a panic elsewhere leaves it whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Clone for Jobs<J> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), line: Arc::clone(&self.line) }
    }
}

impl<J> Clone for JobQueue<J> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), line: Arc::clone(&self.line) }
    }
}

#[cfg(test)]
mod tests;

//! The queue of jobs between the fan-outs and the lanes. It is short, so that a small notification soon gets its turn
//! beside a large one, and filled up when one job a lane is left and not for each that is taken: a fan-out that wakes
//! for every mail costs more than the database that it reads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded, select};

use super::job::Job;
use super::leases::Held;
use crate::shutdown::Stop;

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
        Turn { jobs: self, fresh: true, call: bounded(1) }
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
    pub fn wait(&mut self, stop: &Stop, held: &Held) {
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
        let next = waiting.pop_front();
        drop(waiting);
        if let Some(Err(error)) = next.map(|call| call.try_send(())) {
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
mod tests {
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::domain::notification::Lease;
    use crate::shutdown::stop_pair;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn held() -> Arc<Held> {
        Held::new(Lease { notification_id: 1, epoch: 1 }, Instant::now(), PATIENCE)
    }

    fn fill(jobs: &Jobs<u32>) -> usize {
        let mut turn = jobs.take_turns();
        (1..=100).take_while(|job| turn.hand_out(*job).is_ok()).count()
    }

    fn wait_until_waiting(jobs: &Jobs<u32>, fan_outs: usize) {
        let deadline = Instant::now() + PATIENCE;
        while jobs.line.waiting().len() != fan_outs {
            assert!(Instant::now() < deadline, "{fan_outs} fan-outs wait: not in time");
            thread::yield_now();
        }
    }

    #[test]
    fn it_holds_little_and_is_refilled_only_when_one_job_a_lane_is_left() {
        let (_handle, stop) = stop_pair();
        let (jobs, lanes) = jobs::<u32>(4);
        assert_eq!(fill(&jobs), 10);
        thread::scope(|scope| {
            let fan_out = scope.spawn(|| {
                jobs.take_turns().wait(&stop, &held());
                fill(&jobs)
            });
            wait_until_waiting(&jobs, 1);
            for job in 1..=5 {
                assert_eq!(lanes.try_recv(), Ok(job));
                assert_eq!(jobs.line.waiting().len(), 1, "it is not called yet");
            }
            assert_eq!(lanes.recv_timeout(PATIENCE), Ok(6));
            assert_eq!(fan_out.join().unwrap(), 6);
        });
        assert!((0..6).all(|_| lanes.try_recv().is_ok()));
        jobs.take_turns().wait(&stop, &held()); // not long: there is room already
        drop(jobs);
        assert_eq!(lanes.queue.iter().count(), 4, "what was handed out is not lost");
        assert_eq!(lanes.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn while_others_wait_there_is_one_job_a_turn() {
        let (_handle, stop) = stop_pair();
        let (jobs, lanes) = jobs::<u32>(2);
        assert_eq!(fill(&jobs), 6);
        thread::scope(|scope| {
            for (place, (name, size)) in [(10, 100), (20, 100), (30, 1)].into_iter().enumerate() {
                let (jobs, stop) = (&jobs, &stop);
                scope.spawn(move || {
                    let mut turn = jobs.take_turns();
                    turn.fresh = false;
                    for _ in 0..size {
                        while turn.hand_out(name).is_err() {
                            turn.wait(stop, &held());
                        }
                    }
                });
                wait_until_waiting(jobs, place + 1);
            }
            let mut taken: Vec<u32> = (0..4).map(|_| lanes.try_recv().unwrap()).collect();
            for still_waiting in [3, 3, 2] {
                let deadline = Instant::now() + PATIENCE;
                while lanes.queue.len() != 3 {
                    assert!(Instant::now() < deadline, "whoever was called has handed nothing out");
                    thread::yield_now();
                }
                wait_until_waiting(&jobs, still_waiting);
                taken.push(lanes.try_recv().unwrap());
            }
            taken.extend((7..6 + 201).map(|_| lanes.recv_timeout(PATIENCE).unwrap()));
            assert_eq!(taken[..9], [1, 2, 3, 4, 5, 6, 10, 20, 30]);
        });
    }

    #[test]
    fn whoever_ends_leaves_the_turn_to_the_next() {
        let (handle, stop) = stop_pair();
        let (jobs, lanes) = jobs::<u32>(1);
        assert_eq!(fill(&jobs), 4);
        let lost = held();
        let wait = |held: &Held| {
            let mut turn = jobs.take_turns();
            turn.wait(&stop, held);
            turn.fresh
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| wait(&lost));
            wait_until_waiting(&jobs, 1);
            let second = scope.spawn(|| wait(&held()));
            wait_until_waiting(&jobs, 2);
            let third = scope.spawn(|| wait(&held()));
            wait_until_waiting(&jobs, 3);
            lost.lose();
            assert!(!first.join().unwrap());
            wait_until_waiting(&jobs, 2);
            (1..=3).for_each(|job| assert_eq!(lanes.try_recv(), Ok(job)));
            assert!(second.join().unwrap() && third.join().unwrap());
            let fourth = scope.spawn(|| {
                let mut turn = jobs.take_turns();
                while turn.hand_out(9).is_ok() {}
                wait(&held())
            });
            wait_until_waiting(&jobs, 1);
            drop(handle);
            assert!(!fourth.join().unwrap());
        });
    }
}

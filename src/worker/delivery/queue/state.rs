//! What is in the job queue and who waits for a slot, for each priority. Waiting and waking lanes is left to `queue`.

use std::collections::VecDeque;

use crossbeam_channel::Sender;

use crate::domain::priority::Priority;
use crate::worker::turns::Turns;

/// All that the lock of the queue guards.
#[derive(Debug)]
pub(super) struct State<J> {
    parts: [Part<J>; 3],
    turns: Turns,
    /// With so few jobs of a priority left, its next fan-out is woken.
    low_water_mark: usize,
    /// Most jobs of a priority.
    capacity: usize,
    /// Clones of the fan-outs' end.
    pub(super) senders: usize,
}

/// The jobs of one priority.
#[derive(Debug)]
pub(super) struct Part<J> {
    jobs: VecDeque<J>,
    /// Fan-outs that wait for a slot, in order of arrival.
    pub(super) waiting: VecDeque<Sender<()>>,
}

impl<J> State<J> {
    /// For this number of lanes, and one sender.
    pub(super) fn new(lanes: usize) -> Self {
        // About two jobs a lane: enough to keep the lanes busy while a page is read.
        let capacity = 2 * lanes + 2;
        let part = || Part { jobs: VecDeque::with_capacity(capacity), waiting: VecDeque::new() };
        Self {
            parts: [part(), part(), part()],
            turns: Turns::default(),
            low_water_mark: lanes,
            capacity,
            senders: 1,
        }
    }

    pub(super) fn part(&mut self, priority: Priority) -> &mut Part<J> {
        &mut self.parts[priority.index()]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.jobs.is_empty())
    }

    /// Whether a fan-out that comes now gets a slot at once.
    pub(super) fn is_slot_free(&self, priority: Priority) -> bool {
        let part = &self.parts[priority.index()];
        part.waiting.is_empty() && part.jobs.len() <= self.low_water_mark
    }

    /// Adds a job.
    ///
    /// # Errors
    /// Returns it when there are too many.
    pub(super) fn push(&mut self, priority: Priority, job: J) -> Result<(), J> {
        let part = &mut self.parts[priority.index()];
        if part.jobs.len() >= self.capacity {
            return Err(job);
        }
        part.jobs.push_back(job);
        Ok(())
    }

    /// The oldest job of the priority whose turn it is. Wakes its next fan-out if few jobs are left.
    pub(super) fn take(&mut self) -> Option<J> {
        let parts = &self.parts;
        let priority = self.turns.next(|priority| !parts[priority.index()].jobs.is_empty())?;
        self.turns.taken(priority);
        let part = &mut self.parts[priority.index()];
        let job = part.jobs.pop_front();
        if part.jobs.len() <= self.low_water_mark {
            part.wake_next();
        }
        job
    }

    #[cfg(test)]
    pub(super) fn jobs(&self, priority: Priority) -> usize {
        self.parts[priority.index()].jobs.len()
    }
}

impl<J> Part<J> {
    /// Gives the next fan-out a slot. Under the lock: one that leaves the wait list must see either its wakeup or its entry.
    pub(super) fn wake_next(&mut self) {
        if let Some(Err(error)) = self.waiting.pop_front().map(|wakeup| wakeup.try_send(())) {
            log::error!("a fan-out was woken twice: {error} (a bug in fanmail)");
        }
    }
}

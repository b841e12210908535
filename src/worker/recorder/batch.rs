//! The recorder's desk. Entries gather here without waking anybody, until somebody cannot go on before theirs is
//! committed: then the recorder takes all of them at once (group commit on demand). Where no company comes, because
//! there are few lanes or the relay is slow, each entry is written at once instead, while its lane goes about the next
//! mail.
//!
//! Refuses to let an entry lie about: one that nobody asks for is taken after a while all the same. That bounds for how
//! long a lane that waits for something else, the breaker or the limit of mails a second, has one unwritten.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::worker::recorder::Entry;

/// The side of those who have something written. The recorder ends when all clones are gone.
#[derive(Debug)]
pub struct Desk {
    shared: Arc<Shared>,
}

/// The recorder's side.
#[derive(Debug)]
pub struct Pile {
    shared: Arc<Shared>,
    longest: Duration,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Only the recorder waits here.
    wake: Condvar,
}

#[derive(Debug)]
struct State {
    gathered: Vec<Entry>,
    /// The number of the group that gathers.
    group: u64,
    /// Somebody cannot go on before it is committed.
    wanted: bool,
    /// The last group was a single entry: there is nothing to be gained by waiting for more.
    lonely: bool,
    recorder: Recorder,
    desks: usize,
}

/// What has to happen for the recorder to look at the desk. It is woken for nothing less: a thread that wakes costs
/// more than an entry that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorder {
    /// Nothing: it is writing, or about to look.
    Awake,
    /// A group is wanted, or has gathered for long enough.
    Dozing,
    /// Anything.
    Asleep,
}

/// A desk, and what gathers on it: for `longest`, if nobody asks for it.
#[must_use]
pub fn desk(longest: Duration) -> (Desk, Pile) {
    let state = State {
        gathered: Vec::new(),
        group: 0,
        wanted: false,
        lonely: true,
        recorder: Recorder::Awake,
        desks: 1,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), wake: Condvar::new() });
    (Desk { shared: Arc::clone(&shared) }, Pile { shared, longest })
}

impl Desk {
    /// Leaves an entry, to be written before long, and returns the number of its group.
    #[must_use]
    pub fn leave(&self, entry: Entry) -> u64 {
        let mut state = self.shared.lock();
        state.gathered.push(entry);
        let group = state.group;
        state.wanted |= state.lonely;
        if state.wanted || state.recorder == Recorder::Asleep {
            self.shared.wake(state);
        }
        group
    }

    /// Has a group written now. Nothing happens when it was taken already.
    pub fn want(&self, group: u64) {
        let mut state = self.shared.lock();
        if state.group == group && !state.wanted {
            state.wanted = true;
            self.shared.wake(state);
        }
    }
}

impl Clone for Desk {
    fn clone(&self) -> Self {
        self.shared.lock().desks += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.desks -= 1;
        if state.desks == 0 {
            self.shared.wake(state);
        }
    }
}

impl Pile {
    /// Waits until what has gathered is wanted, or has waited for long enough. Nothing has gathered only when
    /// nobody is left who could leave anything.
    #[must_use]
    pub fn take(&self) -> Vec<Entry> {
        let mut state = self.shared.lock();
        while !state.wanted && state.desks > 0 {
            state.recorder = Recorder::Dozing;
            let dozed = self.shared.wake.wait_timeout(state, self.longest);
            let (woken, doze) = dozed.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            // What happened just when its time was over is seen by the loop.
            if !doze.timed_out() || state.desks == 0 {
                continue;
            }
            if !state.gathered.is_empty() {
                break;
            }
            state.recorder = Recorder::Asleep;
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.recorder = Recorder::Awake;
        drop(state);
        // Lanes that only want a processor leave their entries first; where there are none, this takes no time.
        thread::yield_now();
        let mut state = self.shared.lock();
        state.wanted = false;
        state.group += 1;
        state.lonely = state.gathered.len() <= 1;
        std::mem::take(&mut state.gathered)
    }
}

impl Shared {
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if state.recorder != Recorder::Awake {
            state.recorder = Recorder::Awake;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crossbeam_channel::{Receiver, unbounded};

    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);
    const PATIENCE: Duration = Duration::from_secs(20);

    fn entry(notification_id: i64) -> Entry {
        Entry::Acked { notification_id, noted: unbounded().0 }
    }

    /// A recorder that hands over what it takes, until there is nothing any more.
    fn take_all(pile: Pile) -> Receiver<Vec<i64>> {
        let (sender, groups) = unbounded();
        thread::spawn(move || {
            loop {
                let ids = pile.take().iter().map(Entry::notification_id).collect::<Vec<_>>();
                let is_last = ids.is_empty();
                sender.send(ids).unwrap();
                if is_last {
                    return;
                }
            }
        });
        groups
    }

    fn wait_until(desk: &Desk, expected: Recorder) {
        let deadline = Instant::now() + PATIENCE;
        while desk.shared.lock().recorder != expected {
            assert!(Instant::now() < deadline, "the recorder is not {expected:?}");
            thread::yield_now();
        }
    }

    #[test]
    fn a_group_that_is_wanted_is_taken_at_once_with_all_that_has_gathered() {
        let (desk, pile) = desk(NEVER);
        desk.shared.lock().lonely = false;
        let groups = take_all(pile);
        wait_until(&desk, Recorder::Dozing);
        let group = desk.leave(entry(1));
        assert_eq!(desk.clone().leave(entry(2)), group);
        assert_eq!(desk.shared.lock().recorder, Recorder::Dozing, "nobody has asked for them");
        desk.want(group);
        assert_eq!(groups.recv_timeout(PATIENCE).unwrap(), [1, 2]);
        assert_ne!(desk.leave(entry(3)), group, "that is gathering for the next one");
        desk.want(group);
        assert!(!desk.shared.lock().wanted, "it was taken already");
    }

    #[test]
    fn while_no_company_comes_an_entry_does_not_wait_for_it() {
        let (desk, pile) = desk(NEVER);
        for id in 1..=3 {
            let _group = desk.leave(entry(id));
            assert_eq!(pile.take().len(), 1, "though nobody has asked for it");
        }
        let _group = (desk.leave(entry(4)), desk.leave(entry(5)));
        assert_eq!(pile.take().len(), 2);
        let group = desk.leave(entry(6));
        assert!(!desk.shared.lock().wanted, "more may come, as it did before");
        desk.want(group);
        assert_eq!(pile.take().len(), 1);
    }

    #[test]
    fn an_entry_that_nobody_asks_for_is_taken_all_the_same_even_from_a_recorder_that_sleeps() {
        let (desk, pile) = desk(Duration::from_millis(1));
        let groups = take_all(pile);
        for id in 1..=3 {
            wait_until(&desk, Recorder::Asleep);
            desk.shared.lock().lonely = false;
            let _group = desk.leave(entry(id));
            assert_eq!(groups.recv_timeout(PATIENCE).unwrap(), [id]);
            desk.shared.lock().lonely = false;
            let _group = desk.leave(entry(10 + id));
            assert_eq!(groups.recv_timeout(PATIENCE).unwrap(), [10 + id]);
        }
    }

    #[test]
    fn the_last_one_may_leave_in_the_moment_in_which_a_doze_is_over() {
        let (desk, pile) = desk(Duration::from_millis(50));
        let groups = take_all(pile);
        wait_until(&desk, Recorder::Dozing);
        let mut state = desk.shared.lock();
        assert_eq!(state.recorder, Recorder::Dozing);
        // The doze ends while the lock is not to be had.
        thread::sleep(Duration::from_millis(200));
        state.desks -= 1;
        desk.shared.wake(state);
        std::mem::forget(desk);
        assert_eq!(groups.recv_timeout(PATIENCE).unwrap(), Vec::<i64>::new());
    }

    #[test]
    fn nothing_is_lost_at_the_end() {
        let (desk, pile) = desk(NEVER);
        desk.shared.lock().lonely = false;
        let groups = take_all(pile);
        wait_until(&desk, Recorder::Dozing);
        let first = desk.leave(entry(1));
        let other = desk.clone();
        drop(desk);
        assert_eq!(other.leave(entry(2)), first);
        assert!(groups.is_empty(), "somebody may still come");
        drop(other);
        assert_eq!(groups.iter().collect::<Vec<_>>(), [vec![1, 2], vec![]]);
    }
}

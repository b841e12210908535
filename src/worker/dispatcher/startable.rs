//! The tasks that can be started, and whose turn it is. Which tasks can be is left to `tasks`, whether there is a place to
//! `dispatcher`.

use std::collections::BTreeSet;

use crate::domain::priority::Priority;
use crate::worker::dispatcher::source::Urgency;
use crate::worker::dispatcher::task::TaskId;
use crate::worker::turns::Turns;

/// The first tasks of their lines, if they have not begun and nothing but a free place is missing.
#[derive(Debug, Default)]
pub(super) struct Startable {
    urgent: ByPriority,
    usual: ByPriority,
}

/// Those of one urgency.
#[derive(Debug, Default)]
struct ByPriority {
    ids: [BTreeSet<TaskId>; 3],
    turns: Turns,
}

impl Startable {
    pub(super) fn insert(&mut self, id: TaskId, urgency: Urgency, priority: Priority) {
        self.of(urgency).ids[priority.index()].insert(id);
    }

    pub(super) fn remove(&mut self, id: TaskId) {
        for ids in self.urgent.ids.iter_mut().chain(&mut self.usual.ids) {
            ids.remove(&id);
        }
    }

    /// The one that arrived first of those of the priority whose turn it is.
    pub(super) fn next(&mut self, urgency: Urgency) -> Option<TaskId> {
        let ByPriority { ids, turns } = self.of(urgency);
        let priority = turns.next(|priority| !ids[priority.index()].is_empty())?;
        ids[priority.index()].first().copied()
    }

    /// This one is started: its priority has had its turn.
    pub(super) fn begin(&mut self, id: TaskId) {
        for ByPriority { ids, turns } in [&mut self.urgent, &mut self.usual] {
            if let Some(priority) = Priority::ALL.into_iter().find(|one| ids[one.index()].contains(&id)) {
                turns.taken(priority);
            }
        }
        self.remove(id);
    }

    fn of(&mut self, urgency: Urgency) -> &mut ByPriority {
        match urgency {
            Urgency::Urgent => &mut self.urgent,
            Urgency::Usual => &mut self.usual,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.urgent.ids.iter().chain(&self.usual.ids).all(BTreeSet::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{High, Low, Medium};

    #[test]
    fn each_priority_has_its_share_of_the_starts_and_order_holds_within_it() {
        let mut startable = Startable::default();
        for id in 0..39 {
            startable.insert(TaskId(id), Urgency::Usual, Priority::ALL[(id % 3) as usize]);
        }
        startable.insert(TaskId(100), Urgency::Urgent, Low);
        assert_eq!(startable.next(Urgency::Urgent), Some(TaskId(100)));
        let mut started: [Vec<u64>; 3] = Default::default();
        for _ in 0..13 {
            let id = startable.next(Urgency::Usual).unwrap();
            assert_eq!(startable.next(Urgency::Usual), Some(id), "asking takes no turn");
            startable.begin(id);
            started[(id.0 % 3) as usize].push(id.0);
        }
        assert_eq!(started, [vec![0, 3, 6, 9, 12, 15, 18, 21], vec![1, 4, 7, 10], vec![2]]);
    }

    #[test]
    fn high_is_started_before_those_that_came_first_and_low_when_it_is_alone() {
        let mut startable = Startable::default();
        for (id, priority) in [(1, Low), (2, Medium), (3, High), (4, High)] {
            startable.insert(TaskId(id), Urgency::Usual, priority);
        }
        let order = std::iter::from_fn(|| {
            let next = startable.next(Urgency::Usual)?;
            startable.begin(next);
            Some(next.0)
        });
        assert_eq!(order.collect::<Vec<u64>>(), [3, 4, 2, 1]);
        assert!(startable.is_empty());
    }
}

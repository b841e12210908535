//! The traces of notifications whose messages this process has, so that every line about a notification names its trace, and what is
//! published about it passes it on.
//!
//! One table for the process, as there is one log: lines are written in many places, most of which know no more of a notification than
//! its number. It is memory only. After a restart it is filled again by the messages that come again; what no message carries any more, such as a
//! mail that is deferred, has no trace then.

use std::collections::{HashMap, VecDeque};
use std::sync::{LazyLock, Mutex};

use crate::domain::ids::NotificationId;
use crate::domain::traceparent::TraceParent;
use crate::sync::lock;

/// The newest ones are kept. They take about a megabyte.
const MAX: usize = 10_000;

static KNOWN: LazyLock<Mutex<TraceParents>> = LazyLock::new(Mutex::default);

/// Keeps the trace of the message of a notification. That of its newest message counts.
pub fn remember(id: NotificationId, traceparent: TraceParent) {
    lock(&KNOWN).insert(id, traceparent);
}

/// The trace of a notification, if its message has named one.
#[must_use]
pub fn of(id: NotificationId) -> Option<TraceParent> {
    lock(&KNOWN).by_id.get(&id).copied()
}

#[derive(Debug, Default)]
struct TraceParents {
    by_id: HashMap<NotificationId, TraceParent>,
    /// The keys, oldest first.
    order: VecDeque<NotificationId>,
}

impl TraceParents {
    fn insert(&mut self, id: NotificationId, traceparent: TraceParent) {
        if self.by_id.insert(id, traceparent).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_each_has_one_place() {
        let parent = |span: usize| {
            TraceParent::parse(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span:016x}-01")).unwrap()
        };
        let id = |number: usize| NotificationId(i64::try_from(number).unwrap());
        let mut known = TraceParents::default();
        for number in 1..=MAX + 1 {
            known.insert(id(number), parent(number));
            known.insert(id(number), parent(number + 1));
        }
        assert_eq!((known.by_id.len(), known.order.len()), (MAX, MAX));
        assert_eq!(known.by_id.get(&id(1)), None);
        assert_eq!(known.by_id.get(&id(2)), Some(&parent(3)));
    }
}

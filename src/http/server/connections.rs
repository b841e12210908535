//! The connections that are open: how many there may be, and which of them gives way to a new one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, getrlimit};
use tokio::task::AbortHandle;

/// Most connections at a time.
pub(super) const MAX_CONNECTIONS: usize = 256;
/// Of the files that the process may have open, connections of clients take at most this part: mails, database and broker need theirs.
const SHARE_OF_FILES: u64 = 4;

/// Set once a connection has sent the head of its request.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Arc<AtomicBool>);

impl Asked {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Those that are open, oldest first.
#[derive(Debug)]
pub(super) struct Connections {
    open: VecDeque<(AbortHandle, Asked)>,
    max: usize,
}

impl Connections {
    /// As many as the process can spare files for.
    pub(super) fn new() -> Self {
        Self { open: VecDeque::new(), max: affordable(getrlimit(Resource::Nofile).current) }
    }

    /// Makes place for one more. The oldest gives way of those that have asked nothing yet: clients that only hold connections keep out no
    /// one, and end no request of others. If all have asked, it is the oldest, which is the slowest.
    pub(super) fn make_room(&mut self) {
        if self.open.len() < self.max {
            return;
        }
        self.open.retain(|(task, _)| !task.is_finished());
        if self.open.len() < self.max {
            return;
        }
        let idle = self.open.iter().position(|(_, asked)| !asked.0.load(Ordering::Relaxed));
        if let Some((oldest, _)) = self.open.remove(idle.unwrap_or(0)) {
            oldest.abort();
        }
    }

    pub(super) fn add(&mut self, task: AbortHandle, asked: Asked) {
        self.open.push_back((task, asked));
    }
}

/// How many connections there may be where the process may have `files` open; `None`: any number.
fn affordable(files: Option<u64>) -> usize {
    let share = files.map_or(u64::MAX, |files| files / SHARE_OF_FILES);
    usize::try_from(share).unwrap_or(usize::MAX).clamp(1, MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn connections_leave_files_to_the_others() {
        let found = [None, Some(u64::MAX), Some(1024), Some(256), Some(3)].map(affordable);
        assert_eq!(found, [MAX_CONNECTIONS, MAX_CONNECTIONS, 256, 64, 1]);
    }

    #[test]
    fn who_has_asked_nothing_gives_way_first() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(std::future::pending::<()>())).collect();
        let mut connections = Connections { open: VecDeque::new(), max: 3 };
        let asked: Vec<Asked> = tasks.iter().map(|_| Asked::default()).collect();
        for (task, asked) in tasks.iter().zip(&asked).take(3) {
            connections.make_room();
            connections.add(task.abort_handle(), asked.clone());
        }
        let ended = || {
            runtime.block_on(tokio::task::yield_now());
            tasks.iter().map(tokio::task::JoinHandle::is_finished).collect::<Vec<_>>()
        };
        asked[0].set();
        connections.make_room();
        assert_eq!(ended(), [false, true, false, false], "the oldest that has not asked");
        connections.add(tasks[3].abort_handle(), asked[3].clone());
        asked[2].set();
        asked[3].set();
        connections.make_room();
        assert_eq!(ended(), [true, true, false, false], "the oldest");
    }
}

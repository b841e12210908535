//! All processes of a server at once: `PostgreSQL` has one for each connection, each in a process group of its own.

use std::fs;
use std::process::{Command, Stdio};

use crate::cleanup::{self, ChildGuard};
use crate::wait::wait_until;

/// A server that is frozen. Dropping it thaws the server.
pub struct ProcessTree {
    /// The first one is the parent.
    pids: Vec<u32>,
}

impl ProcessTree {
    /// Stops the parent first, because it could start more children meanwhile.
    pub(super) fn freeze(parent: &ChildGuard) -> Self {
        parent.signal("STOP");
        let children = children_of(parent.child.id());
        for child in &children {
            cleanup::kill_at_exit(*child);
        }
        let family = Self { pids: [vec![parent.child.id()], children].concat() };
        family.signal("STOP");
        family
    }

    /// Returns when all have ended: a server refuses to start while a child of the former server runs.
    pub(super) fn kill(self) {
        self.signal("KILL");
        wait_until("the killed processes to end", || self.pids.iter().all(|pid| is_over(*pid)));
    }

    /// Sends SIGCONT to all of them.
    pub fn thaw(self) {
        drop(self);
    }

    fn signal(&self, name: &str) {
        let pids: Vec<String> = self.pids.iter().map(u32::to_string).collect();
        // It is no error when a process has ended.
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", pids.join(" "))])
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok(), "no shell");
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        self.signal("CONT");
        for child in &self.pids[1..] {
            cleanup::cancel_kill_at_exit(*child);
        }
    }
}

/// The children of a process.
pub(super) fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    status_of(pid)?.split_whitespace().nth(1)?.parse().ok()
}

/// Whether the process has ended; a zombie counts as ended.
fn is_over(pid: u32) -> bool {
    status_of(pid).is_none_or(|status| status.trim_start().starts_with(['Z', 'X']))
}

/// State, parent and more (proc(5)).
fn status_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program comes first, in brackets, and may contain blanks and brackets.
    stat.rsplit_once(')').map(|(_, status)| status.to_owned())
}

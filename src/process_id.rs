//! The identity of a process: the name under which it owns leases, and whether the owner of another name has certainly
//! exited. `worker::lease` explains leases.
//!
//! A worker that was killed and is started again on the same machine would have to wait for the end of its own lease.
//! The name says which process owned it, so that the next worker can see that it has exited.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;

/// What identifies a process: when all of this is the same, it is the same process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ProcessId {
    host: String,
    pid: u32,
    /// In ticks since the machine was booted. A pid is used again, but with another start time.
    start_time: u64,
    /// The user who runs it: processes of other users can be hidden.
    user: u32,
    /// The pid namespace: processes of other containers are hidden.
    namespace: String,
    boot: String,
}

/// The name of this process: `host:pid` for people, and the rest for [`has_exited`].
#[must_use]
pub fn this_process() -> String {
    match ProcessId::of(std::process::id()) {
        Some(id) => id.name(),
        // Without /proc no process can look it up. It must be unique all the same.
        None => format!("worker:{}:{:016x}", std::process::id(), fastrand::u64(..)),
    }
}

/// The part of a process's name that is for people: `host:pid`.
#[must_use]
pub fn display_name(name: &str) -> &str {
    name.match_indices(':').nth(1).map_or(name, |(end, _)| &name[..end])
}

/// Whether the process of this name ran on this machine and has certainly exited. `false` for a process that is frozen,
/// and for one that we could not see: on another machine, in another container, or of another user.
#[must_use]
pub fn has_exited(name: &str) -> bool {
    let (Some(process), Some(ours)) = (ProcessId::parse(name), ProcessId::of(std::process::id())) else {
        return false;
    };
    process.is_visible_to(&ours)
        && match start_time(process.pid) {
            // The pid may belong to a later process.
            Ok(found) => found != Some(process.start_time),
            // Only NotFound proves that the process has exited; EACCES, for one, does not.
            Err(error) => error.kind() == ErrorKind::NotFound,
        }
}

impl ProcessId {
    /// The process of this machine that has this pid.
    fn of(pid: u32) -> Option<Self> {
        let word = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        Some(Self {
            host: word("/proc/sys/kernel/hostname").filter(|host| !host.is_empty() && !host.contains(':'))?,
            pid,
            start_time: start_time(pid).ok()??,
            user: fs::metadata("/proc/self").ok()?.uid(),
            namespace: fs::metadata("/proc/self/ns/pid").ok()?.ino().to_string(),
            boot: word("/proc/sys/kernel/random/boot_id")?,
        })
    }

    /// Whether `/proc` of the process `viewer` would show this process.
    fn is_visible_to(&self, viewer: &Self) -> bool {
        (&self.host, self.user, &self.namespace, &self.boot)
            == (&viewer.host, viewer.user, &viewer.namespace, &viewer.boot)
    }

    fn name(&self) -> String {
        let Self { host, pid, start_time, user, namespace, boot } = self;
        format!("{host}:{pid}:{start_time}:{user}:{namespace}:{boot}")
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split(':');
        let id = Self {
            host: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            start_time: parts.next()?.parse().ok()?,
            user: parts.next()?.parse().ok()?,
            namespace: parts.next()?.to_owned(),
            boot: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(id)
    }
}

/// When the process with this pid was started, in ticks since boot; `None` for a zombie, which has exited. Fields 3 and
/// 22 of `/proc/<pid>/stat` (proc(5)); the second field may itself hold blanks and brackets.
///
/// # Errors
/// `NotFound` when there is no such process.
fn start_time(pid: u32) -> io::Result<Option<u64>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace();
    let (state, ticks) = (fields.next(), fields.nth(18).and_then(|ticks| ticks.parse().ok()));
    match (state, ticks) {
        (Some("Z" | "X" | "x"), _) => Ok(None),
        (Some(_), Some(ticks)) => Ok(Some(ticks)),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_has_exited_only_after_its_end() {
        let ours = this_process();
        assert!(!has_exited(&ours), "{ours}");
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let name = ProcessId::of(child.id()).unwrap().name();
        assert!(!has_exited(&name), "{name}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(has_exited(&name), "{name}");
    }

    #[test]
    fn a_pid_that_was_used_again_is_another_process() {
        let ours = ProcessId::of(std::process::id()).unwrap();
        let earlier = ProcessId { start_time: ours.start_time - 1, ..ours };
        assert!(has_exited(&earlier.name()));
    }

    #[test]
    fn a_process_that_cannot_be_seen_has_not_certainly_exited() {
        let ours = ProcessId::of(std::process::id()).unwrap();
        let dead = ProcessId { start_time: 1, ..ours };
        assert!(has_exited(&dead.name()));
        for elsewhere in [
            ProcessId { host: "elsewhere".to_owned(), ..dead.clone() },
            ProcessId { user: dead.user + 1, ..dead.clone() },
            ProcessId { namespace: "1".to_owned(), ..dead.clone() },
            ProcessId { boot: "another".to_owned(), ..dead.clone() },
        ] {
            assert!(!has_exited(&elsewhere.name()), "{elsewhere:?}");
        }
        for name in ["", "worker:7:00ff", "a:b:c:d:e:f", &format!("{}:x", dead.name())] {
            assert!(!has_exited(name), "{name}");
        }
    }

    #[test]
    fn the_display_name_is_host_and_pid() {
        assert_eq!(display_name("web-1:4711:8123456:0:4026531836:1f2e"), "web-1:4711");
        assert_eq!(display_name("worker:7"), "worker:7");
    }
}

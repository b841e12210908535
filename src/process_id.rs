//! The name of this process as an owner of leases, and whether the owner of another one is certainly gone.
//!
//! A worker that was killed and is started again on the same machine would have to wait for the end of its own
//! lease. The name says which process it was, so that its successor can see that it is no more.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;

/// What identifies a process of this machine: when all of this is the same, it is the same process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    host: String,
    pid: u32,
    /// In ticks since the machine started; a pid is used again, with another start.
    start: u64,
    /// Processes of other users can be hidden, and of other containers are.
    user: u32,
    namespace: String,
    boot: String,
}

/// The name of this process: `host:pid` for people, and the rest for [`is_gone`].
#[must_use]
pub fn this_process() -> String {
    match Owner::here(std::process::id()) {
        Some(owner) => owner.name(),
        // No /proc: nobody will be able to tell, but the name must be its own.
        None => format!("worker:{}:{:016x}", std::process::id(), fastrand::u64(..)),
    }
}

/// The part of an owner's name that is for people.
#[must_use]
pub fn shown(name: &str) -> &str {
    name.match_indices(':').nth(1).map_or(name, |(end, _)| &name[..end])
}

/// Whether the owner of this name was a process of this machine and has certainly ended. A process that is
/// frozen, or is on another machine, in another container or another user's, is not gone as far as we can tell.
#[must_use]
pub fn is_gone(name: &str) -> bool {
    let (Some(owner), Some(ours)) = (Owner::parse(name), Owner::here(std::process::id())) else {
        return false;
    };
    let within_sight = (&owner.host, owner.user, &owner.namespace, &owner.boot)
        == (&ours.host, ours.user, &ours.namespace, &ours.boot);
    // Any other failure to look proves nothing.
    let sight = started(owner.pid);
    let is_other = sight.as_ref().is_ok_and(|start| *start != Some(owner.start));
    within_sight && (is_other || sight.is_err_and(|error| error.kind() == ErrorKind::NotFound))
}

impl Owner {
    /// The process of this machine that has this pid.
    fn here(pid: u32) -> Option<Self> {
        let word = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        Some(Self {
            host: word("/proc/sys/kernel/hostname").filter(|host| !host.is_empty() && !host.contains(':'))?,
            pid,
            start: started(pid).ok()??,
            user: fs::metadata("/proc/self").ok()?.uid(),
            namespace: fs::metadata("/proc/self/ns/pid").ok()?.ino().to_string(),
            boot: word("/proc/sys/kernel/random/boot_id")?,
        })
    }

    fn name(&self) -> String {
        let Self { host, pid, start, user, namespace, boot } = self;
        format!("{host}:{pid}:{start}:{user}:{namespace}:{boot}")
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split(':');
        let owner = Self {
            host: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
            user: parts.next()?.parse().ok()?,
            namespace: parts.next()?.to_owned(),
            boot: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(owner)
    }
}

/// When the process with this pid was started; `None` for what is left of a killed one. Fields 3 and 22 of
/// `/proc/<pid>/stat` (proc(5)); the second field may itself hold blanks and brackets.
///
/// # Errors
/// `NotFound` when there is no such process.
fn started(pid: u32) -> io::Result<Option<u64>> {
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
    fn only_a_process_that_has_ended_is_gone() {
        let ours = this_process();
        assert!(!is_gone(&ours), "{ours}");
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let name = Owner::here(child.id()).unwrap().name();
        assert!(!is_gone(&name), "{name}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&name), "{name}");
    }

    #[test]
    fn a_pid_that_was_used_again_is_another_process() {
        let ours = Owner::here(std::process::id()).unwrap();
        let earlier = Owner { start: ours.start - 1, ..ours };
        assert!(is_gone(&earlier.name()));
    }

    #[test]
    fn of_what_is_out_of_sight_nobody_knows() {
        let ours = Owner::here(std::process::id()).unwrap();
        let dead = Owner { start: 1, ..ours };
        assert!(is_gone(&dead.name()));
        for elsewhere in [
            Owner { host: "elsewhere".to_owned(), ..dead.clone() },
            Owner { user: dead.user + 1, ..dead.clone() },
            Owner { namespace: "1".to_owned(), ..dead.clone() },
            Owner { boot: "another".to_owned(), ..dead.clone() },
        ] {
            assert!(!is_gone(&elsewhere.name()), "{elsewhere:?}");
        }
        for name in ["", "worker:7:00ff", "a:b:c:d:e:f", &format!("{}:x", dead.name())] {
            assert!(!is_gone(name), "{name}");
        }
    }

    #[test]
    fn people_see_host_and_pid() {
        assert_eq!(shown("web-1:4711:8123456:0:4026531836:1f2e"), "web-1:4711");
        assert_eq!(shown("worker:7"), "worker:7");
    }
}

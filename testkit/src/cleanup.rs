//! A small shell process that runs a moment longer than the tests. When the tests end for any reason, it kills the
//! processes that they left behind and removes their folders. A destructor would not do: statics are never dropped, and
//! SIGKILL runs no destructor. The pipe to the shell is closed in each case.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// Reads one command a line until the pipe is closed, then cleans up.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=' ' quitters=' ' folders=''
without() { case $2 in *" $1 "*) echo "${2%% $1 *} ${2#* $1 }" ;; *) echo "$2" ;; esac; }
while read -r order argument; do
    case $order in
        kill) pids="$pids$argument " ;;
        quit) quitters="$quitters$argument " ;;
        forget) pids=$(without $argument "$pids") quitters=$(without $argument "$quitters") ;;
        remove) folders="$folders
$argument" ;;
    esac
done
for pid in $quitters; do kill -QUIT "$pid"; done
# What is frozen could not quit.
for pid in $pids $quitters; do kill -CONT "$pid"; done
for pid in $quitters; do
    tries=0
    while [ $tries -lt 30 ] && kill -0 "$pid"; do sleep 0.1; tries=$((tries + 1)); done
done
for pid in $pids $quitters; do kill -KILL "$pid"; done
IFS='
'
for folder in $folders; do rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }; done
"#;

/// A child process that ends with the tests: killed on drop, or by the shell process.
#[derive(Debug)]
pub struct ChildGuard {
    /// The process.
    pub child: Child,
    /// Whether the process is sent QUIT before it is killed.
    quits: bool,
    /// Whether signals go to all of its process group.
    is_group: bool,
}

/// How long a process may take to end after QUIT.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

impl ChildGuard {
    /// Starts the process.
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        kill_at_exit(child.id());
        Self { child, quits: false, is_group: false }
    }

    /// The same for a process whose children, in a process group with it, would outlive it.
    pub fn spawn_group(command: &mut Command) -> Self {
        let child = command.process_group(0).spawn().unwrap();
        let guard = Self { child, quits: false, is_group: true };
        send("kill", &guard.target());
        guard
    }

    /// The same for a process that ends at once, and cleans up, when it gets SIGQUIT.
    pub fn spawn_with_quit(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        send("quit", &child.id().to_string());
        Self { child, quits: true, is_group: false }
    }

    /// As `kill` names it.
    fn target(&self) -> String {
        let sign = if self.is_group { "-" } else { "" };
        format!("{sign}{}", self.child.id())
    }

    /// Sends the process a signal, such as `TERM`. It is no error when the process has ended.
    pub fn signal(&self, name: &str) {
        // The shell's own kill: minimal systems have no program of that name.
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.target())])
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok(), "no shell");
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        if self.quits {
            let deadline = Instant::now() + QUIT_TIMEOUT;
            if matches!(self.child.try_wait(), Ok(None)) {
                self.signal("QUIT");
            }
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
        }
        if self.is_group {
            self.signal("KILL");
        }
        // Both fail only for a process that has ended.
        drop(self.child.kill());
        drop(self.child.wait());
        send("forget", &self.target());
    }
}

/// The process is killed when the tests have ended.
pub fn kill_at_exit(pid: u32) {
    send("kill", &pid.to_string());
}

/// Takes [`kill_at_exit`] back: the process has ended, or will end by itself.
pub fn cancel_kill_at_exit(pid: u32) {
    send("forget", &pid.to_string());
}

/// The folder is removed when the tests have ended.
pub fn remove_at_exit(folder: &Path) {
    send("remove", folder.to_str().unwrap());
}

fn send(verb: &str, argument: &str) {
    static SHELL: OnceLock<Mutex<Child>> = OnceLock::new();
    let shell = SHELL.get_or_init(|| {
        let child = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C that is meant for the tests must not reach it.
            .process_group(0)
            .spawn();
        Mutex::new(child.unwrap())
    });
    let mut shell = lock(shell);
    writeln!(shell.stdin.as_mut().unwrap(), "{verb} {argument}").unwrap();
}

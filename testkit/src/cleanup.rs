//! A small shell process that outlives the tests by a moment: when they end, however they end, it kills the
//! processes they left behind and removes their directories. Statics are never dropped, and SIGKILL runs no
//! destructor; a pipe is closed in either case.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Reads one order a line until the pipe is closed, then does what is left to do.
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

/// A child process that surely ends with the tests: killed on drop, or by the guardian.
#[derive(Debug)]
pub struct ChildGuard {
    /// The process.
    pub child: Child,
    /// Whether it is asked before it is killed.
    quits: bool,
}

/// How long that may take.
const FAREWELL: Duration = Duration::from_secs(5);

impl ChildGuard {
    /// Starts the process.
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        kill_at_exit(child.id());
        Self { child, quits: false }
    }

    /// The same for a process that ends at once, and cleans up, when it is sent `QUIT`.
    pub fn spawn_with_quit(command: &mut Command) -> Self {
        let child = command.spawn().unwrap();
        order("quit", &child.id().to_string());
        Self { child, quits: true }
    }

    /// Sends it a signal, such as `TERM`. A process that is over is not an error.
    pub fn signal(&self, name: &str) {
        // The shell's own kill: minimal systems have no program of that name.
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok(), "no shell");
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        if self.quits {
            let deadline = Instant::now() + FAREWELL;
            if matches!(self.child.try_wait(), Ok(None)) {
                self.signal("QUIT");
            }
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
        }
        // Both fail only for a process that is over.
        drop(self.child.kill());
        drop(self.child.wait());
        cancel_kill_at_exit(self.child.id());
    }
}

/// Has a process killed when the tests have ended.
pub fn kill_at_exit(pid: u32) {
    order("kill", &pid.to_string());
}

/// Takes that back: the process is over, or ends by itself.
pub fn cancel_kill_at_exit(pid: u32) {
    order("forget", &pid.to_string());
}

/// Has a directory removed when the tests have ended.
pub fn remove_at_exit(folder: &Path) {
    order("remove", folder.to_str().unwrap());
}

fn order(verb: &str, argument: &str) {
    static GUARDIAN: OnceLock<Mutex<Child>> = OnceLock::new();
    let guardian = GUARDIAN.get_or_init(|| {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Not in reach of a Ctrl-C that is meant for the tests.
            .process_group(0)
            .spawn();
        Mutex::new(shell.unwrap())
    });
    let mut guardian = guardian.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(guardian.stdin.as_mut().unwrap(), "{verb} {argument}").unwrap();
}

//! A running `fanmail`: started with exactly the given environment, its output written to files, killed at the end at
//! the latest.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::cleanup::ChildGuard;
use crate::program;
use crate::wait::{TIMEOUT, wait_for, wait_until};

/// The unit in which the Linux kernel reports CPU time (`USER_HZ`), whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Variables for `fanmail`.
pub type Environment = BTreeMap<String, String>;

/// A running `fanmail`. Dropping it kills it.
pub struct Process {
    ward: ChildGuard,
    what: String,
    out: PathBuf,
    err: PathBuf,
}

/// How a `fanmail` ended.
#[derive(Debug)]
pub struct Exit {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error: the log, and the messages for the user.
    pub err: String,
}

impl Process {
    /// Starts `fanmail` with these arguments in `dir`. It gets nothing of the environment of the tests.
    pub fn start(dir: &Path, environment: &Environment, arguments: &[&str]) -> Self {
        Self::start_under(&[], dir, environment, arguments)
    }

    /// The same below another program, which gets `fanmail` and its arguments as its last arguments.
    pub fn start_under(
        wrapper: &[String],
        dir: &Path,
        environment: &Environment,
        arguments: &[&str],
    ) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let what = format!("{}-{}", arguments[0], COUNT.fetch_add(1, Ordering::Relaxed));
        let [out, err] = ["out", "err"].map(|stream| dir.join(format!("{what}.{stream}")));
        let words: Vec<&OsStr> =
            wrapper.iter().map(OsStr::new).chain([program::fanmail().as_os_str()]).collect();
        let ward = ChildGuard::spawn(
            Command::new(words[0])
                .args(&words[1..])
                .args(arguments)
                .current_dir(dir)
                .env_clear()
                .envs(environment)
                .stdin(Stdio::null())
                .stdout(File::create(&out).unwrap())
                .stderr(File::create(&err).unwrap()),
        );
        Self { ward, what, out, err }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.ward.child.id()
    }

    /// User and system time of all threads in seconds, ended threads included (proc(5), fields 14 and 15).
    pub fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = |n: usize| -> f64 { fields.split(' ').nth(n - 3).unwrap().parse().unwrap() };
        (ticks(14) + ticks(15)) / TICKS_PER_SECOND
    }

    /// The log so far.
    pub fn log(&self) -> String {
        read(&self.err)
    }

    /// What it has printed so far.
    pub fn out(&self) -> String {
        read(&self.out)
    }

    /// Waits for a log line that contains `text`.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        wait_until(&format!("{} to log {text:?}", self.what), || self.log().contains(text));
    }

    /// Whether the process has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.ward.child.try_wait().unwrap().is_none()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends this signal, such as `HUP` or `64`.
    pub fn signal(&self, name: &str) {
        self.ward.signal(name);
    }

    /// Sends SIGSTOP and waits until all threads are stopped: on a busy machine some of them run on for a while. The
    /// connections stay open.
    #[track_caller]
    pub fn freeze(&self) {
        self.ward.signal("STOP");
        let threads = PathBuf::from(format!("/proc/{}/task", self.ward.child.id()));
        wait_until(&format!("{} to be frozen", self.what), || {
            fs::read_dir(&threads).unwrap().all(|thread| {
                let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap_or_default();
                // The state follows the name of the program, which is in brackets and may contain brackets (proc(5)).
                stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
            })
        });
    }

    /// Sends SIGCONT.
    pub fn thaw(&self) {
        self.ward.signal("CONT");
    }

    /// Sends SIGKILL and waits for the end. Returns the log.
    pub fn kill(mut self) -> String {
        self.ward.child.kill().unwrap();
        self.ward.child.wait().unwrap();
        self.log()
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub fn wait(self) -> Exit {
        self.wait_within(TIMEOUT)
    }

    /// The same with a deadline of its own.
    #[track_caller]
    pub fn wait_within(mut self, timeout: Duration) -> Exit {
        let child = &mut self.ward.child;
        let status = wait_for(&format!("{} to end", self.what), timeout, || child.try_wait().unwrap());
        Exit { code: status.code(), out: read(&self.out), err: read(&self.err) }
    }

    /// Sends SIGTERM. The exit code has to be 0.
    #[track_caller]
    pub fn stop(self) -> Exit {
        self.terminate();
        let ended = self.wait();
        assert_eq!(ended.code, Some(0), "SIGTERM must end it cleanly:\n{}", ended.err);
        ended
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(40)..];
            eprintln!("the last log lines of {}:\n{}", self.what, tail.join("\n"));
        }
    }
}

/// Largest physical memory of a process so far, in MiB (proc(5), `VmHWM`).
pub fn peak_memory(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kib / 1024.0
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

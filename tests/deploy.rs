//! What stands in `deploy/`, held against the code and against the tools of those who read it, where these are installed.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

use std::fs;
use std::io::ErrorKind;
use std::process::Command;

use fanmail::config::Config;
use fanmail::exit_code::MISCONFIGURED;

const UNIT: &str = "deploy/systemd/fanmail.service";

/// The value of the last line of the unit that sets this.
fn setting(name: &str) -> String {
    let unit = fs::read_to_string(UNIT).unwrap();
    let prefix = format!("{name}=");
    unit.lines().rev().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
}

/// What a tool says, and whether it is content; `None` where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<(String, bool)> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some((String::from_utf8_lossy(&said).into_owned(), output.status.success()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("NOT CHECKED: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// systemd reads the unit without a complaint; for the test, the program is the one that is here.
#[test]
fn systemd_accepts_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("fanmail.service");
    let unit = fs::read_to_string(UNIT).unwrap().replace("/usr/bin/fanmail", env!("CARGO_BIN_EXE_fanmail"));
    fs::write(&copy, unit).unwrap();
    if let Some((said, is_content)) = run("systemd-analyze", &["verify", "--man=no", copy.to_str().unwrap()])
    {
        assert!(is_content && said.trim().is_empty(), "{said}");
    }
}

#[test]
fn the_unit_lets_the_worker_do_no_more_than_it_needs() {
    // In tenths: 2.0 of 10.
    let arguments = ["security", "--offline=true", "--threshold=20", "--no-pager", UNIT];
    if let Some((said, is_content)) = run("systemd-analyze", &arguments) {
        assert!(is_content, "{said}");
        assert!(said.contains("Overall exposure level"), "{said}");
    }
}

#[test]
fn the_unit_stops_the_worker_later_than_it_stops_itself() {
    let shutdown_timeout = Config::from_lookup(&|_| None).unwrap().worker.shutdown_timeout.as_secs();
    let stop: u64 = setting("TimeoutStopSec").parse().unwrap();
    assert!(stop > shutdown_timeout, "{stop} s, and SHUTDOWN_TIMEOUT is {shutdown_timeout} s");
    assert_eq!(setting("RestartPreventExitStatus"), MISCONFIGURED.to_string());
    assert_eq!((setting("Type"), setting("KillSignal")), ("notify".to_owned(), "SIGTERM".to_owned()));
}

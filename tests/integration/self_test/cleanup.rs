//! Processes end with the tests that have started them.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use testkit::cleanup::ChildGuard;

#[test]
fn children_end_with_the_guard_of_their_group() {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 60 & echo started; wait"]).stdout(Stdio::piped());
    let mut group = ChildGuard::spawn_group(&mut command);
    let mut lines = BufReader::new(group.child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "started");
    drop(group);
    assert!(lines.next().is_none(), "the pipe is closed once no process has it");
}

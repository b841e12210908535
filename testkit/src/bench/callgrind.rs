//! Valgrind's callgrind: running a program under it, and reading how many instructions all threads have executed. It
//! runs one thread at a time, so the order of threads changes little.

use std::fs;
use std::path::Path;

use crate::bench::sink::program;

/// The command in front of the program.
pub fn command(out: &Path) -> Vec<String> {
    let out = out.to_str().unwrap();
    [&program("VALGRIND"), "--quiet", "--tool=callgrind", &format!("--callgrind-out-file={out}")]
        .map(str::to_owned)
        .into()
}

/// The count of a run that has ended.
pub fn total(out: &Path) -> u64 {
    let profile = fs::read_to_string(out).expect("callgrind has written nothing");
    // "summary" leaves out the end of the process, and is the only line that occurs once.
    let line = profile.lines().find_map(|line| line.strip_prefix("summary: "));
    line.expect("a profile has a summary").trim().parse().unwrap()
}

/// The count for one unit. Start and end of the program cost the same in each run and cancel out.
pub fn per_unit(few: u64, many: u64, count: impl Fn(u64) -> u64) -> u64 {
    let (few_cost, many_cost) = (count(few), count(many));
    many_cost.checked_sub(few_cost).expect("more cost less") / (many - few)
}

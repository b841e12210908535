//! Valgrind's callgrind: running a program under it, and reading how many instructions all threads executed. It lets
//! one thread run at a time, so that how they meet changes little.

use std::fs;
use std::path::Path;

use crate::bench::sink::program;

/// Everything before the program.
pub fn command(out: &Path) -> Vec<String> {
    let out = out.to_str().unwrap();
    [&program("VALGRIND"), "--quiet", "--tool=callgrind", &format!("--callgrind-out-file={out}")]
        .map(str::to_owned)
        .into()
}

/// What a run that has ended has written down.
pub fn total(out: &Path) -> u64 {
    let profile = fs::read_to_string(out).expect("callgrind has written nothing");
    // "summary" leaves out what happened while the process ended, and only it is there once.
    let line = profile.lines().find_map(|line| line.strip_prefix("summary: "));
    line.expect("a profile has a summary").trim().parse().unwrap()
}

/// What one of many costs: start and end, which cost the same in each run, cancel out.
pub fn per_unit(few: u64, many: u64, count: impl Fn(u64) -> u64) -> u64 {
    let (few_cost, many_cost) = (count(few), count(many));
    many_cost.checked_sub(few_cost).expect("more cost less") / (many - few)
}

//! One row of the table: what a scenario has counted over all its runs.

use std::fs::File;
use std::io::Write as _;
use std::{env, thread};

/// A row. Dropping it writes it down, also when the scenario has failed.
pub struct Row {
    name: &'static str,
    fault: &'static str,
    /// Runs that were judged.
    pub runs: usize,
    /// Mails that somebody was to get.
    pub mails: usize,
    /// Of those, the ones that the relay never confirmed.
    pub lost: usize,
    /// Mails that were delivered more often than once, as often as they were.
    pub duplicates: usize,
    /// How many of those there may be.
    pub bound: usize,
    /// Whether there have to be exactly as many.
    pub exact: bool,
}

impl Row {
    /// An empty one.
    pub fn new(name: &'static str, fault: &'static str) -> Self {
        Self { name, fault, runs: 0, mails: 0, lost: 0, duplicates: 0, bound: 0, exact: true }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        let Self { name, fault, runs, mails, lost, duplicates, bound, exact } = *self;
        let sign = if exact { "=" } else { "≤" };
        let verdict = if thread::panicking() { "FAILED" } else { "" };
        let line =
            format!("{fault}\t{runs}\t{mails}\t{lost}\t{duplicates}\t{sign} {bound}\t{verdict}\t{name}\n");
        if let Some(path) = env::var_os("CHAOS_TABLE") {
            let mut file = File::options().create(true).append(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}

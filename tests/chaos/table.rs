//! A row of the table: the counts of a scenario over all its runs.

use std::fs::File;
use std::io::Write as _;
use std::{env, thread};

/// A row. Dropping it writes it to the table, also when the scenario has failed.
pub struct Row {
    name: &'static str,
    fault: &'static str,
    /// Runs with checks.
    pub runs: usize,
    /// Mails that were due.
    pub mails: usize,
    /// Mails that were due and that the relay never confirmed.
    pub lost: usize,
    /// Repeated mails, as often as each was repeated.
    pub duplicates: usize,
    /// The largest allowed number of duplicates.
    pub bound: usize,
    /// Whether there have to be exactly that many.
    pub exact: bool,
    /// The smallest share of the rate that the relay allowed; only where the relay throttles.
    pub share: Option<f64>,
    /// The largest number of refusals for each mail; only where the relay throttles.
    pub refused: Option<f64>,
}

impl Row {
    /// An empty one.
    pub fn new(name: &'static str, fault: &'static str) -> Self {
        Self {
            name,
            fault,
            runs: 0,
            mails: 0,
            lost: 0,
            duplicates: 0,
            bound: 0,
            exact: true,
            share: None,
            refused: None,
        }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        let Self { name, fault, runs, mails, lost, duplicates, bound, exact, share, refused } = *self;
        let sign = if exact { "=" } else { "≤" };
        let verdict = if thread::panicking() { "FAILED" } else { "" };
        let [share, refused] =
            [share, refused].map(|part| part.map_or(String::new(), |part| format!("{:.1} %", part * 100.0)));
        let line = format!(
            "{fault}\t{runs}\t{mails}\t{lost}\t{duplicates}\t{sign} {bound}\t{share}\t{refused}\t{verdict}\t{name}\n"
        );
        if let Some(path) = env::var_os("CHAOS_TABLE") {
            let mut file = File::options().create(true).append(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}

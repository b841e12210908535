//! What all measurements share: the definition of a section, the options, and the progress.

use std::time::Instant;

use crate::options::Options;
use testkit::bench::row::Row;

/// Rows that are measured together.
pub struct Section {
    /// Its name on the command line.
    pub name: &'static str,
    /// The heading.
    pub what: &'static str,
    /// The text below the heading: how it is measured.
    pub how: &'static str,
    /// Measures the rows.
    pub run: fn(&Stage) -> Vec<Row>,
}

/// The context of all sections.
pub struct Stage {
    /// The options.
    pub options: Options,
    begun: Instant,
}

impl Stage {
    /// Starts the clock of the progress.
    pub fn new(options: Options) -> Self {
        Self { options, begun: Instant::now() }
    }

    /// Prints the progress.
    pub fn say(&self, text: &str) {
        eprintln!("{:4} s  {text}", self.begun.elapsed().as_secs());
    }
}

//! What all measurements share: what a section is, the options, and how they tell of their progress.

use std::time::Instant;

use crate::options::Options;
use testkit::bench::row::Row;

/// Some rows that are measured together.
pub struct Section {
    /// To choose it on the command line.
    pub name: &'static str,
    /// What is measured, as a heading.
    pub what: &'static str,
    /// How it is measured, for the text below the heading.
    pub how: &'static str,
    /// Measures it.
    pub run: fn(&Stage) -> Vec<Row>,
}

/// Where it all happens.
pub struct Stage {
    /// As given.
    pub options: Options,
    begun: Instant,
}

impl Stage {
    /// Ready for the first section.
    pub fn new(options: Options) -> Self {
        Self { options, begun: Instant::now() }
    }

    /// Tells the person who waits.
    pub fn say(&self, text: &str) {
        eprintln!("{:4} s  {text}", self.begun.elapsed().as_secs());
    }
}

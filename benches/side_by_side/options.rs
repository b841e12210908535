//! The command line, as `scripts/bench` passes it on.

use std::path::PathBuf;

use clap::Parser;

/// What is to be measured.
#[derive(Debug, Parser)]
#[command(about = "Measures fanmail beside what else sends mails.", disable_version_flag = true)]
pub struct Options {
    /// Only these sections; all of them otherwise
    pub sections: Vec<String>,
    /// Small counts and one round: shows that everything runs, and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// How often each contestant has its turn
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// The folder that JSON and plot are written to
    #[arg(long, default_value = "target/bench")]
    pub out: PathBuf,
    /// What `cargo bench` says to every bench, and `cargo test` does not
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// Whether a section is to be measured.
    pub fn wants(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|name| name == section)
    }

    /// One number for a real measurement, and another for a quick one.
    pub fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// How many rounds.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }
}

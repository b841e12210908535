//! The command line, passed on by `scripts/bench`.

use std::path::PathBuf;

use clap::Parser;

/// What to measure.
#[derive(Debug, Parser)]
#[command(about = "Measures fanmail beside what else sends mails.", disable_version_flag = true)]
pub struct Options {
    /// Only these sections; all of them otherwise
    pub sections: Vec<String>,
    /// Small counts and one round: shows that everything works, and measures nothing
    #[arg(long)]
    pub quick: bool,
    /// How often each sender is measured
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// The folder for the JSON file and the plot
    #[arg(long, default_value = "target/bench")]
    pub out: PathBuf,
    /// `cargo bench` passes it to every bench, `cargo test` does not
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// Whether a section is selected.
    pub fn is_selected(&self, section: &str) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|name| name == section)
    }

    /// `full` for a real measurement, `quick` for a quick one.
    pub fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// The number of rounds.
    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }
}

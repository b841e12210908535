//! Counts the instructions of fanmail for a mail, for a small notification, and for the inner parts, and compares them
//! with benches/baseline.json. `scripts/instructions` and `scripts/check` run it.
//!
//! Seconds depend on what else the machine does. Instructions hardly do: they repeat within half a percent.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails like a test")]

mod instructions {
    pub mod repeat;
}
mod parts;

use std::fs;
use std::process::ExitCode;

use clap::Parser;
use testkit::bench::baseline::Baseline;
use testkit::bench::worker_instructions;

use crate::instructions::repeat::Part;

/// The baseline, relative to the folder in which cargo runs benches.
const BASELINE: &str = "benches/baseline.json";

/// The options, passed on by `scripts/instructions`.
#[derive(Debug, Parser)]
#[command(about = "Counts the instructions that fanmail needs.", disable_version_flag = true)]
struct Options {
    /// Write the counts as the new baseline
    #[arg(long)]
    accept: bool,
    /// What else the counts depend on: compiler, libraries, processor
    #[arg(long, default_value = "unknown")]
    made_with: String,
    /// Only run this part, under callgrind
    #[arg(long, hide = true, requires = "times")]
    part: Option<Part>,
    /// How often to run the part
    #[arg(long, hide = true)]
    times: Option<u64>,
    /// `cargo bench` passes it to every bench, `cargo test` does not
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let (Some(part), Some(times)) = (options.part, options.times) {
        part.run(times);
        return ExitCode::SUCCESS;
    }
    if !options.bench {
        eprintln!("Count the instructions with: scripts/instructions");
        return ExitCode::SUCCESS;
    }
    let found = measure(options.made_with);
    if options.accept {
        fs::write(BASELINE, found.to_json()).unwrap();
        print!("{found}\nWritten to {BASELINE}.\n");
        return ExitCode::SUCCESS;
    }
    let baseline = fs::read_to_string(BASELINE)
        .expect("there is no baseline; write it with scripts/instructions --accept");
    let baseline = Baseline::from_json(&baseline).expect("the baseline cannot be read");
    let comparison = baseline.compare(&found);
    print!("{comparison}");
    if comparison.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(made_with: String) -> Baseline {
    let mut found = Baseline { made_with, ..Baseline::default() };
    for part in Part::ALL {
        found.instructions.insert(part.to_string(), part.count());
    }
    found.instructions.insert("small notification".to_owned(), worker_instructions::per_small_notification());
    found.instructions.insert("mail".to_owned(), worker_instructions::per_mail());
    eprintln!(
        "{:.0} µs of CPU a mail, which is not compared",
        worker_instructions::cpu_seconds_per_mail() * 1e6
    );
    found
}

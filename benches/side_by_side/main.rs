//! Measures fanmail beside what else sends mails, each in turn, against the same sink on the same machine, and
//! prints a table with each row's goal. `scripts/bench` runs it.
//!
//! Refuses a figure in which any run lost a mail or sent one twice.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails like a test")]

mod faults;
mod options;
mod report;
mod rounds;
mod row;
mod rows;
mod sink;
mod source;
mod stage;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/support/mod.rs"]
mod support;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;

use options::Options;
use report::Report;
use row::Row;
use stage::Stage;

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

/// In the order in which they are measured.
const SECTIONS: &[Section] = &[rows::end_to_end::SECTION];

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        eprintln!("The measurements run with: scripts/bench");
        return ExitCode::SUCCESS;
    }
    for name in &options.sections {
        if !SECTIONS.iter().any(|section| section.name == name) {
            let names: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
            eprintln!("There is no section `{name}`; there are: {}", names.join(", "));
            return ExitCode::from(2);
        }
    }
    let stage = Stage::new(options);
    let mut report = Report::default();
    for section in SECTIONS.iter().filter(|section| stage.options.wants(section.name)) {
        stage.say(&format!("{}: {}", section.name, section.what));
        // One that breaks down must not take the others with it. What it says is on standard error already.
        let rows = catch_unwind(AssertUnwindSafe(|| (section.run)(&stage)))
            .unwrap_or_else(|_| vec![Row::broken_down(section.what)]);
        report.add(section, rows);
    }
    report.write(&stage.options.out);
    println!("{report}");
    if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! Measures fanmail and other programs that send mails, in turn, with the same sink on the same machine, and prints a
//! table with the goal of each row. `scripts/bench` runs it.
//!
//! A figure is refused when a run has lost or repeated a mail.

#![expect(clippy::unwrap_used, reason = "a bench fails like a test")]

mod machine;
mod options;
mod peer;
mod plot;
mod rounds;
mod rows;
mod source;
mod stage;
mod worker;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser as _;
use testkit::bench::report::{Part, Report};
use testkit::bench::row::Row;

use options::Options;
use stage::{Section, Stage};

/// In the order of measurement.
const SECTIONS: &[Section] = &[
    rows::end_to_end::SECTION,
    rows::peers::SECTION,
    rows::slow_relay::SECTION,
    rows::first_mail::SECTION,
    rows::registration::SECTION,
    rows::small::SECTION,
    rows::mixed::SECTION,
    rows::priority::SECTION,
    rows::flood::SECTION,
    rows::watched::SECTION,
    rows::memory::SECTION,
    rows::instructions::SECTION,
];

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        eprintln!("Run the measurements with: scripts/bench");
        return ExitCode::SUCCESS;
    }
    let known = |name: &String| SECTIONS.iter().any(|section| section.name == name);
    if let Some(unknown) = options.sections.iter().find(|name| !known(name)) {
        let names: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
        eprintln!("There is no section {unknown}. The sections are: {}", names.join(", "));
        return ExitCode::from(2);
    }
    let report = measure(options);
    println!("{report}");
    if report.is_valid() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(options: Options) -> Report {
    let stage = Stage::new(options);
    let Options { quick, out, .. } = &stage.options;
    let machine = machine::facts();
    let mut report = Report { quick: *quick, rounds: stage.options.rounds(), machine, parts: Vec::new() };
    fs::create_dir_all(out).unwrap();
    let plot = out.join("bench.svg");
    // The plot of another run would not belong to these figures.
    if plot.exists() {
        fs::remove_file(&plot).unwrap();
    }
    for section in SECTIONS.iter().filter(|section| stage.options.is_selected(section.name)) {
        let Section { name, what, how, run } = *section;
        stage.say(what);
        // A section that panics must not end the others. The reason is on standard error already.
        let rows =
            catch_unwind(AssertUnwindSafe(|| run(&stage))).unwrap_or_else(|_| vec![Row::not_measured(what)]);
        report.parts.push(Part { name, what, how, rows });
        // After each section, so that the results survive an early end.
        let json = serde_json::to_string_pretty(&report.json()).unwrap();
        fs::write(out.join("bench.json"), json + "\n").unwrap();
        plot::draw(report.rows(), &plot).unwrap();
    }
    stage.say(&format!("written to {}", out.display()));
    report
}

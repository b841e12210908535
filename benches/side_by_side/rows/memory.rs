//! Memory for different numbers of participants.

use crate::rounds::{Run, Sender as _, faults};
use crate::stage::{Section, Stage};
use crate::worker::{FanOut, Fanmail};
use testkit::bench::row::{Goal, Row, figure};
use testkit::system::System;

/// The section.
pub const SECTION: Section = Section {
    name: "memory",
    what: "Peak memory of the worker",
    how: "`VmHWM` of /proc when the message is acked, with `SMTP_CONNECTIONS=16`, a new worker for each run. \
          The largest fan-out runs once.",
    run,
};

const CONNECTIONS: usize = 16;
/// In MiB.
const GOAL: Goal = Goal::AtMost(40.0);
/// The largest memory of one size divided by the smallest of another.
const FLAT: Goal = Goal::AtMost(1.1);

fn run(stage: &Stage) -> Vec<Row> {
    let [small, middling, large] =
        [10_000, 100_000, 1_000_000].map(|full| stage.options.size(full, full / 100));
    let rounds = stage.options.rounds();
    let sizes = [(small, rounds), (middling, rounds), (large, 1)];
    let runs: Vec<Vec<Run>> = sizes
        .into_iter()
        .map(|(participants, rounds)| runs(stage, System::Sqlite, participants, rounds))
        .collect();
    let mut rows: Vec<Row> = runs.iter().map(|runs| row_of("fanmail, SQLite", runs).goal(GOAL)).collect();

    let medians: Vec<f64> = rows.iter().filter_map(Row::value).collect();
    let ratio =
        medians.iter().copied().fold(f64::MIN, f64::max) / medians.iter().copied().fold(f64::MAX, f64::min);
    let ratio = Row::new("fanmail, SQLite, the largest of these ÷ the smallest", "×", vec![ratio]);
    rows.push(ratio.goal(FLAT).faults(faults(runs.iter().flatten())));

    rows.push(row_of("fanmail, PostgreSQL", &self::runs(stage, System::Postgresql, middling, rounds)));
    rows
}

fn runs(stage: &Stage, system: System, participants: usize, rounds: usize) -> Vec<Run> {
    let fanmail = Fanmail::new(system, participants);
    let fan_out = FanOut { fanmail: &fanmail, connections: CONNECTIONS };
    let runs: Vec<Run> = (0..rounds).map(|_| fan_out.run()).collect();
    stage.say(&format!("  {}, {participants} participants", fanmail.name()));
    runs
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn row_of(name: &str, runs: &[Run]) -> Row {
    let participants = figure(runs[0].mails as f64);
    let peaks = runs.iter().filter_map(|run| run.peak_memory).collect();
    Row::new(format!("{name}, {participants} participants"), "MiB", peaks).faults(faults(runs))
}

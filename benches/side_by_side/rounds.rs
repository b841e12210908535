//! Contestants in turn: A B C, A B C, … A machine that is slower for a while is so for all of them, and a ratio is
//! taken within a round.

use crate::stage::Stage;
use testkit::bench::faults::Faults;

/// What one run gave.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// How many mails were to be sent.
    pub mails: usize,
    /// From the first to the last.
    pub seconds: f64,
    /// What went wrong.
    pub faults: Faults,
    /// User and system time of the sender, where it is known.
    pub cpu_seconds: Option<f64>,
    /// The most memory that the sender has had, in MiB, where it is known.
    pub peak_memory: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
impl Run {
    /// Mails per second.
    pub fn rate(&self) -> f64 {
        self.mails as f64 / self.seconds
    }

    /// Microseconds of CPU for each mail.
    pub fn cpu_per_mail(&self) -> Option<f64> {
        Some(self.cpu_seconds? * 1e6 / self.mails as f64)
    }
}

/// Somebody who sends mails.
pub trait Contestant {
    /// For the table, the plot and the progress.
    fn name(&self) -> String;

    /// Sends them once, and counts what arrived.
    fn run(&self) -> Run;
}

/// Who takes longer than this has one turn only, in seconds.
const LONG: f64 = 60.0;

/// The runs of each contestant, in the order of the contestants, one for each round.
pub fn take_turns(stage: &Stage, rounds: usize, contestants: &[&dyn Contestant]) -> Vec<Vec<Run>> {
    let mut runs = vec![Vec::new(); contestants.len()];
    for round in 1..=rounds {
        for (contestant, runs) in contestants.iter().zip(&mut runs) {
            if runs.last().is_some_and(|run: &Run| run.seconds > LONG) {
                continue;
            }
            let run = contestant.run();
            let remark = if run.faults.is_none() { String::new() } else { format!(" ({})", run.faults) };
            stage.say(&format!(
                "  round {round} of {rounds}: {}: {:.0} mails/s{remark}",
                contestant.name(),
                run.rate()
            ));
            runs.push(run);
        }
    }
    runs
}

/// The faults of several runs.
pub fn faults<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Faults {
    let mut all = Faults::default();
    for run in runs {
        all += run.faults;
    }
    all
}

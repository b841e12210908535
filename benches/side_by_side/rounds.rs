//! Senders in turn: A B C, A B C, … When the machine is slower for a while, it is so for all of them; a ratio is taken
//! within one round.

use crate::stage::Stage;
use testkit::bench::faults::Faults;

/// The result of one run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Number of mails to send.
    pub mails: usize,
    /// Time from the first to the last mail.
    pub seconds: f64,
    /// Lost and repeated mails.
    pub faults: Faults,
    /// CPU time of the sender in seconds, if known.
    pub cpu_seconds: Option<f64>,
    /// Largest memory of the sender in MiB, if known.
    pub peak_memory: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of mails are far below 2^52")]
impl Run {
    /// Mails per second.
    pub fn rate(&self) -> f64 {
        self.mails as f64 / self.seconds
    }

    /// CPU time for each mail, in microseconds.
    pub fn cpu_per_mail(&self) -> Option<f64> {
        Some(self.cpu_seconds? * 1e6 / self.mails as f64)
    }
}

/// A program that sends mails.
pub trait Sender {
    /// Its name in the table, the plot and the progress.
    fn name(&self) -> String;

    /// Sends the mails once, and counts those that arrived.
    fn run(&self) -> Run;
}

/// A sender that needs more seconds than this runs once only.
const LONG: f64 = 60.0;

/// The runs of each sender, in the order of the senders, one for each round.
pub fn take_turns(stage: &Stage, rounds: usize, senders: &[&dyn Sender]) -> Vec<Vec<Run>> {
    let mut runs = vec![Vec::new(); senders.len()];
    for round in 1..=rounds {
        for (sender, runs) in senders.iter().zip(&mut runs) {
            if runs.last().is_some_and(|run: &Run| run.seconds > LONG) {
                continue;
            }
            let run = sender.run();
            let remark = if run.faults.is_none() { String::new() } else { format!(" ({})", run.faults) };
            stage.say(&format!(
                "  round {round} of {rounds}: {}: {:.0} mails/s{remark}",
                sender.name(),
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

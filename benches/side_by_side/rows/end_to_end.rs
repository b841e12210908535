//! One message and 50,000 mails, beside smtp-source with as many sessions and mails of the same size.

use std::time::Duration;

use crate::rounds::{Run, Sender, faults, take_turns};
use crate::source::Source;
use crate::stage::{Section, Stage};
use crate::worker::{FanOut, Fanmail};
use testkit::bench::row::{Goal, Row};
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::wait_for;

/// The section.
pub const SECTION: Section = Section {
    name: "end-to-end",
    what: "End to end: one message, 50,000 participants",
    how: "From just before `basic.publish` to the `acked_at` of the ledger, into Postfix's smtp-sink. Each \
          round runs `smtp-source -d` with the same number of sessions and mails of the same size, then \
          fanmail with SQLite, then with PostgreSQL, each with an empty ledger. A ratio compares values of one \
          round.",
    run,
};

const CONNECTIONS: [usize; 4] = [1, 4, 16, 64];
/// The number of connections with a goal.
const JUDGED: usize = 16;

fn run(stage: &Stage) -> Vec<Row> {
    let participants = stage.options.size(50_000, 1_000);
    let payload = Source::payload_for(size_of_a_mail());
    stage.say(&format!("  smtp-source -l {payload} makes mails as large as fanmail's"));
    let sqlite = Fanmail::new(System::Sqlite, participants);
    let postgresql = Fanmail::new(System::Postgresql, participants);
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        let source = Source { mails: participants, sessions: connections, payload };
        let fan_outs = [&sqlite, &postgresql].map(|fanmail| FanOut { fanmail, connections });
        stage.say(&format!("  {connections} connections"));
        let senders: [&dyn Sender; 3] = [&source, &fan_outs[0], &fan_outs[1]];
        let runs = take_turns(stage, stage.options.rounds(), &senders);
        rows.extend(rows_of(&runs, &senders, connections));
    }
    rows
}

fn rows_of(runs: &[Vec<Run>], senders: &[&dyn Sender], connections: usize) -> Vec<Row> {
    let at = if connections == 1 { "1 connection".to_owned() } else { format!("{connections} connections") };
    let row = |what: &str, unit, samples| Row::new(format!("{what}, {at}"), unit, samples);
    let mut rows = Vec::new();
    for (runs, sender) in runs.iter().zip(senders) {
        let rates = runs.iter().map(Run::rate).collect();
        let name = sender.name();
        rows.push(row(&name, "mails/s", rates).faults(faults(runs)).point(&name, connections));
    }
    let goals = [Goal::AtLeast(1.0), Goal::AtLeast(0.8)];
    for ((fanmail, sender), goal) in runs[1..].iter().zip(&senders[1..]).zip(goals) {
        let name = sender.name();
        let ratios = fanmail.iter().zip(&runs[0]).map(|(run, source)| run.rate() / source.rate()).collect();
        let ratio =
            row(&format!("{name} ÷ smtp-source"), "×", ratios).faults(faults(fanmail.iter().chain(&runs[0])));
        rows.push(if connections == JUDGED { ratio.goal(goal) } else { ratio });
        let cpu = fanmail.iter().filter_map(Run::cpu_per_mail).collect();
        rows.push(row(&format!("{name}, CPU of the worker"), "µs/mail", cpu).faults(faults(fanmail)));
    }
    rows
}

/// Average size of a mail of fanmail on the wire, in octets.
fn size_of_a_mail() -> usize {
    const SAMPLE: usize = 200;
    let scenario = Scenario::with_relay("bench-size", SAMPLE).build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    wait_for("mails to measure", Duration::from_secs(60), || {
        (scenario.smtp.accepted() == SAMPLE).then_some(())
    });
    worker.stop();
    assert_eq!(scenario.people().len(), SAMPLE, "event {EVENT}");
    scenario.smtp.log().received.iter().map(|mail| mail.raw.len()).sum::<usize>() / SAMPLE
}

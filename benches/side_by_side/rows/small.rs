//! Very many notifications of one mail each: what a notification costs beside its mails.

use crate::rounds::{Contestant, Run, faults, take_turns};
use crate::row::{Goal, Row};
use crate::stage::{Section, Stage};
use crate::support::system::System;
use crate::worker::{Fanmail, Task};

/// The section.
pub const SECTION: Section = Section {
    name: "small",
    what: "Small notifications: 5,000 messages about 5,000 events of one participant each",
    how: "From just before the first `basic.publish` to the `acked_at` of the last one in the ledger, with \
          `SMTP_CONNECTIONS=16` and `PREFETCH=16`: a message of one mail keeps one connection busy, so that as many \
          messages run side by side as there are connections.",
    run,
};

/// What an operator with such notifications would set.
const SETTINGS: [(&str, usize); 2] = [("SMTP_CONNECTIONS", 16), ("PREFETCH", 16)];

struct ManyEvents {
    fanmail: Fanmail,
    first: i64,
    count: usize,
}

impl ManyEvents {
    fn new(system: System, count: usize) -> Self {
        let fanmail = Fanmail::new(system, 1);
        let first = fanmail.scenario.ledger.add_small_events(count);
        Self { fanmail, first, count }
    }
}

impl Contestant for ManyEvents {
    fn name(&self) -> String {
        self.fanmail.name().to_owned()
    }

    fn run(&self) -> Run {
        self.fanmail.measure(&Task {
            settings: &SETTINGS,
            notifications: self.count,
            mails: self.count,
            publish: &|publisher| {
                for event in (self.first..).take(self.count) {
                    publisher.publish("UPDATED", event);
                }
            },
        })
    }
}

fn run(stage: &Stage) -> Vec<Row> {
    let count = stage.options.size(5_000, 200);
    let contestants = [System::Sqlite, System::Postgresql].map(|system| ManyEvents::new(system, count));
    let runs =
        take_turns(stage, stage.options.rounds(), &contestants.each_ref().map(|one| one as &dyn Contestant));
    let goals = [Some(Goal::AtLeast(2_500.0)), None];
    let mut rows = Vec::new();
    for ((runs, contestant), goal) in runs.iter().zip(&contestants).zip(goals) {
        let name = contestant.name();
        let rate = Row::new(&name, "notifications/s", runs.iter().map(Run::rate).collect());
        rows.push(Row { goal, ..rate.faults(faults(runs)) });
        let cpu = runs.iter().filter_map(Run::cpu_per_mail).collect();
        rows.push(
            Row::new(format!("{name}, CPU of the worker"), "µs/notification", cpu).faults(faults(runs)),
        );
    }
    rows
}

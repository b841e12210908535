//! Very many notifications of one mail each: the cost of a notification beside its mails.

use crate::rounds::{Run, Sender, faults, take_turns};
use crate::stage::{Section, Stage};
use crate::worker::{Fanmail, Task};
use testkit::bench::row::{Goal, Row};
use testkit::system::System;

/// The section.
pub const SECTION: Section = Section {
    name: "small",
    what: "Small notifications: 5,000 messages about 5,000 events of one participant each",
    how: "From just before the first `basic.publish` to the `acked_at` of the last one in the ledger, with \
          `SMTP_CONNECTIONS=16`: with the default `PREFETCH`, and with the value that docs/broker.md \
          advises for very many small notifications.",
    run,
};

const CONNECTIONS: usize = 16;
/// The databases, with the number of notifications at once (`PREFETCH`).
const SENDERS: [(System, usize); 4] =
    [(System::Sqlite, 16), (System::Sqlite, 64), (System::Postgresql, 16), (System::Postgresql, 64)];

struct ManyEvents {
    fanmail: Fanmail,
    prefetch: usize,
    first: i64,
    count: usize,
}

impl ManyEvents {
    fn new(system: System, prefetch: usize, count: usize) -> Self {
        let fanmail = Fanmail::new(system, 1);
        let first = fanmail.scenario.ledger.add_small_events(count);
        Self { fanmail, prefetch, first, count }
    }
}

impl Sender for ManyEvents {
    fn name(&self) -> String {
        format!("{}, PREFETCH={}", self.fanmail.name(), self.prefetch)
    }

    fn run(&self) -> Run {
        self.fanmail.measure(&Task {
            settings: &[("SMTP_CONNECTIONS", CONNECTIONS), ("PREFETCH", self.prefetch)],
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
    let senders = SENDERS.map(|(system, prefetch)| ManyEvents::new(system, prefetch, count));
    let runs = take_turns(stage, stage.options.rounds(), &senders.each_ref().map(|one| one as &dyn Sender));
    let mut rows = Vec::new();
    for ((runs, sender), (system, _)) in runs.iter().zip(&senders).zip(SENDERS) {
        let name = sender.name();
        let goal = (system == System::Sqlite).then_some(Goal::AtLeast(2_500.0));
        let rate = Row::new(&name, "notifications/s", runs.iter().map(Run::rate).collect());
        rows.push(Row { goal, ..rate.faults(faults(runs)) });
        let cpu = runs.iter().filter_map(Run::cpu_per_mail).collect();
        rows.push(
            Row::new(format!("{name}, CPU of the worker"), "µs/notification", cpu).faults(faults(runs)),
        );
    }
    rows
}

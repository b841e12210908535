//! Instructions per mail, which do not depend on what else the machine does.

use crate::stage::{Section, Stage};
use testkit::bench::row::Row;
use testkit::bench::worker_instructions;

/// The section.
pub const SECTION: Section = Section {
    name: "instructions",
    what: "Instructions",
    how: "The worker under callgrind, with SQLite and `SMTP_CONNECTIONS=16`: all threads, user space. The \
          difference of a larger and a smaller run is divided by the difference of their mails. \
          benches/baseline.json keeps these figures and those of the inner parts, and scripts/check fails when \
          one of them grows by more than 5 %.",
    run,
};

fn run(stage: &Stage) -> Vec<Row> {
    let row = |what: &str, count: fn() -> u64| {
        stage.say(&format!("  {what}"));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Row::new(what, "instructions", vec![count() as f64])
    };
    vec![
        row("fanmail, SQLite, a mail of a large fan-out", worker_instructions::per_mail),
        row(
            "fanmail, SQLite, a notification of one participant",
            worker_instructions::per_small_notification,
        ),
    ]
}

//! What has to hold after a scenario whose ledger has lost rows: everyone got the mails of every message that was
//! published, and what is in the ledger is done. Outcomes of rows that are gone cannot be compared with the relay.

use testkit::process::Process;
use testkit::scenario::Scenario;

/// Stops the worker, and checks that nobody was left out and that everything is done. Returns the number of duplicates:
/// mails of a person beyond one for each message.
#[track_caller]
pub fn stop_and_count(scenario: &Scenario, worker: Process) -> usize {
    let ended = worker.stop();
    scenario.check_redacted(&ended.err);
    count_duplicates(scenario)
}

/// The same without a worker.
#[track_caller]
pub fn count_duplicates(scenario: &Scenario) -> usize {
    let counts = scenario.mail_counts();
    let (lost, duplicates) = counts.lost_and_duplicates();
    let examples: Vec<_> = counts.lost().into_iter().take(5).collect();
    assert_eq!(lost, 0, "{lost} of {} are lost, {duplicates} are duplicates: {examples:?}", counts.total());
    assert_eq!(scenario.queue.depth(), 0, "something is left in the queue");
    assert_eq!(scenario.queue.dead_depth(), 0, "there are dead letters");
    for row in scenario.ledger.notifications() {
        assert!(row.state == "completed" && row.completed && row.acked, "{row:?} is not done");
    }
    for line in scenario.status() {
        assert_eq!(line["pending"], 0, "{line}");
    }
    assert_eq!(scenario.smtp.log().violations, Vec::<String>::new());
    duplicates
}

/// The lines of a log with this level.
pub fn lines_of(level: &str, log: &str) -> Vec<String> {
    let level = format!(" {level} ");
    log.lines().filter(|line| line.contains(&level)).map(str::to_owned).collect()
}

//! Deferred mails to participants whose keys are text.

use super::*;

#[test]
fn everyone_who_is_greylisted_is_found_again_by_the_key() {
    let mut worker = TestWorker::with_relay_and_timing(250, 4, greylisting(1), schedule(&[300]));
    worker.execute(
        "CREATE TABLE people AS SELECT * FROM participants; DROP TABLE participants;
         CREATE VIEW participants AS SELECT 'key ' || id AS id, event_id, email, name, locale FROM people",
    );
    worker.context_mut().page_size = 10;
    complete(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 250, deferred: 250, ..Tally::default() });
    worker.execute("DELETE FROM people WHERE id = 7");
    let relay = worker.relay.clone();
    let tally = sweep_to_the_end(worker);
    assert_eq!(tally, Tally { participants: 250, sent: 249, skipped: 1, ..Tally::default() });
    assert_each_once(&relay.accepted(), 249);
    assert_eq!(relay.tries(), 499);
}

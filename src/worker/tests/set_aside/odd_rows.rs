//! Rows that fail as if the database were away.

use super::*;

/// A view may raise any error for a row.
#[test]
fn a_row_that_fails_as_if_the_database_were_away_holds_up_nobody() {
    let mut worker = TestWorker::new(60, 2);
    worker.context_mut().page_size = 20;
    break_view(&worker, "participants", "name", "id IN (17, 41)");
    worker.execute(
        "DROP VIEW participants; CREATE VIEW participants AS SELECT id, event_id, email,
            CASE WHEN id IN (17, 41) THEN json_extract('{}', 'database is locked') ELSE name END AS name, locale
         FROM participants_rows",
    );
    set_aside(&worker, 1, "2 participants cannot be read (id 17, 41): ");
    assert_each_once(&worker, 58);
    assert_eq!(worker.problems(), "", "the database works");
    mend(&worker, "participants");
    sweep(&worker);
    assert_each_once(&worker, 60);
    assert_eq!(state(&worker, 1), NotificationState::Completed);
}

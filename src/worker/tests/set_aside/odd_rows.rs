//! Rows that fail as if the database were away, and keys that several rows have.

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

/// A view that has more rows.
fn add_rows(worker: &TestWorker, rows: &str) {
    worker.execute(&format!(
        "ALTER TABLE participants RENAME TO participants_rows; CREATE VIEW participants AS
            SELECT id, event_id, email, name, locale FROM participants_rows UNION ALL {rows}"
    ));
}

fn all_sent(people: u64) -> Tally {
    Tally { participants: people, sent: people, ..Tally::default() }
}

/// A JOIN makes a row for each translation or booking, and a LEFT JOIN some without an address.
#[test]
fn rows_with_one_address_are_one_participant() {
    let others = [
        "email, name, locale",
        "email, 'Other', 'de'",
        "' ' || replace(email, 'example.com', 'Example.COM'), name, locale",
        "NULL, name, locale",
        "' ', name, locale",
    ];
    for (others, page_size) in others.into_iter().zip([10, 3, 1, 100, 7]) {
        let mut worker = TestWorker::new(60, 2);
        worker.context_mut().page_size = page_size;
        add_rows(&worker, &format!("SELECT id, event_id, {others} FROM participants_rows WHERE id % 5 = 0"));
        let result = open_and_run(&worker.context, &named("m1"), REQUEST);
        assert!(matches!(result, FanOutResult::Completed(_)), "{others}: {result:?}");
        assert_each_once(&worker, 60);
        assert_eq!(worker.tally(1), all_sent(60));
    }
}

/// In whichever order they come.
#[test]
fn of_rows_with_several_addresses_the_smallest_gets_the_mail() {
    for page_size in [1, 2, 10] {
        let mut worker = TestWorker::new(3, 2);
        worker.context_mut().page_size = page_size;
        let rows = ["NULL", "'z@example.com'", "'a@example.com'", "'m@example.com'"];
        let rows = rows.map(|email| format!("SELECT 2, 123, {email}, 'N', NULL"));
        worker.execute("UPDATE participants SET email = NULL WHERE id = 2");
        add_rows(&worker, &rows.join(" UNION ALL "));
        set_aside(&worker, 1, "(id 2)");
        assert_eq!(accepted(&worker), ["a@example.com", "p1@example.com", "p3@example.com"]);
    }
}

/// Wherever pages end.
#[test]
fn a_key_of_rows_that_differ_is_told_and_holds_up_nobody() {
    for page_size in [1, 7, 10, 59, 60, 61, 62, 100] {
        let mut worker = TestWorker::new(60, 2);
        worker.context_mut().page_size = page_size;
        add_rows(
            &worker,
            "SELECT id, event_id, 'other' || email, name, locale FROM participants_rows WHERE id IN (10, 60)",
        );
        set_aside(
            &worker,
            1,
            "2 keys of participants have rows with several addresses (id 10, 60); of each, only",
        );
        assert_each_once(&worker, 60);
        assert_eq!(worker.tally(1), all_sent(60));
        sweep(&worker);
        assert_eq!(state(&worker, 1), NotificationState::SetAside);
        mend(&worker, "participants");
        sweep(&worker);
        assert_each_once(&worker, 60);
        assert_eq!(state(&worker, 1), NotificationState::Completed);
    }
}

fn accepted(worker: &TestWorker) -> Vec<String> {
    let mut accepted = worker.relay.accepted();
    accepted.sort_unstable();
    accepted
}

/// Nothing tells which of its addresses is the smallest.
#[test]
fn a_key_of_very_many_rows_cannot_be_read_and_holds_up_nobody() {
    for (failing, words) in [
        ("0", "1 participant cannot be read (id 2): more than 1000 rows have one id"),
        ("id = 3", "2 participants cannot be read (id 2, 3): more than 1000 rows have one id"),
    ] {
        let mut worker = TestWorker::new(4, 2);
        worker.context_mut().page_size = 10;
        let numbers =
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3000) SELECT n FROM n";
        let name = format!("CASE WHEN {failing} THEN abs(-9223372036854775807 - 1) ELSE name END AS name");
        worker.execute(&format!(
            "ALTER TABLE participants RENAME TO participants_rows; CREATE VIEW participants AS
                SELECT id, event_id, email, {name}, locale FROM participants_rows
                UNION ALL SELECT 2, 123, 'n' || n || '@example.com', 'N', NULL FROM ({numbers})"
        ));
        set_aside(&worker, 1, words);
        let others = ["p1@example.com", "p3@example.com", "p4@example.com"];
        let expected: Vec<_> =
            others.into_iter().filter(|one| failing == "0" || !one.starts_with("p3")).collect();
        assert_eq!(accepted(&worker), expected);
    }
}

/// Where it would be read behind the end of a page.
#[test]
fn a_key_with_a_row_that_cannot_be_read_waits_for_it() {
    for page_size in [1, 2, 3, 4, 5, 10] {
        let mut worker = TestWorker::new(4, 2);
        worker.context_mut().page_size = page_size;
        // With this index, SQLite reads no row behind the end of a page.
        worker.execute(
            r#"CREATE TABLE people AS SELECT id, event_id, email, name, locale FROM participants;
               INSERT INTO people SELECT 2, 123, value || '@example.com', 'N', NULL FROM json_each('["b", "a", "c"]');
               CREATE INDEX people_in_order ON people (event_id, id);
               ALTER TABLE participants RENAME TO participants_rows;
               CREATE VIEW participants AS SELECT id, event_id, email,
                   CASE email WHEN 'a@example.com' THEN abs(-9223372036854775807 - 1) ELSE name END AS name, locale
               FROM people"#,
        );
        set_aside(&worker, 1, "1 participant cannot be read (id 2): integer overflow");
        let others = ["p1@example.com", "p3@example.com", "p4@example.com"];
        assert_eq!(accepted(&worker), others, "pages of {page_size}");
    }
}

#[test]
fn a_key_of_rows_that_differ_is_told_beside_rows_that_cannot_be_read() {
    let mut worker = TestWorker::new(40, 2);
    worker.context_mut().page_size = 10;
    let email = "CASE WHEN id = 13 THEN abs(-9223372036854775807 - 1) ELSE email || '.au' END";
    add_rows(
        &worker,
        &format!(
            "SELECT id, event_id, {email}, name, locale FROM participants_rows WHERE id IN (13, 15, 20)"
        ),
    );
    set_aside(
        &worker,
        1,
        "1 participant cannot be read (id 13): integer overflow; 2 keys of participants have rows with",
    );
    assert_each_once(&worker, 39);
}

/// Behind the largest key no page begins.
#[test]
fn the_largest_key_of_all_may_be_that_of_more_rows_than_a_page() {
    for condition in ["0", "id = 2"] {
        let mut worker = TestWorker::new(3, 2);
        worker.context_mut().page_size = 2;
        worker.execute("UPDATE participants SET id = 9223372036854775807 WHERE id = 3");
        worker.execute(&format!(
            "ALTER TABLE participants RENAME TO participants_rows; CREATE VIEW participants AS SELECT id, event_id, email,
                CASE WHEN {condition} THEN abs(-9223372036854775807 - 1) ELSE name END AS name, locale
             FROM participants_rows, (SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3)"
        ));
        let result = open_and_run(&worker.context, &named("m1"), REQUEST);
        let unreadable = usize::from(condition != "0");
        assert_eq!(matches!(result, FanOutResult::SetAside(_)), unreadable == 1, "{result:?}");
        assert_each_once(&worker, 3 - unreadable);
    }
}

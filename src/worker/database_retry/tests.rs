//! Queries that fail, hang and recover, without a database.

use super::*;
use crate::observe::logging::capture::lines_of;
use crate::shutdown::{ShutdownTrigger, shutdown_pair};

const HOUR: Duration = Duration::from_secs(3600);

fn failure() -> StoreError {
    StoreError::new("test", &"out of order")
}

fn database_retry() -> (DatabaseRetry, ShutdownTrigger) {
    let (handle, shutdown) = shutdown_pair();
    (DatabaseRetry::new(shutdown, Health::default()), handle)
}

#[test]
fn a_query_is_repeated_until_it_succeeds_and_health_shows_it_meanwhile() {
    let (database_retry, _handle) = database_retry();
    let mut tries = 0;
    let result = database_retry.until_ok(|| {
        tries += 1;
        if tries == 2 {
            assert!(database_retry.health.problems().contains("out of order"));
        }
        if tries < 3 { Err(failure()) } else { Ok(7) }
    });
    assert_eq!((result, tries, database_retry.health.problems().as_str()), (Ok(7), 3, ""));
}

#[test]
fn health_is_clear_when_the_last_failed_query_has_succeeded() {
    let (database_retry, _handle) = database_retry();
    let mut tries = 0;
    let result = database_retry.until_ok(|| {
        tries += 1;
        if tries == 1 {
            return Err(failure());
        }
        assert_eq!(database_retry.until_ok(|| Ok(1)), Ok(1));
        assert_ne!(database_retry.health.problems(), "", "a query that has not failed proves nothing");
        let mut others = 0;
        let other = database_retry.until_ok_uninterruptible(|| {
            others += 1;
            if others == 1 { Err(failure()) } else { Ok(others) }
        });
        assert_eq!(other, 2);
        assert_ne!(database_retry.health.problems(), "", "one of two failed queries is left");
        Ok(7)
    });
    assert_eq!((result, database_retry.health.problems().as_str()), (Ok(7), ""));
}

#[test]
fn a_query_without_an_answer_is_a_problem_until_it_has_one() {
    let (database_retry, _handle) = database_retry();
    let result = database_retry.until_ok(|| {
        database_retry.check_unanswered(HOUR, HOUR);
        assert_eq!(database_retry.health.problems(), "");
        database_retry.check_unanswered(Duration::ZERO, HOUR);
        assert_eq!(database_retry.health.problems(), "database: no answer for 0 s\n");
        Ok(7)
    });
    assert_eq!((result, database_retry.health.problems().as_str()), (Ok(7), ""));
    database_retry.check_unanswered(Duration::ZERO, HOUR);
    assert_eq!(database_retry.health.problems(), "");
}

#[test]
fn a_query_that_stays_without_an_answer_is_told_again() {
    let (database_retry, _handle) = database_retry();
    let last_logged = || lock(&database_retry.queries).last_logged;
    database_retry
        .until_ok(|| {
            database_retry.check_unanswered(Duration::ZERO, HOUR);
            let first = last_logged();
            assert!(first.is_some());
            database_retry.check_unanswered(Duration::ZERO, HOUR);
            assert_eq!(last_logged(), first, "told lately");
            database_retry.check_unanswered(HOUR, Duration::ZERO);
            assert_eq!(last_logged(), first, "it may have failed with an answer");
            database_retry.check_unanswered(Duration::ZERO, Duration::ZERO);
            assert!(last_logged() > first);
            Ok(())
        })
        .unwrap();
}

#[test]
fn while_transient_returns_a_permanent_error() {
    let (database_retry, _handle) = database_retry();
    let mut tries = 0;
    let result = database_retry.while_transient(|| {
        tries += 1;
        Err::<(), _>(match tries {
            1 => StoreError::new("test", &"database is locked"),
            _ => StoreError::new("test", &"file is not a database"),
        })
    });
    assert!(result.unwrap().unwrap_err().to_string().contains("not a database"));
    assert_eq!(tries, 2);
}

#[test]
fn a_shutdown_ends_a_query_but_not_an_uninterruptible_one() {
    let (database_retry, handle) = database_retry();
    drop(handle);
    assert_eq!(database_retry.until_ok(|| Err::<(), _>(failure())), Err(Stopped));
    let mut tries = 0;
    let result = database_retry.until_ok_uninterruptible(|| {
        tries += 1;
        if tries < 2 { Err(failure()) } else { Ok(tries) }
    });
    assert_eq!(result, 2);
}

#[test]
fn the_log_tells_of_an_outage_at_once_again_after_a_while_and_at_its_end() {
    let (database_retry, _handle) = database_retry();
    let lines = lines_of(|| {
        database_retry
            .until_ok(|| {
                for log_interval in [HOUR, HOUR, Duration::ZERO, HOUR] {
                    database_retry.check_unanswered(Duration::ZERO, log_interval);
                }
                Ok(())
            })
            .unwrap();
    });
    let [first, reminder, end] = &lines[..] else { panic!("{lines:?}") };
    assert!(first.starts_with("ERROR database: no answer for 0 s; nothing is acked or lost"), "{first}");
    assert!(
        reminder.starts_with("WARN database: no answer for 0 s; the database has not worked since ")
            && reminder.ends_with(": 1 call waits, next attempt within 10 s; nothing is acked or lost"),
        "{reminder}"
    );
    assert_eq!(end, "INFO the database works again, after 0 s");
}

//! Questions that fail, hang and recover; a database is not needed for that.

use super::*;
use crate::shutdown::{ShutdownTrigger, shutdown_pair};

fn trouble() -> StoreError {
    StoreError::new("test", &"out of order")
}

fn database_retry() -> (DatabaseRetry, ShutdownTrigger) {
    let (handle, shutdown) = shutdown_pair();
    (DatabaseRetry::new(shutdown, Health::default()), handle)
}

#[test]
fn asks_until_there_is_an_answer_and_tells_health_meanwhile() {
    let (database_retry, _handle) = database_retry();
    let mut tries = 0;
    let result = database_retry.until_ok(|| {
        tries += 1;
        if tries == 2 {
            assert!(database_retry.health.problems().contains("out of order"));
        }
        if tries < 3 { Err(trouble()) } else { Ok(7) }
    });
    assert_eq!((result, tries, database_retry.health.problems().as_str()), (Ok(7), 3, ""));
}

#[test]
fn the_trouble_is_over_when_the_last_question_that_met_it_is_answered() {
    let (database_retry, _handle) = database_retry();
    let mut tries = 0;
    let result = database_retry.until_ok(|| {
        tries += 1;
        if tries == 1 {
            return Err(trouble());
        }
        assert_eq!(database_retry.until_ok(|| Ok(1)), Ok(1));
        assert_ne!(database_retry.health.problems(), "", "one that met no trouble does not end it");
        let mut others = 0;
        let other = database_retry.until_ok_uninterruptible(|| {
            others += 1;
            if others == 1 { Err(trouble()) } else { Ok(others) }
        });
        assert_eq!(other, 2);
        assert_ne!(database_retry.health.problems(), "", "nor does one that met it, too");
        Ok(7)
    });
    assert_eq!((result, database_retry.health.problems().as_str()), (Ok(7), ""));
}

#[test]
fn a_question_without_an_answer_is_trouble_until_it_has_one() {
    let (database_retry, _handle) = database_retry();
    let result = database_retry.until_ok(|| {
        database_retry.check_unanswered(Duration::from_secs(3600));
        assert_eq!(database_retry.health.problems(), "");
        database_retry.check_unanswered(Duration::ZERO);
        assert_eq!(database_retry.health.problems(), "database: no answer for 0 s\n");
        Ok(7)
    });
    assert_eq!((result, database_retry.health.problems().as_str()), (Ok(7), ""));
    database_retry.check_unanswered(Duration::ZERO);
    assert_eq!(database_retry.health.problems(), "");
}

#[test]
fn an_error_that_no_waiting_mends_is_an_answer_for_those_who_ask_so() {
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
fn a_stop_ends_a_question_but_not_what_must_not_be_forgotten() {
    let (database_retry, handle) = database_retry();
    drop(handle);
    assert_eq!(database_retry.until_ok(|| Err::<(), _>(trouble())), Err(Stopped));
    let mut tries = 0;
    let result = database_retry.until_ok_uninterruptible(|| {
        tries += 1;
        if tries < 2 { Err(trouble()) } else { Ok(tries) }
    });
    assert_eq!(result, 2);
}

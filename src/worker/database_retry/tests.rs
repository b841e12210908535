//! Questions that fail, hang and recover; a database is not needed for that.

use super::*;
use crate::shutdown::{StopHandle, stop_pair};

fn trouble() -> StoreError {
    StoreError::new("test", &"out of order")
}

fn patience() -> (Patience, StopHandle) {
    let (handle, stop) = stop_pair();
    (Patience::new(stop, Health::default()), handle)
}

#[test]
fn asks_until_there_is_an_answer_and_tells_health_meanwhile() {
    let (patience, _handle) = patience();
    let mut tries = 0;
    let answer = patience.ask(|| {
        tries += 1;
        if tries == 2 {
            assert!(patience.health.troubles().contains("out of order"));
        }
        if tries < 3 { Err(trouble()) } else { Ok(7) }
    });
    assert_eq!((answer, tries, patience.health.troubles().as_str()), (Ok(7), 3, ""));
}

#[test]
fn the_trouble_is_over_when_the_last_question_that_met_it_is_answered() {
    let (patience, _handle) = patience();
    let mut tries = 0;
    let answer = patience.ask(|| {
        tries += 1;
        if tries == 1 {
            return Err(trouble());
        }
        assert_eq!(patience.ask(|| Ok(1)), Ok(1));
        assert_ne!(patience.health.troubles(), "", "one that met no trouble does not end it");
        let mut others = 0;
        let other = patience.insist(|| {
            others += 1;
            if others == 1 { Err(trouble()) } else { Ok(others) }
        });
        assert_eq!(other, 2);
        assert_ne!(patience.health.troubles(), "", "nor does one that met it, too");
        Ok(7)
    });
    assert_eq!((answer, patience.health.troubles().as_str()), (Ok(7), ""));
}

#[test]
fn a_question_without_an_answer_is_trouble_until_it_has_one() {
    let (patience, _handle) = patience();
    let answer = patience.ask(|| {
        patience.look_for_unanswered(Duration::from_secs(3600));
        assert_eq!(patience.health.troubles(), "");
        patience.look_for_unanswered(Duration::ZERO);
        assert_eq!(patience.health.troubles(), "database: no answer for 0 s\n");
        Ok(7)
    });
    assert_eq!((answer, patience.health.troubles().as_str()), (Ok(7), ""));
    patience.look_for_unanswered(Duration::ZERO);
    assert_eq!(patience.health.troubles(), "");
}

#[test]
fn an_error_that_no_waiting_mends_is_an_answer_for_those_who_ask_so() {
    let (patience, _handle) = patience();
    let mut tries = 0;
    let answer = patience.ask_while_passing(|| {
        tries += 1;
        Err::<(), _>(match tries {
            1 => StoreError::new("test", &"database is locked"),
            _ => StoreError::new("test", &"file is not a database"),
        })
    });
    assert!(answer.unwrap().unwrap_err().to_string().contains("not a database"));
    assert_eq!(tries, 2);
}

#[test]
fn a_stop_ends_a_question_but_not_what_must_not_be_forgotten() {
    let (patience, handle) = patience();
    drop(handle);
    assert_eq!(patience.ask(|| Err::<(), _>(trouble())), Err(Stopped));
    let mut tries = 0;
    let answer = patience.insist(|| {
        tries += 1;
        if tries < 2 { Err(trouble()) } else { Ok(tries) }
    });
    assert_eq!(answer, 2);
}

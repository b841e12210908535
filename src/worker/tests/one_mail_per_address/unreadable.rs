//! The same while the address of one who was skipped cannot be read.

use super::deferrals::{deferring, greylisted_once, sweep};
use super::*;
use crate::worker::deferral_sweep;
use crate::worker::tests::support::wait_until;

/// The address of this participant cannot be read.
fn break_address(worker: &TestWorker, id: i64) {
    worker.execute(&format!(
        "ALTER TABLE participants RENAME TO people;
         CREATE VIEW participants AS SELECT id, event_id,
            CASE id WHEN {id} THEN abs(-9223372036854775807 - 1) ELSE email END AS email, name, locale FROM people"
    ));
}

fn mend(worker: &TestWorker) {
    worker.execute("DROP VIEW participants; ALTER TABLE people RENAME TO participants");
}

/// The one whose mail had failed has left, so that the next one gets it.
#[test]
fn one_who_cannot_be_read_waits_alone_when_a_fan_out_is_resumed() {
    let mut worker = TestWorker::with_relay(0, 1, |to, tried, _| {
        if to == "fay@x.org" && tried == 0 { Err(Class::Permanent) } else { Ok(()) }
    });
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org", "fay@x.org", "zoe@x.org"]);
    complete(&worker);
    break_address(&worker, 3);
    worker.execute(
        "DELETE FROM people WHERE id = 1;
         UPDATE notifications SET state = 'running', completed_at = NULL, lease_owner = NULL",
    );
    let mut second = worker.another();
    set(&mut second, true);
    let result = run(&second);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    assert_eq!(accepted(&second), ["fay@x.org", "solo@x.org", "zoe@x.org"]);
    assert_eq!((second.tally(1).pending, skipped_for(&second, 1)), (1, 0));
    mend(&second);
    assert_eq!(retry(&second, true), Counts { skipped: 1, ..Counts::default() });
    assert_eq!((skipped_for(&second, 4), accepted(&second).len()), (1, 3));
}

#[test]
fn one_who_cannot_be_read_holds_up_neither_a_deferred_mail_nor_another_one_in_its_place() {
    for (change, first, skipped) in [("SELECT 1", 1, 2), ("DELETE FROM people WHERE id = 1", 4, 1)] {
        let mut worker = greylisted_once("fay@x.org", deferring());
        share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org", "fay@x.org"]);
        complete(&worker);
        break_address(&worker, 3);
        worker.execute(change);
        let left = worker.another();
        let (accepted, tally) = sweep(worker);
        assert_eq!(accepted, ["fay@x.org", "solo@x.org"], "{change}");
        assert_eq!((skipped_for(&left, first), tally.pending), (skipped, 0), "{change}");
    }
}

#[test]
fn the_only_one_who_can_take_the_place_does_so_when_it_can_be_read() {
    let mut worker = greylisted_once("fay@x.org", deferring());
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org"]);
    complete(&worker);
    break_address(&worker, 3);
    worker.execute("DELETE FROM people WHERE id = 1");
    let sweep = deferral_sweep::start(&worker.context).unwrap();
    let waits =
        "deferrals WHERE participant_id = 3 AND detail LIKE 'cannot be read%' AND next_try_at > '2021-01-01'";
    wait_until("its deferral", || worker.count(waits) == 1);
    assert_eq!((worker.count("deferrals"), accepted(&worker).len()), (1, 1));
    mend(&worker);
    worker.execute("UPDATE deferrals SET next_try_at = '2020-01-01 00:00:00'");
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    assert_eq!(accepted(&worker), ["fay@x.org", "solo@x.org"]);
    drop(worker.handle.take());
    drop(worker);
    sweep.join().unwrap();
}

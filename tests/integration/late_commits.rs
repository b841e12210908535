//! Participants whose rows appear while the fan-out is past their keys. On a server a transaction that began earlier has
//! the lower key, and may commit later. A notification is completed when everyone up to its frozen end is decided.

use std::fmt::Write as _;

#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::systems::on_every_server;
use crate::systems::on_every_system;
use testkit::ledger::transaction::OpenTransaction;
use testkit::process::Process;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 4;
const PEOPLE: usize = 300;
/// An event that is not in the database when its message comes.
const LATE: i64 = 77;

on_every_system!(
    rows_with_lower_keys_in_a_list_of_several_pages
    rows_with_lower_keys_in_one_page
    rows_with_lower_keys_between_the_last_page_and_completion
    keys_of_zero_and_below
    every_whole_number_is_a_key
    one_after_the_other
    who_joins_later_with_a_higher_key_is_not_part_of_it
    the_event_and_its_participants_come_after_the_message
);

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod servers {
    use super::*;

    on_every_server!(
        a_transaction_that_began_earlier_in_a_list_of_several_pages
        a_transaction_that_began_earlier_in_one_page
        a_transaction_that_commits_between_the_last_page_and_completion
    );

    /// The row has a key between those of others, and is not to be seen before its commit.
    fn begun_earlier(system: System, name: &str, page: &str, mails: usize) {
        let scenario = scenario(system, name, page, 0);
        scenario.seed(EVENT, 20);
        let late = scenario.ledger.begin(&insert("late@example.org", None));
        scenario.seed(EVENT, PEOPLE);
        let worker = held_after(&scenario, mails);
        late.commit();
        check_all_are_mailed(&scenario, worker, PEOPLE + 1);
    }

    fn a_transaction_that_began_earlier_in_a_list_of_several_pages(system: System) {
        begun_earlier(system, "late-pages", "10", 100);
    }

    fn a_transaction_that_began_earlier_in_one_page(system: System) {
        begun_earlier(system, "late-page", "1000", 100);
    }

    fn a_transaction_that_commits_between_the_last_page_and_completion(system: System) {
        begun_earlier(system, "late-last", "10", PEOPLE - LANES);
    }
}

fn scenario(system: System, name: &str, page: &str, participants: usize) -> Scenario {
    let relay = Scenario::with_relay(name, participants).database(system).connections(LANES);
    relay.env("BATCH_SIZE", page).env("EVENT_LOOKUP_GRACE", "30").build()
}

/// A worker in the middle of a fan-out, behind so many mails.
fn held_after(scenario: &Scenario, mails: usize) -> Process {
    scenario.worker_in_the_middle(LANES, mails, Some("late"))
}

/// A participant, with the next key or with this one.
fn insert(email: &str, key: Option<i64>) -> String {
    let (column, key) = key.map_or(("", String::new()), |key| ("id, ", format!("{key}, ")));
    format!(
        "INSERT INTO participants ({column}event_id, email, name) VALUES ({key}{EVENT}, '{email}', 'Late')"
    )
}

/// Everyone gets one mail, and the numbers add up.
#[track_caller]
fn check_all_are_mailed(scenario: &Scenario, worker: Process, people: usize) {
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    assert_eq!(scenario.people().len(), people);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0), "{}", worker.log());
    assert_eq!(scenario.status()[0]["sent"], people);
    scenario.stop_and_check(worker);
}

/// Rows with keys that were free: at the beginning, in the middle, and right before the end.
fn lower_keys(system: System, name: &str, page: &str, mails: usize) {
    let scenario = scenario(system, name, page, PEOPLE);
    let keys: Vec<i64> =
        [0, 1, 57, PEOPLE - 2].into_iter().map(|number| scenario.people()[number].id).collect();
    let list: Vec<String> = keys.iter().map(i64::to_string).collect();
    scenario.ledger.execute(&format!("DELETE FROM participants WHERE id IN ({})", list.join(", ")));
    let worker = held_after(&scenario, mails);
    for key in keys {
        scenario.ledger.execute(&insert(&format!("late.{key}@example.org"), Some(key)));
    }
    check_all_are_mailed(&scenario, worker, PEOPLE);
}

fn rows_with_lower_keys_in_a_list_of_several_pages(system: System) {
    lower_keys(system, "lower-pages", "10", 100);
}

fn rows_with_lower_keys_in_one_page(system: System) {
    lower_keys(system, "lower-page", "1000", 100);
}

fn rows_with_lower_keys_between_the_last_page_and_completion(system: System) {
    lower_keys(system, "lower-last", "10", PEOPLE - 4 - LANES);
}

/// As views have them that make keys of hashes.
fn keys_of_zero_and_below(system: System) {
    let scenario = scenario(system, "lower-zero", "100", PEOPLE);
    scenario.ledger.execute("UPDATE participants SET id = id - 100000");
    let keys: Vec<i64> = scenario.people()[..2].iter().map(|person| person.id).collect();
    assert!(keys[1] < 0);
    scenario.ledger.execute(&format!("DELETE FROM participants WHERE id <= {}", keys[1]));
    let worker = held_after(&scenario, 100);
    for key in keys {
        scenario.ledger.execute(&insert(&format!("late.{key}@example.org"), Some(key)));
    }
    check_all_are_mailed(&scenario, worker, PEOPLE);
}

/// Of participants and of events, also in the message.
fn every_whole_number_is_a_key(system: System) {
    const KEYS: [i64; 5] = [i64::MIN, -1, 0, 1, i64::MAX];
    let scenario = scenario(system, "any-key", "2", KEYS.len());
    scenario.seed(LATE, 3);
    let mut statements = format!(
        "UPDATE events SET id = 0 WHERE id = {LATE};
         UPDATE participants SET event_id = 0, id = -id WHERE event_id = {LATE};"
    );
    for (person, key) in scenario.people().iter().zip(KEYS) {
        write!(statements, "UPDATE participants SET id = {key} WHERE id = {};", person.id).unwrap();
    }
    scenario.ledger.execute(&statements);
    scenario.queue.publish("UPDATED", EVENT, Some("any"));
    scenario.queue.publish("CANCELLED", 0, None);
    let worker = scenario.worker();
    scenario.wait_for_acks(2);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0), "{}", worker.log());
    assert_eq!(scenario.smtp.accepted(), KEYS.len() + 3);
    let ids: Vec<i64> = scenario.people().iter().map(|person| person.id).collect();
    assert_eq!(ids, KEYS);
    let out = scenario.run_ok(&["status", "--event", "0"]);
    assert!(out.contains("CANCELLED"), "{out}");
    scenario.run_ok(&["status", "--event", "-5"]);
    scenario.stop_and_check(worker);
}

/// A further one appears while those who were late are mailed.
fn one_after_the_other(system: System) {
    const LATE_ONES: usize = 4;
    let scenario = scenario(system, "lower-each", "100", PEOPLE);
    let keys: Vec<i64> = scenario.people()[..LATE_ONES].iter().map(|person| person.id).collect();
    scenario.ledger.execute(&format!("DELETE FROM participants WHERE id <= {}", keys[LATE_ONES - 1]));
    let before = PEOPLE - LATE_ONES;
    let worker = held_after(&scenario, before - LANES);
    // The highest key first, so that the one after it is below it.
    for (number, key) in keys.iter().rev().enumerate() {
        scenario.ledger.execute(&insert(&format!("late.{key}@example.org"), Some(*key)));
        let held = if number == 0 { LANES } else { 1 };
        scenario.smtp.gate().close_after(Point::BeforeReply, held);
        wait_until("the next late one", || {
            scenario.smtp.accepted() == before + number && scenario.smtp.gate().held() == 1
        });
    }
    check_all_are_mailed(&scenario, worker, PEOPLE);
}

/// The end is frozen when the notification is opened.
fn who_joins_later_with_a_higher_key_is_not_part_of_it(system: System) {
    let scenario = scenario(system, "higher", "10", PEOPLE);
    let worker = held_after(&scenario, 100);
    scenario.ledger.execute(&insert("late@example.org", None));
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE, 0));
    assert_eq!(scenario.mail_counts().lost().len(), 1, "the one who joined later");
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (2 * PEOPLE + 1, 0));
    scenario.stop_and_check(worker);
}

/// The publisher has published before its transaction was committed.
fn the_event_and_its_participants_come_after_the_message(system: System) {
    let scenario = scenario(system, "late-event", "100", 10);
    let worker = scenario.worker();
    let publications = [("CREATED", None), ("UPDATED", Some("with id")), ("UPDATED", None)];
    for (kind, message_id) in publications {
        scenario.queue.publish(kind, LATE, message_id);
    }
    worker.wait_for_log("is not in the database yet");
    commit_event(&scenario).commit();
    scenario.wait_for_acks(publications.len());
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0), "{}", worker.log());
    assert_eq!(scenario.smtp.accepted(), 3 * 10);
    scenario.stop_and_check(worker);
}

/// The event with ten participants, as one transaction.
fn commit_event(scenario: &Scenario) -> OpenTransaction {
    scenario.ledger.begin(&format!(
        "INSERT INTO events (id, title) VALUES ({LATE}, 'Ball');
         INSERT INTO participants (event_id, email, name)
            SELECT {LATE}, email, name FROM participants WHERE event_id = {EVENT}"
    ))
}

//! What an UPDATED tells people, who were told something of the event before, or nothing.

use super::fan_out::text_keys::with_text_keys;
use super::support::opening::open_and_run;
use super::support::{REQUEST, TestWorker, named};
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::details::MessageDetails;
use crate::domain::outcome::Tally;
use crate::worker::fan_out::context::FanOutResult;

fn run(worker: &TestWorker, id: &str, message: Message) {
    let result = open_and_run(&worker.context, &named(id), message);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
}

fn send(worker: &TestWorker, id: &str, kind: Kind) {
    run(worker, id, Message { kind, ..REQUEST });
}

fn with_details(details: &MessageDetails) -> Message {
    Message { details: details.to_json(), ..REQUEST }
}

/// A worker that skips people for whom nothing has changed.
fn worker(people: u32) -> TestWorker {
    let mut worker = TestWorker::new(people, 2);
    worker.context_mut().skip_unchanged = true;
    worker
}

/// The mails after the first `skipped` ones, each as its address and the beginning of its subject, in order.
fn mails(worker: &TestWorker, skipped: usize) -> Vec<(String, String)> {
    let first_word = |(to, data): (String, String)| {
        let subject = data.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        (to, subject.split(':').next().unwrap().to_owned())
    };
    let mut mails: Vec<_> = worker.relay.mails().into_iter().skip(skipped).map(first_word).collect();
    mails.sort();
    mails
}

fn of(numbers: &[u32], subject: &str) -> Vec<(String, String)> {
    numbers.iter().map(|n| (format!("p{n}@example.com"), subject.to_owned())).collect()
}

#[test]
fn an_update_in_which_nothing_has_changed_is_skipped() {
    let worker = worker(250);
    send(&worker, "m1", Kind::Created);
    send(&worker, "m2", Kind::Updated);
    assert_eq!(worker.tally(2), Tally { participants: 250, skipped: 250, ..Tally::default() });
    assert_eq!(worker.relay.mails().len(), 250);
    assert_eq!(worker.count("deliveries WHERE detail = 'nothing changed'"), 250);
    send(&worker, "m3", Kind::Updated);
    assert_eq!(worker.tally(3).skipped, 250, "the last mail that somebody got counts");
}

#[test]
fn it_is_sent_if_its_message_says_something() {
    let worker = worker(1);
    send(&worker, "m1", Kind::Updated);
    let note = MessageDetails { note: Some("Bring a coat.".to_owned()), ..MessageDetails::default() };
    let reason = MessageDetails { reason: Some("storm".to_owned()), ..MessageDetails::default() };
    run(&worker, "m2", with_details(&note));
    run(&worker, "m3", with_details(&reason));
    assert_eq!(mails(&worker, 1), of(&[1, 1], "Updated"));
    let unshown = serde_json::json!({"order": 7}).as_object().unwrap().clone();
    run(&worker, "m4", with_details(&MessageDetails { metadata: unshown, ..MessageDetails::default() }));
    assert_eq!(worker.tally(4).skipped, 1, "no built-in template shows metadata");
}

#[test]
fn it_is_sent_after_a_cancellation() {
    let worker = worker(1);
    send(&worker, "m1", Kind::Cancelled);
    send(&worker, "m2", Kind::Updated);
    assert_eq!(mails(&worker, 1), of(&[1], "Updated"));
}

#[test]
fn it_is_sent_without_the_option() {
    let worker = TestWorker::new(2, 1);
    send(&worker, "m1", Kind::Updated);
    send(&worker, "m2", Kind::Updated);
    assert_eq!(mails(&worker, 2), of(&[1, 2], "Updated"));
}

#[test]
fn those_who_were_never_told_are_told_what_it_is() {
    let worker = worker(3);
    send(&worker, "m1", Kind::Created);
    worker.execute("DELETE FROM deliveries WHERE participant_id = 2");
    worker.join(&["p4@example.com"]);
    send(&worker, "m2", Kind::Updated);
    assert_eq!(mails(&worker, 3), of(&[2, 4], "You're registered"));
    assert_eq!(worker.tally(2), Tally { participants: 4, sent: 2, skipped: 2, ..Tally::default() });
}

#[test]
fn a_change_is_told_to_those_who_have_got_the_last_mail() {
    let worker = worker(3);
    send(&worker, "m1", Kind::Created);
    worker.execute("UPDATE events SET location = 'The park'");
    send(&worker, "m2", Kind::Updated);
    assert_eq!(worker.tally(2).sent, 3);
    // The first of them did not get the last one.
    worker.execute("DELETE FROM deliveries WHERE participant_id = 1 AND notification_id = 2");
    worker.join(&["p4@example.com"]);
    worker.execute("UPDATE events SET title = 'A party'");
    let before = worker.relay.mails().len();
    send(&worker, "m3", Kind::Updated);
    let expected = [of(&[1], "New place"), of(&[2, 3], "New title"), of(&[4], "You're registered")].concat();
    assert_eq!(mails(&worker, before), expected);
}

#[test]
fn mails_of_dry_run_mode_and_of_older_versions_do_not_count() {
    for forgotten in [
        "UPDATE deliveries SET detail = 'dry run: no mail was sent'",
        "UPDATE notifications SET event_snapshot = NULL",
        "UPDATE notifications SET event_snapshot = '{\"version\":9}'",
    ] {
        let worker = worker(2);
        send(&worker, "m1", Kind::Created);
        worker.execute(forgotten);
        send(&worker, "m2", Kind::Updated);
        assert_eq!(mails(&worker, 2), of(&[1, 2], "Updated"), "{forgotten}");
    }
}

#[test]
fn an_event_that_a_message_carries_is_compared_as_well() {
    let worker = worker(1);
    let carried = |place: &str| {
        let event = serde_json::json!({"title": "A meeting", "location": place});
        let details = serde_json::from_value(serde_json::json!({"event": event})).unwrap();
        with_details(&details)
    };
    run(&worker, "m1", carried("Here"));
    run(&worker, "m2", carried("Here"));
    assert_eq!(worker.tally(2).skipped, 1);
    run(&worker, "m3", carried("There"));
    assert_eq!(worker.tally(3).sent, 1);
}

#[test]
fn people_with_text_keys_are_found_by_their_keys() {
    let mut worker = with_text_keys(TestWorker::new(25, 2));
    worker.context_mut().skip_unchanged = true;
    send(&worker, "m1", Kind::Created);
    let joined = "INSERT INTO participants VALUES ('%', 123, 'late@example.com', 'Late', NULL)";
    // In front of all others, so that everyone has another number than before.
    worker.execute(&joined.replace('%', "0"));
    send(&worker, "m2", Kind::Updated);
    assert_eq!(worker.tally(2), Tally { participants: 26, sent: 1, skipped: 25, ..Tally::default() });
    assert_eq!(mails(&worker, 25), [("late@example.com".to_owned(), "You're registered".to_owned())]);
}

//! Mails whose body was transmitted without a reply: the relay may have them.

use super::*;
use crate::worker::recipient::AMBIGUOUS_CODE;

/// A relay that answers the attempts for one person with `answers`, and a schedule of four steps.
fn worker(answers: &'static [Result<(), Class>]) -> TestWorker {
    TestWorker::with_relay_and_timing(
        1,
        1,
        move |_, tried, _| answers[tried as usize],
        schedule(&[150, 10, 10, 10]),
    )
}

const LOST: Result<(), Class> = Err(Class::Ambiguous);
const REFUSED: Result<(), Class> = Err(TRANSIENT);

#[test]
fn a_mail_that_gets_no_reply_twice_is_submitted_twice_and_no_more() {
    let worker = worker(&[LOST, LOST]);
    complete(&worker);
    assert_eq!(worker.relay.tries(), 1, "not retried in the fan-out");
    let relay = worker.relay.clone();
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 1, failed: 1, ..Tally::default() });
    assert_eq!(relay.tries(), 2);
}

#[test]
fn a_refusal_in_between_does_not_use_up_the_second_transmission() {
    let worker = worker(&[LOST, REFUSED, REFUSED, Ok(())]);
    complete(&worker);
    assert_eq!(deferral_of(&worker, 1).and_then(|deferral| deferral.code), Some(AMBIGUOUS_CODE));
    let relay = worker.relay.clone();
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 1, sent: 1, ..Tally::default() });
    assert_eq!(relay.tries(), 4);
}

#[test]
fn a_second_loss_after_a_refusal_is_the_end() {
    let worker = worker(&[LOST, REFUSED, LOST]);
    complete(&worker);
    let relay = worker.relay.clone();
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 1, failed: 1, ..Tally::default() });
    assert_eq!(relay.tries(), 3);
}

#[test]
fn a_mail_that_was_deferred_for_another_reason_may_get_no_reply_once() {
    let worker = worker(&[REFUSED, LOST, Ok(())]);
    complete(&worker);
    assert_eq!(deferral_of(&worker, 1).and_then(|deferral| deferral.code), Some(450));
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 1, sent: 1, ..Tally::default() });
}

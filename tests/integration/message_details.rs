//! What a message carries beyond kind and event: a note, a reason, and the event itself.

use std::time::Duration;

use serde_json::json;

use crate::systems::on_every_system;
use testkit::queue::{DeadLetter, properties};
use testkit::scenario::Scenario;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::Step;
use testkit::system::System;
use testkit::wait::wait_until;

const GREYLISTED: &str = "450 4.2.0 Greylisted";

/// The mails that the relay took: subject and body.
fn mails(scenario: &Scenario) -> Vec<(String, String)> {
    scenario.smtp.read_log(|log| {
        let mail = |raw: &[u8]| String::from_utf8_lossy(raw).replace("\r\n", "\n");
        log.received.iter().map(|mail_of| (mail_of.header("Subject"), mail(&mail_of.raw))).collect()
    })
}

on_every_system!(mails_show_the_event_that_the_message_carries);

/// The event is not in the database at all. One person is deferred, and has the mail from the next worker.
fn mails_show_the_event_that_the_message_carries(system: System) {
    let scenario = Scenario::with_relay("carried-event", 3)
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "1")
        .env("DEFER_SCHEDULE", "1s 1s 1s 1s 1s 1s")
        .database(system)
        .build();
    scenario.ledger.execute("DELETE FROM events");
    scenario.ledger.execute("UPDATE participants SET locale = 'en-GB'");
    let deferred = scenario.people()[0].email.clone();
    let (for_ever, whom) = (Duration::from_secs(86_400), move |address: &str| address == deferred);
    scenario.smtp.add_policy(Policy::greylist(Step::Rcpt, GREYLISTED, for_ever, whom));
    let body = json!({"type": "event_cancelled", "reason": "storm", "event": {
        "event_id": 123, "event_name": "Rooftop Cinema", "location": "Roof", "start_time": "2026-12-24T18:00:00Z",
    }});
    let worker = scenario.worker();
    scenario.queue.publish_raw(body.to_string().as_bytes(), properties(Some("m-1")));
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.count("deferrals")), (2, 1));
    worker.stop();
    scenario.smtp.clear_policies();
    let worker = scenario.worker();
    scenario.wait_for_deferrals();
    let mails = mails(&scenario);
    assert_eq!(mails.len(), 3);
    for (subject, body) in mails {
        // With its year, if the test runs in another one.
        assert!(
            subject.starts_with("Cancelled: Rooftop Cinema (Thu") && subject.contains("24 Dec"),
            "{subject}"
        );
        assert!(body.contains("\nReason: storm\n") && body.contains("\n    Roof\n"), "{body}");
    }
    scenario.stop_and_check(worker);
}

#[test]
fn a_wrong_field_is_named_in_the_dead_letter() {
    let scenario = Scenario::with_relay("wrong-details", 1).build();
    let worker = scenario.worker();
    for body in [
        json!({"type": "UPDATED", "event_id": 123, "note": ["a"]}),
        json!({"type": "UPDATED", "event_id": 123, "metadata": "a"}),
        json!({"type": "event_updated", "event": {"event_id": 123}}),
    ] {
        scenario.queue.publish_raw(body.to_string().as_bytes(), properties(None));
    }
    scenario.queue.publish_raw(
        json!({"type": "UPDATED", "event_id": 123, "note": "Bring a coat."}).to_string().as_bytes(),
        properties(None),
    );
    scenario.wait_for_acks(1);
    wait_until("three dead letters", || scenario.queue.dead_depth() == 3);
    let reasons: Vec<String> = scenario.queue.take_dead_letters().iter().map(DeadLetter::reason).collect();
    for (reason, field) in reasons.iter().zip(["note", "metadata", "event.event_name"]) {
        assert!(reason.contains(&format!("the field \"{field}\"")), "{reasons:?}");
    }
    assert!(mails(&scenario)[0].1.contains("\nBring a coat.\n"));
    worker.stop();
}

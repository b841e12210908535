//! The count by recipient and published message finds what a count by Message-ID does not.

use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};

/// Two equal messages are two mails for everyone.
#[test]
fn a_message_too_few_or_too_many_is_found() {
    let scenario = Scenario::with_relay("mail-counts", 10).build();
    let worker = scenario.worker();
    for message_id in [None, None, Some("once"), Some("once")] {
        scenario.queue.publish("UPDATED", EVENT, message_id);
    }
    scenario.queue.publish("CANCELLED", EVENT, None);
    scenario.wait_for_acks(4);
    scenario.stop_and_check(worker);
    assert_eq!(scenario.mail_counts().total(), 40);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0));

    // As if another message had been published that no worker has seen.
    scenario.queue.published.add(br#"{"type":"CREATED","event_id":123}"#, None);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (10, 0));
    assert!(scenario.mail_counts().lost().keys().all(|(_, kind)| kind == "CREATED"));

    // As if the first one had never been published.
    let fewer = Scenario::with_relay("mail-counts-fewer", 10).build();
    let worker = fewer.worker();
    fewer.queue.publish_all(&[(br#"{"type":"UPDATED","event_id":123}"#.to_vec(), properties(None))]);
    fewer.wait_for_acks(1);
    fewer.stop_and_check(worker);
    let mut counts = fewer.mail_counts();
    counts.due.clear();
    assert_eq!(counts.lost_and_duplicates(), (0, 10));
}

/// What fanmail cannot read is not due.
#[test]
fn a_dead_letter_is_not_due() {
    let scenario = Scenario::builder("mail-counts-dead").participants(3).build();
    let published = &scenario.queue.published;
    let bodies: [&[u8]; 4] =
        [b"[]", br#"{"type":"updated","event_id":123}"#, br#"{"type":"UPDATED","event_id":"123"}"#, b"\xff"];
    for body in &bodies {
        published.add(body, None);
    }
    assert_eq!(scenario.mail_counts().total(), 0);
    // An empty id counts as none.
    for _ in 0..2 {
        published.add(br#"{"type":"UPDATED","event_id":123}"#, Some(""));
    }
    assert_eq!(scenario.mail_counts().total(), 6);
}

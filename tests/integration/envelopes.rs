//! Messages in envelopes, as publishers with a library of their own and `CloudEvents` send them, and messages that are too old.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use amiquip::{AmqpProperties, AmqpValue, FieldTable};

use testkit::queue::properties;
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

const BARE: &str = r#"{"type":"UPDATED","event_id":123}"#;

fn with_headers(headers: &[(&str, &str)]) -> AmqpProperties {
    let value = |text: &str| AmqpValue::LongString(text.to_owned());
    let headers: FieldTable = headers.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
    properties(None).with_headers(headers)
}

/// Each is published twice, as by a publisher that got no confirm: the id in the envelope tells that it is one notification.
#[test]
fn an_envelope_identifies_its_message() {
    let scenario = Scenario::with_relay("envelopes", 3).env("REQUIRE_MESSAGE_ID", "True").build();
    let worker = scenario.worker();
    let enveloped = format!(r#"{{"payload":{BARE},"_meta":{{"id":"e-1","routing_key":"event.updated"}}}}"#);
    let event =
        format!(r#"{{"specversion":"1.0","type":"event.updated","source":"/a","id":"1","data":{BARE}}}"#);
    let attribute = |prefix: &str| {
        let name = |name: &str| format!("{prefix}{name}");
        let (specversion, id, source) = (name("specversion"), name("id"), name("source"));
        with_headers(&[(&specversion, "1.0"), (&id, "1"), (&source, &format!("/b/{prefix}"))])
    };
    for _ in 0..2 {
        scenario.queue.publish_raw(enveloped.as_bytes(), properties(None));
        scenario.queue.publish_raw(event.as_bytes(), properties(None));
        scenario.queue.publish_raw(BARE.as_bytes(), attribute("cloudEvents:"));
        scenario.queue.publish_raw(BARE.as_bytes(), attribute("cloudEvents_"));
    }
    scenario.wait_for_acks(4);
    wait_until("the copies", || scenario.queue.messages() == 0);
    let keys: Vec<Option<String>> =
        scenario.ledger.notifications().into_iter().map(|row| row.message_key).collect();
    let expected = ["e-1", "/a 1", "/b/cloudEvents: 1", "/b/cloudEvents_ 1"].map(|key| Some(key.to_owned()));
    assert_eq!(keys, expected);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.duplicates()), (12, 0));
    assert_eq!(scenario.queue.dead_depth(), 0);
    worker.stop();
}

#[test]
fn a_message_that_waited_too_long_is_a_dead_letter() {
    let scenario = Scenario::with_relay("stale", 2).env("STALE_AFTER", "1h").build();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let two_hours = Duration::from_secs(2 * 3600);
    let of_time = |time: Duration| properties(None).with_timestamp(time.as_secs());
    let old = now.checked_sub(two_hours).unwrap();
    let enveloped = format!(r#"{{"payload":{BARE},"_meta":{{"timestamp":{}}}}}"#, old.as_secs());
    scenario.queue.publish_raw(BARE.as_bytes(), of_time(old));
    scenario.queue.publish_raw(enveloped.as_bytes(), properties(None));
    scenario.queue.publish_raw(BARE.as_bytes(), of_time(now));
    scenario.queue.publish_raw(BARE.as_bytes(), of_time(now + two_hours));
    let worker = scenario.worker();
    scenario.wait_for_acks(2);
    wait_until("two dead letters", || scenario.queue.dead_depth() == 2);
    for letter in scenario.queue.take_dead_letters() {
        let reason = letter.reason();
        assert!(reason.starts_with("it is stale: it was published at 20"), "{reason}");
    }
    assert_eq!(scenario.ledger.outcomes("sent"), 4);
    worker.stop();
}

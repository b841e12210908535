//! Messages that cannot be processed: they become dead letters with a reason, and delay no other message.

use amiquip::AmqpProperties;

use crate::systems::on_every_system;
use testkit::queue::{properties, unusual_properties};
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::wait_until;

on_every_system!(unusual_message_ids_are_accepted_and_distinguished);

/// Ids that one database or another would refuse, cut off or take for equal.
fn unusual_message_ids_are_accepted_and_distinguished(system: System) {
    let long = "x".repeat(254);
    let wide = "\u{1F600}".repeat(63);
    let ids: [&str; 11] = [
        "a",
        "A",
        "a ",
        " a",
        "á",
        "a\u{301}",
        "a\0b",
        "a\nb",
        &format!("{long}1"),
        &format!("{long}2"),
        &wide,
    ];
    let scenario = Scenario::with_relay("odd-ids", 2).database(system).build();
    for id in ids.iter().chain(&ids) {
        scenario.queue.publish("UPDATED", EVENT, Some(id));
    }
    let worker = scenario.worker();
    wait_until("all copies to be recognised", || {
        worker.log().matches("was completed before").count() == ids.len()
    });
    scenario.wait_for_acks(ids.len());
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (2 * ids.len(), 0));
    scenario.stop_and_check(worker);
}

/// Bodies, and a part of the reason that each has to get.
fn poison() -> Vec<(Vec<u8>, &'static str)> {
    let text = |body: &str, reason| (body.as_bytes().to_vec(), reason);
    vec![
        text("", "the body is empty"),
        text("UPDATED 123", "not JSON"),
        text(r#"{"type":"UPDATED","event_id":123"#, "not JSON"),
        text(r#"[{"type":"UPDATED","event_id":123}]"#, "an array may hold notices only"),
        text(r#""UPDATED""#, "a string"),
        text("null", "null"),
        text(r#"{"event_id":123}"#, "\"type\" is missing"),
        text(r#"{"type":"UPDATED"}"#, "\"event_id\" is missing"),
        text(r#"{"type":"DELETED","event_id":123}"#, "\"DELETED\" is not one of"),
        text(r#"{"type":7,"event_id":123}"#, "\"type\" must be a string"),
        text(r#"{"type":"UPDATED","event_id":"123"}"#, "must be a whole number"),
        text(r#"{"type":"UPDATED","event_id":1.5}"#, "event_id 1.5"),
        text(r#"{"type":"UPDATED","event_id":9223372036854775808}"#, "event_id 9223372036854775808"),
        text(&"[".repeat(3000), "not JSON"),
        (b"\xff\xff{}".to_vec(), "not UTF-8"),
        (b"\xff\xfe{\0}\0".to_vec(), "in UTF-16"),
        (vec![b' '; 70_000], "70000 bytes"),
    ]
}

#[test]
fn poison_messages_become_dead_letters_while_good_messages_pass() {
    let scenario = Scenario::with_relay("poison", 30).build();
    let poison = poison();
    let good =
        format!(r#"{{"type":"UPDATED","event_id":{EVENT},"sender":{{"app":"planner"}}}}"#).into_bytes();
    let mut messages: Vec<(Vec<u8>, AmqpProperties)> = Vec::new();
    for (n, (body, _)) in poison.iter().enumerate() {
        let properties = match n {
            0 => AmqpProperties::default(),
            _ => unusual_properties().with_message_id(format!("poison-{n}")),
        };
        messages.push((body.clone(), properties));
        if n % 6 == 3 {
            messages.push((good.clone(), properties_of_good(n)));
        }
    }
    scenario.queue.publish_all(&messages);
    let worker = scenario.worker();
    scenario.wait_for_acks(3);
    wait_until("the dead letters", || scenario.queue.dead_depth() as usize == poison.len());
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (90, 0));
    scenario.stop_and_check(worker);

    let dead_letters = scenario.queue.take_dead_letters();
    for (n, (body, reason)) in poison.iter().enumerate() {
        let dead_letter = dead_letters.iter().find(|dead_letter| dead_letter.body == *body).expect(reason);
        assert!(dead_letter.reason().contains(reason), "{reason}: {}", dead_letter.reason());
        assert!(dead_letter.reason().chars().count() < 300);
        assert_eq!(dead_letter.header("x-original-queue").as_ref(), Some(&scenario.queue.name));
        assert!(
            dead_letter.header("x-dead-at").unwrap().starts_with("20"),
            "{:?}",
            dead_letter.header("x-dead-at")
        );
        if n > 0 {
            let mut kept = dead_letter.properties.clone();
            let mut headers = kept.headers().clone().unwrap();
            headers.retain(|name, _| !name.starts_with("x-dead-") && name != "x-original-queue");
            kept = kept.with_headers(headers);
            assert_eq!(kept, unusual_properties().with_message_id(format!("poison-{n}")));
        }
    }
}

fn properties_of_good(n: usize) -> AmqpProperties {
    properties(Some(&format!("good-{n}")))
}

#[test]
fn an_event_that_appears_within_the_grace_is_mailed() {
    let scenario = Scenario::with_relay("unknown", 0).env("EVENT_LOOKUP_GRACE", "20").build();
    let worker = scenario.worker();
    scenario.queue.publish("CREATED", 77, Some("raced"));
    wait_until("the message to be taken", || scenario.queue.consumers() == 1 && scenario.queue.depth() == 0);
    scenario.seed(77, 12);
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.queue.dead_depth()), (12, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn an_event_that_never_appears_is_a_dead_letter() {
    let scenario = Scenario::with_relay("never", 25).env("EVENT_LOOKUP_GRACE", "0").build();
    let worker = scenario.worker();
    scenario.queue.publish("CREATED", 4711, Some("lost"));
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    let abandoned = "notifications WHERE state = 'abandoned' AND event_id = 4711 AND reason IS NOT NULL";
    assert_eq!(scenario.ledger.count(abandoned), 1);
    scenario.ledger.execute("DELETE FROM notifications WHERE state = 'abandoned'");
    scenario.stop_and_check(worker);
    let dead_letters = scenario.queue.take_dead_letters();
    assert!(
        dead_letters[0].reason().contains("event 4711 is not in the database"),
        "{}",
        dead_letters[0].reason()
    );
    assert_eq!(dead_letters[0].properties.message_id().as_deref(), Some("lost"));
}

#[test]
fn a_message_id_that_was_used_for_another_event_is_a_dead_letter() {
    let scenario = Scenario::with_relay("conflict", 5).build();
    let worker = scenario.worker();
    scenario.queue.publish("CREATED", EVENT, Some("same"));
    scenario.wait_for_acks(1);
    scenario.queue.publish("CANCELLED", EVENT, Some("same"));
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    assert!(scenario.queue.take_dead_letters()[0].reason().contains("message_id"));
    assert_eq!(scenario.smtp.accepted(), 5);
    scenario.stop_and_check(worker);
}

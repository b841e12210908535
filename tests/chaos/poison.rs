//! Random bytes, mutated JSON and unusual properties: each message becomes a notification or a dead letter, and the
//! good messages between them are mailed.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::run::Run;
use crate::workers::Workers;
use testkit::raw_publisher::{RawProperties, RawPublisher};
use testkit::scenario::EVENT;
use testkit::system::System;

/// Size of a group of messages with one good message.
const GOOD_ONE_IN: usize = 25;
/// Longest `message_id` that AMQP can carry.
const LONGEST_ID: usize = 255;

/// Publishes many messages at once. Chance decides how many of the mutated ones are still valid.
pub fn poison(run: &mut Run, system: System) {
    let messages = run.size(100, 500);
    let scenario = run.setup(system, 5).env("EVENT_LOOKUP_GRACE", "0").build();
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    let mut workers = Workers::start(&scenario, 1);
    let mut publisher = RawPublisher::connect(&scenario.queue.broker);
    let mut good = BTreeSet::new();
    for n in 0..messages {
        let (body, id) = if n % GOOD_ONE_IN == 0 {
            // How the ledger writes an id with a NUL.
            good.insert(good_id(n / GOOD_ONE_IN).replace('\0', "\u{fffd}"));
            (good_body().into_bytes(), good_id(n / GOOD_ONE_IN).into_bytes())
        } else {
            (bad_body(&mut run.random), random_bytes(&mut run.random, LONGEST_ID))
        };
        let properties = unusual_properties(&mut run.random).message_id(&id);
        publisher.publish("", scenario.queue.name.as_bytes(), &properties, &body);
        // An id that is not UTF-8 text counts as none.
        scenario.queue.published.add(&body, std::str::from_utf8(&id).ok());
    }
    workers.wait_until("every message to have its place", |_| {
        scenario.ledger.completed() + scenario.queue.dead_depth() as usize >= messages
    });
    let notifications = messages - scenario.queue.dead_depth() as usize;
    let crashes = workers.finish(notifications);
    assert_eq!(crashes, 0, "no message makes a worker end");
    let rows = scenario.ledger.notifications();
    let keys: BTreeSet<String> = rows.into_iter().filter_map(|row| row.message_key).collect();
    let missing: Vec<&String> = good.difference(&keys).collect();
    assert!(missing.is_empty(), "these good messages are no notifications: {missing:?}");
    // A changed message may ask for an event that is not there. Its notification is abandoned, and it is a dead letter.
    assert_eq!(scenario.ledger.count("notifications WHERE state = 'abandoned' AND acked_at IS NULL"), 0);
    scenario.ledger.execute("DELETE FROM notifications WHERE state = 'abandoned'");
    run.check(&scenario, notifications, crashes);
}

fn good_body() -> String {
    format!(r#"{{"type":"UPDATED","event_id":{EVENT}}}"#)
}

/// Ids that a careless comparison takes for equal, and the longest possible id.
fn good_id(n: usize) -> String {
    let ids =
        ["id", "ID", "id ", " id", "íd", "i\u{301}d", "id\u{200b}", "ıd", "\u{1f4e7}", "'; --", "i%", "\0"];
    match ids.get(n) {
        Some(id) => (*id).to_owned(),
        None => format!("{n:x>LONGEST_ID$}"),
    }
}

/// Random bytes, or a good message with a few changes.
fn bad_body(random: &mut Rng) -> Vec<u8> {
    match random.u8(..10) {
        0 => random_bytes(random, 70_000),
        1..=3 => random_bytes(random, 100),
        _ => {
            let mut body = good_body().into_bytes();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..body.len());
                match random.u8(..5) {
                    0 if body.len() > 1 => drop(body.remove(at)),
                    0 => {}
                    1 => body.insert(at, random.u8(..)),
                    // Often still JSON, and sometimes still a good message.
                    2 => body.insert(at, random.choice(*b" \t\n{}[]\",:0123456789eE+-.\\").unwrap()),
                    3 => body[at] ^= 1 << random.u8(..8),
                    _ => body.truncate(at.max(1)),
                }
            }
            body
        }
    }
}

fn random_bytes(random: &mut Rng, most: usize) -> Vec<u8> {
    (0..random.usize(..=most)).map(|_| random.u8(..)).collect()
}

/// Unusual properties: not UTF-8, with NULs, very long, or all of these.
fn unusual_properties(random: &mut Rng) -> RawProperties {
    let mut properties = RawProperties::default();
    for _ in 0..random.usize(..4) {
        let (name, value) = (random_bytes(random, LONGEST_ID), random_bytes(random, 5_000));
        properties = properties.header(&name, &value);
    }
    if random.bool() {
        properties = properties.priority(random.u8(..));
    }
    if random.bool() {
        // An hour, so that no message expires during the test.
        properties = properties.expiration(b"3600000");
    }
    properties
}

//! Notifications that supersede each other, while workers are killed: nobody gets an older one after the newer one, everyone gets the
//! last one, and each adds up.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::messages::Ids;
use crate::run::{LANES, Run};
use crate::workers::Workers;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::log::{BodyReply, ReceivedMail};
use testkit::system::System;

/// Updates of one event in a row and a cancellation at the end, at random moments, and so are the kills.
pub fn killed(run: &mut Run, system: System, count: usize, ids: Ids) {
    let (people, messages, kills) = (run.size(150, 1_000), run.size(6, 30), run.size(2, 12));
    let setup =
        run.setup(system, people).env("SUPERSEDE", "on").env("PREFETCH", "2").env("LEASE_TIMEOUT", "2");
    let scenario = setup.build();
    let mut workers = Workers::start(&scenario, count);
    let mut published = 0;
    let mut killed = 0;
    while published < messages {
        if killed < kills && run.random.bool() {
            workers.kill(run.random.usize(..count));
            killed += 1;
            continue;
        }
        let is_last = published + 1 == messages;
        let kind =
            if is_last { "CANCELLED" } else { run.random.choice(["UPDATED", "UPDATED", "CREATED"]).unwrap() };
        let id = Uuid::now_v7().to_string();
        scenario.queue.publish(kind, EVENT, (ids == Ids::With).then_some(id.as_str()));
        published += 1;
        let mails = scenario.smtp.accepted() + run.random.usize(..people / 2);
        // Unless it is superseded or sent by then.
        workers.wait_until("some mails", |workers| {
            workers.accepted() >= mails || scenario.ledger.completed() == published
        });
    }
    let crashes = workers.finish_except_acks(messages);
    check(&scenario, people, crashes * LANES);
    run.record_mails(scenario.smtp.accepted(), scenario.duplicates(), crashes * LANES);
}

/// `bound`: so many mails may have been in flight when workers were killed.
fn check(scenario: &Scenario, people: usize, bound: usize) {
    let lines = scenario.status();
    let newer: BTreeMap<i64, i64> = lines
        .iter()
        .filter_map(|line| Some((line["notification"].as_i64()?, line["superseded_by"].as_i64()?)))
        .collect();
    let mails: Vec<i64> = scenario.smtp.read_log(|log| {
        let delivered = log.received.iter().filter(|mail| mail.answer != BodyReply::Refused);
        delivered.map(ReceivedMail::notification).collect()
    });
    let first = |of: i64| mails.iter().position(|mail| *mail == of).unwrap_or(mails.len());
    let late =
        mails.iter().enumerate().filter(|(at, of)| newer.get(of).is_some_and(|newer| *at > first(*newer)));
    assert!(late.count() <= bound, "older after newer: {newer:?} {mails:?}");
    for line in &lines {
        assert_eq!((&line["pending"], &line["deferred"], &line["failed"]), (&0.into(), &0.into(), &0.into()));
        let id = line["notification"].as_i64().unwrap();
        if newer.contains_key(&id) {
            continue;
        }
        assert_eq!(line["sent"].as_u64().unwrap(), people as u64, "{line}");
        let recipients: BTreeSet<String> = scenario.smtp.read_log(|log| {
            let of_line = log.received.iter().filter(|mail| mail.notification() == id);
            of_line.map(|mail| mail.recipient.clone()).collect()
        });
        assert_eq!(recipients.len(), people, "{line}");
    }
    assert!(scenario.duplicates() <= bound, "{} duplicates", scenario.duplicates());
    assert_eq!((scenario.queue.depth(), scenario.queue.dead_depth()), (0, 0));
}

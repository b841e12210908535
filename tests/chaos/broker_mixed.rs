//! Messages with and without `message_id`, many of them equal and some published twice, while the broker is killed.

use std::collections::HashSet;
use std::iter::once;
use std::thread;
use std::time::Duration;

use amiquip::AmqpProperties;

use crate::pauses::{has_doubtful_pause, wait_for_pause, written_after};
use crate::run::Run;
use crate::turns::wait_for_turn;
use crate::workers::Workers;
use testkit::broker::Broker;
use testkit::queue::properties;
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

/// A message with its id.
type Message = (Vec<u8>, Option<String>);

/// Two workers, and a broker that is killed several times.
pub fn killed(run: &mut Run) {
    let (events, people, kills) = (run.size(40, 100), run.size(3, 10), run.size(2, 10));
    let _turn = wait_for_turn();
    let broker = Broker::own_with_low_niceness();
    broker.start();
    let prefetch = run.random.choice(["1", "4", "16"]).unwrap();
    let scenario = run.setup(System::Postgresql, 0).env("PREFETCH", prefetch).broker(&broker).build();
    for event in 1..=events {
        scenario.seed(i64::try_from(event).unwrap(), people);
    }
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    // RabbitMQ loses a queue that was declared right before a kill.
    broker.restart();
    let mut workers = Workers::start(&scenario, 2);
    let mut published = HashSet::new();
    let mut nameless = 0;
    for _ in 0..kills {
        let messages = messages(run, events, run.size(60, 300));
        nameless += messages.iter().filter(|(_, id)| id.is_none()).count();
        published.extend(messages.iter().filter_map(|(_, id)| id.clone()));
        // RabbitMQ writes acks whenever it confirms a message, which no ledger can see. So none is sent meanwhile, not even of a message
        // that has come again, and the ledger sees a pause too.
        scenario.smtp.gate().close_after(Point::BeforeReply, 0);
        workers.wait_until("both to take messages", |_| scenario.queue.consumers() >= 2);
        wait_for_pause(once(&scenario), written_after(&broker));
        scenario.queue.publish_all(&messages.iter().map(with_properties).collect::<Vec<_>>());
        scenario.smtp.gate().open();
        let due = scenario.mail_counts().total();
        let mails = due - run.random.usize(1..messages.len() * people / 2);
        workers.wait_until("the moment of the kill", |workers| workers.accepted() >= mails);
        while has_doubtful_pause(&scenario, &broker) {
            scenario.smtp.gate().close_after(Point::BeforeReply, 0);
            wait_for_pause(once(&scenario), written_after(&broker));
            scenario.smtp.gate().open();
            let mails = due.min(workers.accepted() + 10 * people);
            workers.wait_until("a moment without doubt", |workers| workers.accepted() >= mails);
        }
        broker.kill();
        thread::sleep(run.pause(Duration::from_secs(2)));
        broker.start();
    }
    let notifications = nameless + published.len();
    // What is lost is never completed; the check then tells how many mails are missing.
    wait_until("the broker to have no message", || broker.messages() == 0);
    let crashes = workers.finish_except_acks(notifications.min(scenario.ledger.completed()));
    assert_eq!(crashes, 0, "no broker makes a worker end");
    run.check_except_acks(&scenario, notifications, crashes);
}

/// Most have no id. Some of the others are published twice.
fn messages(run: &mut Run, events: usize, count: usize) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    while messages.len() < count {
        let kind = run.random.choice(["CREATED", "UPDATED"]).unwrap();
        let body = format!(r#"{{"type":"{kind}","event_id":{}}}"#, run.random.usize(1..=events)).into_bytes();
        let id = (run.random.u8(..3) == 0).then(|| format!("{:032x}", run.random.u128(..)));
        let twin = (body.clone(), id.clone());
        if id.is_some() && run.random.bool() {
            messages.push(twin);
        }
        messages.push((body, id));
    }
    run.random.shuffle(&mut messages);
    messages
}

fn with_properties((body, id): &Message) -> (Vec<u8>, AmqpProperties) {
    (body.clone(), properties(id.as_deref()))
}

//! Notifications of several priorities with a real broker: what is urgent is sent first, and what is not goes on.

use std::time::Duration;

use amiquip::AmqpProperties;
use serde_json::{Value, json};
use testkit::broker::Broker;
use testkit::queue::{Queue, properties};
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::wait_until;

/// Pause before each group of replies of the relay: a mail takes about two.
const REPLY_DELAY: Duration = Duration::from_millis(10);
/// People of the large notification, which is of low priority.
const LARGE: usize = 200;
/// People of the urgent one.
const URGENT: usize = 40;

fn scenario(name: &str) -> Scenario {
    let scenario = Scenario::with_relay(name, LARGE).broker(&Broker::shared()).connections(1).build();
    scenario.smtp.configure(|settings| settings.reply_delay = REPLY_DELAY);
    scenario
}

fn publish_low(scenario: &Scenario) {
    let body = json!({"type": "UPDATED", "event_id": EVENT, "priority": "low"});
    scenario.queue.publish_raw(body.to_string().as_bytes(), properties(Some("large")));
}

fn notice(people: usize) -> Value {
    let recipients: Vec<String> = (0..people).map(|number| format!("urgent.{number}@example.com")).collect();
    json!({"recipients": recipients, "message": "The event begins now."})
}

/// How many mails of the large notification arrived among those of the urgent one.
fn arrived_among(scenario: &Scenario) -> usize {
    scenario.smtp.read_log(|log| {
        let is_urgent = log.received.iter().map(|mail| mail.recipient.starts_with("urgent."));
        let is_urgent: Vec<bool> = is_urgent.collect();
        assert_eq!(is_urgent.iter().filter(|urgent| **urgent).count(), URGENT);
        let first = is_urgent.iter().position(|urgent| *urgent).unwrap();
        let last = is_urgent.iter().rposition(|urgent| *urgent).unwrap();
        is_urgent[first..last].iter().filter(|urgent| !**urgent).count()
    })
}

/// However a publisher says that a notification is urgent, it has eight turns while one of low priority has one. In turns alone, as
/// many mails of each would go out.
#[test]
fn high_is_sent_before_most_of_a_large_notification_of_low_priority() {
    let mut with_word = notice(URGENT);
    with_word["priority"] = json!("high");
    let of_amqp = properties(Some("urgent")).with_priority(7);
    let cases: [(&str, Value, AmqpProperties, bool); 3] = [
        ("priority-word", with_word, properties(Some("urgent")), false),
        ("priority-amqp", notice(URGENT), of_amqp, false),
        ("priority-queue", notice(URGENT), properties(Some("urgent")), true),
    ];
    for (name, body, properties, in_urgent_queue) in cases {
        let mut scenario = scenario(name);
        if in_urgent_queue {
            scenario.environment.insert("URGENT_QUEUE".to_owned(), "True".to_owned());
        }
        let worker = scenario.worker();
        publish_low(&scenario);
        wait_until("the large one to be sent", || scenario.smtp.accepted() >= 5);
        let urgent = Queue::new(Broker::shared(), format!("{}.urgent", scenario.queue.name));
        let queue = if in_urgent_queue { &urgent } else { &scenario.queue };
        queue.publish_raw(body.to_string().as_bytes(), properties);
        wait_until("the urgent one", || scenario.ledger.completed() > 0);
        let others = arrived_among(&scenario);
        assert!(others < URGENT / 2, "{name}: {others} mails of the large one went out meanwhile");
        scenario.wait_for_acks(2);
        assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (LARGE + URGENT, 0), "{name}");
        worker.stop();
    }
}

/// One of low priority gets its share while those of high priority never end.
#[test]
fn low_goes_on_beside_a_stream_of_high() {
    let scenario = scenario("priority-stream");
    let worker = scenario.worker();
    publish_low(&scenario);
    wait_until("the large one to be sent", || scenario.smtp.accepted() >= 5);
    let mut body = notice(URGENT);
    body["priority"] = json!("high");
    let publish = |number: usize| {
        let id = format!("high-{number}");
        scenario.queue.publish_raw(body.to_string().as_bytes(), properties(Some(&id)));
    };
    // Two at any time, so that mails of high priority wait at any time.
    (0..2).for_each(&publish);
    let low = || {
        scenario
            .smtp
            .read_log(|log| log.received.iter().filter(|mail| !mail.recipient.starts_with("urgent.")).count())
    };
    let before = low();
    for number in 0..4 {
        wait_until("one of high priority", || scenario.ledger.completed() > number);
        publish(number + 2);
    }
    let high = scenario.smtp.accepted() - low();
    let meanwhile = low() - before;
    assert!(meanwhile * 20 >= high, "{meanwhile} of low priority beside {high} of high priority");
    scenario.wait_for_acks(7);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (LARGE + 6 * URGENT, 0));
    worker.stop();
}

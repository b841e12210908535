//! The messages of the scenarios: about events, and notices. And the two ways on which they reach a worker.

use amiquip::AmqpProperties;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::run::Run;
use testkit::queue::properties;
use testkit::scenario::Scenario;

/// A body with its properties, of which the outbox keeps the `message_id`.
pub type Message = (Vec<u8>, AmqpProperties);

/// Whether the publisher sets `message_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Each message has one of its own.
    With,
    /// No message has one.
    Without,
}

impl Ids {
    /// The properties of the next message.
    pub fn properties(self) -> AmqpProperties {
        properties((self == Self::With).then(|| Uuid::now_v7().to_string()).as_deref())
    }
}

/// How messages reach the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Published to the broker.
    Queue,
    /// Written to the database. The workers use no broker.
    Outbox,
}

impl Way {
    /// The arguments of a worker.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Queue => &["worker"],
            Self::Outbox => &["worker", "--outbox-only"],
        }
    }

    /// Publishes messages, or writes them in one statement.
    pub fn send(self, scenario: &Scenario, messages: &[Message]) {
        match self {
            Self::Queue => scenario.queue.publish_all(messages),
            Self::Outbox => write_to_outbox(scenario, messages),
        }
    }
}

fn write_to_outbox(scenario: &Scenario, messages: &[Message]) {
    let row = |(body, properties): &Message| {
        let id = properties.message_id().as_deref();
        scenario.queue.published.add(body, id);
        let id = id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
        format!("({id}, '{}')", str::from_utf8(body).unwrap())
    };
    let rows: Vec<String> = messages.iter().map(row).collect();
    scenario.ledger.execute(&format!("INSERT INTO outbox (message_id, body) VALUES {}", rows.join(", ")));
}

/// A message about an event.
pub fn of_event(kind: &str, event: i64, ids: Ids) -> Message {
    (format!(r#"{{"type":"{kind}","event_id":{event}}}"#).into_bytes(), ids.properties())
}

/// Messages with notices to this number of recipients each, of which some are batches. None is equal to another one.
pub fn notices(run: &mut Run, count: usize, recipients: usize, ids: Ids) -> Vec<Message> {
    let mut message = |number: usize| {
        let addresses: Vec<String> = (0..recipients).map(|n| format!("recipient.{n}@example.org")).collect();
        let title = format!("Notice {}", run.random.u8(..3));
        let notice = |addresses: &[String], title: &str| json!({"recipients": addresses, "title": title, "message": format!("Hello {number}")});
        let body = if run.random.bool() {
            notice(&addresses, &title)
        } else {
            let parts = addresses.chunks(7).enumerate();
            Value::Array(parts.map(|(part, to)| notice(to, &format!("{title}, part {part}"))).collect())
        };
        (body.to_string().into_bytes(), ids.properties())
    };
    (0..count).map(&mut message).collect()
}

/// Adds events with one participant each, and returns small notifications of them, and notices: most of them equal to others, with ids
/// and without.
pub fn small_ones(run: &mut Run, scenario: &Scenario, count: usize) -> Vec<Message> {
    const EVENTS: i64 = 10;
    for event in 1..=EVENTS {
        scenario.ledger.execute(&format!(
            "INSERT INTO events (id, title) VALUES ({event}, 'Ball');
             INSERT INTO participants (event_id, email, name) VALUES ({event}, 'of.{event}@example.org', 'Ann')"
        ));
    }
    let mut message = |_| {
        let number = run.random.i64(1..=EVENTS);
        let ids = run.random.choice([Ids::With, Ids::Without]).unwrap();
        if run.random.u8(..4) > 0 {
            return of_event("UPDATED", number, ids);
        }
        let to = format!("of.{number}@example.org");
        let body = json!({"recipients": [to], "title": "Small", "message": "Hello"});
        (body.to_string().into_bytes(), ids.properties())
    };
    (0..count).map(&mut message).collect()
}

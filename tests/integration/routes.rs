//! `ROUTES_FILE`: mails for the routing keys of a topic exchange, with the routes and the templates of `examples/routes`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::exchange;
use testkit::metrics::metric;
use testkit::process::Process;
use testkit::queue::{DeadLetter, properties};
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;
use uuid::Uuid;

use crate::systems::on_every_system;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/routes");
const LANES: usize = 4;

on_every_system!(
    domain_events_of_a_topic_exchange_are_mailed
    a_worker_is_killed_in_the_middle_and_the_routes_are_changed_meanwhile
    rows_of_the_outbox_have_a_routing_key
);

/// A scenario with these routes, and an exchange of its own that is bound for everything.
struct Routed {
    scenario: Scenario,
    exchange: String,
}

impl Routed {
    fn with(builder: ScenarioBuilder, routes: &str) -> Self {
        let exchange = format!("events-{}", Uuid::now_v7().simple());
        let scenario = builder
            .env("AMQP_BINDINGS", &format!("{exchange}(topic):#"))
            .env("ROUTES_FILE", "routes.toml")
            .env("HTTP_ADDR", "127.0.0.1:0")
            .env("TEMPLATES_DIR", &format!("{EXAMPLE}/templates"))
            .build();
        let this = Self { scenario, exchange };
        this.write(routes);
        this
    }

    fn of_example(builder: ScenarioBuilder) -> Self {
        Self::with(builder, &fs::read_to_string(Path::new(EXAMPLE).join("routes.toml")).unwrap())
    }

    fn write(&self, routes: &str) {
        fs::write(self.scenario.path("routes.toml"), routes).unwrap();
    }

    fn worker(&self) -> Process {
        let worker = self.scenario.worker();
        wait_until("the worker to consume", || self.scenario.queue.consumers() == 1);
        worker
    }

    fn publish(&self, routing_key: &str, body: &Value, message_id: Option<&str>) {
        let broker = &self.scenario.queue.broker;
        let routed =
            exchange::publish(broker, &self.exchange, routing_key, &body.to_string(), properties(message_id));
        assert!(routed, "no queue got {routing_key}");
    }

    /// To whom mails went, with their subjects, in order.
    fn mails(&self) -> Vec<(String, String)> {
        let mut mails: Vec<_> = self.scenario.smtp.read_log(|log| {
            log.received.iter().map(|mail| (mail.header("To"), mail.header("Subject"))).collect()
        });
        mails.sort();
        mails
    }

    fn reasons(&self, number: u32) -> Vec<String> {
        wait_until("the dead letters", || self.scenario.queue.dead_depth() == number);
        self.scenario.queue.take_dead_letters().iter().map(DeadLetter::reason).collect()
    }
}

fn make_users(scenario: &Scenario) {
    scenario.ledger.execute(
        "CREATE TABLE users (id BIGINT PRIMARY KEY, email VARCHAR(200), name VARCHAR(200), locale VARCHAR(20));
         INSERT INTO users VALUES (7, 'grace@example.com', 'Grace', NULL)",
    );
}

fn registration(email: &str, course: &str) -> Value {
    let course = json!({"title": course, "room": "<B>"});
    json!({"email": email, "first_name": "Ada", "last_name": "Lovelace", "course": course})
}

fn pair(to: &str, subject: &str) -> (String, String) {
    (to.to_owned(), subject.to_owned())
}

fn domain_events_of_a_topic_exchange_are_mailed(system: System) {
    let routed = Routed::of_example(Scenario::with_relay("routes", 1).database(system));
    let scenario = &routed.scenario;
    make_users(scenario);
    let worker = routed.worker();
    let payload = registration("ada@example.com", "Engines & Notes");
    routed.publish(
        "student.created",
        &json!({"payload": payload, "_meta": {"id": "s-7", "source": "crm"}}),
        None,
    );
    let account = json!({"user_id": 7, "message": "You can log in.", "title": "Your account"});
    routed.publish("auth.user.created", &account, Some("a-7"));
    let cloud_event = json!({"specversion": "1.0", "id": "3", "source": "/rooms", "type": "moved",
        "data": {"event_id": EVENT, "room": "Great Hall"}});
    routed.publish("course.moved", &cloud_event, None);
    // fanmail's own forms are read as ever.
    routed.publish("anything", &json!({"type": "UPDATED", "event_id": EVENT}), Some("u"));
    routed.publish("order.paid", &json!({"order": 7}), Some("o-1"));
    routed.publish("order.paid", &json!({"order": 8}), Some("o-2"));
    scenario.wait_for_acks(4);
    wait_until("the messages that nobody wants", || metric(&worker, "fanmail_messages_ignored_total") == 2);
    let mails = routed.mails();
    assert_eq!(mails.len(), 4, "{mails:?}");
    for expected in [
        pair("Ada Lovelace <ada@example.com>", "Welcome to Engines & Notes"),
        pair("Grace <grace@example.com>", "Your account"),
    ] {
        assert!(mails.contains(&expected), "{mails:?}");
    }
    assert!(mails.iter().any(|(_, subject)| subject.ends_with(" is in Great Hall now")), "{mails:?}");
    let welcome = scenario.smtp.read_log(|log| {
        let texts = log.received.iter().map(|mail| String::from_utf8_lossy(&mail.raw).replace("\r\n", "\n"));
        texts.into_iter().find(|text| text.contains("Welcome to Engines")).unwrap()
    });
    for part in ["You are registered for Engines & Notes. The room is <B>.\n", "The room is &lt;B&gt;.\n"] {
        assert!(welcome.contains(part), "{welcome}");
    }
    let mut kinds: Vec<String> =
        scenario.status().iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    assert_eq!(kinds, ["NOTICE", "ROUTED", "ROUTED", "UPDATED"]);
    assert_eq!(scenario.queue.dead_depth(), 0);
    let log = worker.stop().err;
    let told = "no route matches the routing key order.paid: its messages are acked, and nobody is mailed";
    assert_eq!(log.matches(told).count(), 1, "{log}");
    exchange::delete(&scenario.queue.broker, &routed.exchange);
}

/// The ledger has what the mails show. The routes say what is to be done with other messages.
fn a_worker_is_killed_in_the_middle_and_the_routes_are_changed_meanwhile(system: System) {
    let other_mail = "[route.other]\nmatch = \"student.#\"\ntemplate = \"course-moved\"\nto = \"payload.all\"\nname = \"Other\"\n";
    let other_field = other_mail.replace("payload.all", "payload.none");
    let no_route = other_mail.replace("student.#", "other");
    let ignored = format!("on_unmatched = \"ignore\"\n{no_route}");
    for (name, message_id, changed) in [
        ("routes-killed-id", Some("m"), other_mail),
        ("routes-killed", None, other_mail),
        ("routes-killed-field", Some("m"), &other_field),
        ("routes-killed-no", None, &no_route),
        ("routes-killed-ignored", None, &ignored),
    ] {
        let file = "[route.welcome]\nmatch = \"student.created\"\nto = \"payload.all\"\n";
        let routed = Routed::with(Scenario::with_relay(name, 1).database(system).connections(LANES), file);
        let scenario = &routed.scenario;
        let all: Vec<String> = (0..100).map(|number| format!("s{number}@example.com")).collect();
        let body = json!({"all": all, "course": {"title": "Engines", "room": null}});
        scenario.smtp.gate().close_after(Point::BeforeReply, 30);
        let worker = routed.worker();
        routed.publish("student.created", &body, message_id);
        scenario.wait_until_held(LANES);
        worker.kill();
        scenario.wait_until_held(0);
        scenario.smtp.gate().open();
        routed.write(changed);
        let worker = routed.worker();
        scenario.wait_for_acks(1);
        assert_eq!(scenario.ledger.notifications().len(), 1, "a redelivery became another notification");
        assert_eq!(scenario.smtp.delivered_ids().len(), 100, "somebody was skipped");
        assert!(scenario.duplicates() <= LANES, "{}", scenario.duplicates());
        assert!(
            routed
                .mails()
                .iter()
                .all(|(to, subject)| subject == "Welcome to Engines" && !to.contains("Other"))
        );
        worker.stop();
        exchange::delete(&scenario.queue.broker, &routed.exchange);
    }
}

fn rows_of_the_outbox_have_a_routing_key(system: System) {
    let builder = Scenario::with_relay("routes-outbox", 1).database(system).env("OUTBOX", "True");
    let routed = Routed::of_example(builder);
    let scenario = &routed.scenario;
    let worker = routed.worker();
    let row = |key: &str, body: &Value| {
        scenario
            .ledger
            .execute(&format!("INSERT INTO outbox (routing_key, body) VALUES ('{key}', '{body}')"));
    };
    row("student.created", &registration("ada@example.com", "Engines"));
    row("order.paid", &json!({"order": 7}));
    row("student.created", &json!({"order": 7}));
    scenario.wait_for_acks(1);
    wait_until("all rows to be taken", || scenario.ledger.count("outbox WHERE taken_at IS NULL") == 0);
    assert_eq!(routed.mails(), [pair("Ada Lovelace <ada@example.com>", "Welcome to Engines")]);
    assert_eq!(scenario.ledger.count("outbox WHERE problem IS NOT NULL"), 1);
    wait_until("the row that nobody wants", || metric(&worker, "fanmail_messages_ignored_total") == 1);
    let log = worker.stop().err;
    assert!(
        log.contains("but to is payload.email, which is missing or null. Correct the application."),
        "{log}"
    );
    exchange::delete(&scenario.queue.broker, &routed.exchange);
}

#[test]
fn what_no_route_fits_becomes_a_dead_letter_that_can_be_published_again() {
    let file = "[route.welcome]\nmatch = \"student.*\"\nto = \"payload.email\"\nname = \"{{ payload.first_name }}\"\n";
    let routed = Routed::with(Scenario::with_relay("routes-dead", 1), file);
    let scenario = &routed.scenario;
    let worker = routed.worker();
    routed.publish("order.paid", &json!({"order": 7}), Some("o"));
    routed.publish("student.created", &json!({"email": "ada@example.com"}), Some("s"));
    routed.publish("student.x", &json!({"first_name": "Ada"}), Some("t"));
    let mut reasons = routed.reasons(3);
    reasons.sort();
    let of_route =
        |key: &str| format!("the route \"welcome\" of routes.toml matches its routing key \"{key}\", but ");
    assert!(
        reasons[0].starts_with("no route of routes.toml matches its routing key \"order.paid\""),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with(&of_route("student.created")) && reasons[1].contains("name"),
        "{reasons:?}"
    );
    assert_eq!(reasons[2], of_route("student.x") + "to is payload.email, which is missing or null");

    // A dead letter that is moved back to the queue still has its routing key.
    routed.publish("order.paid", &registration("ada@example.com", "Engines"), Some("again"));
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    worker.stop();
    routed.write(&file.replace("student.*", "order.paid"));
    for letter in scenario.queue.take_dead_letters() {
        scenario.queue.publish_raw(&letter.body, letter.properties);
    }
    let worker = routed.worker();
    scenario.wait_for_acks(1);
    assert_eq!(routed.mails(), [pair("Ada <ada@example.com>", "Welcome to Engines")]);
    worker.stop();
    exchange::delete(&scenario.queue.broker, &routed.exchange);
}

#[test]
fn a_wrong_file_and_missing_templates_are_told_at_start() {
    let routed =
        Routed::with(Scenario::with_relay("routes-wrong", 1), "[route.a]\nmatch = \"x\"\nuser = \"id\"\n");
    let scenario = &routed.scenario;
    let refused = |told: &str| {
        let ended = scenario.run(&["worker"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(told), "{}", ended.err);
    };
    refused(
        "ROUTES_FILE: routes.toml, line 3: route \"a\": user is \"id\"; expected a field of the message such as",
    );
    routed.write("[route.a]\nmatch = \"x\"\nuser = \"payload.id\"\n");
    refused("templates/a/subject.txt is missing; a route of ROUTES_FILE needs it");
}

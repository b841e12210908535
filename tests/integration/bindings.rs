//! `AMQP_BINDINGS`: the worker binds its queue to exchanges, declares one that is missing, and tells a person what cannot be
//! bound. `check` says the same before.

use std::time::Duration;

use amiquip::ExchangeType;
use testkit::broker::Broker;
use testkit::exchange;
use testkit::process::{Exit, Process};
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::wait_until;
use uuid::Uuid;

/// A name that no other test uses.
fn unique(name: &str) -> String {
    format!("{name}-{}", Uuid::now_v7().simple())
}

fn body() -> String {
    format!(r#"{{"type":"UPDATED","event_id":{EVENT}}}"#)
}

/// Runs `fanmail` with these bindings.
fn run(scenario: &Scenario, bindings: &str, arguments: &[&str]) -> Exit {
    let mut environment = scenario.environment.clone();
    environment.insert("AMQP_BINDINGS".to_owned(), bindings.to_owned());
    Process::start(scenario.dir.path(), &environment, arguments).wait_within(Duration::from_secs(60))
}

#[test]
fn what_is_published_to_topic_direct_and_fanout_exchanges_is_mailed() {
    let broker = Broker::shared();
    let [topic, direct, fanout] = ["topic", "direct", "fanout"].map(unique);
    exchange::declare(&broker, &direct, ExchangeType::Direct);
    let bindings = format!("{topic}:student.*, {direct}:email, {fanout}(fanout)");
    let scenario = Scenario::with_relay("bindings", 3).env("AMQP_BINDINGS", &bindings).build();
    let checked = scenario.run_ok(&["check"]);
    for told in [
        format!(
            "{topic} does not exist yet; the worker will declare it as topic exchange, and bind the queue"
        ),
        format!(
            "{direct} is a direct exchange; the worker binds the queue {} to it for email",
            scenario.queue.name
        ),
        format!("{fanout} does not exist yet; the worker will declare it as fanout exchange"),
    ] {
        assert!(checked.contains(&told), "{checked}");
    }
    assert!(!exchange::publish(&broker, &direct, "email", "", properties(None)), "check binds nothing");

    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    for (exchange, key, is_bound) in [
        (&topic, "student.created", true),
        (&topic, "teacher.created", false),
        (&topic, "student.created.twice", false),
        (&direct, "email", true),
        (&direct, "sms", false),
        (&fanout, "anything", true),
    ] {
        let id = Uuid::now_v7().to_string();
        let routed = exchange::publish(&broker, exchange, key, &body(), properties(Some(&id)));
        assert_eq!(routed, is_bound, "{exchange} {key}");
    }
    scenario.wait_for_acks(3);
    let checked = scenario.run_ok(&["check"]);
    assert!(checked.contains(&format!("{topic} is a topic exchange; the worker binds")), "{checked}");
    scenario.stop_and_check(worker);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (9, 0));

    // What exists already is no hindrance.
    let worker = scenario.worker();
    wait_until("the worker to consume again", || scenario.queue.consumers() == 1);
    exchange::publish(&broker, &topic, "student.moved", &body(), properties(Some("again")));
    scenario.wait_for_acks(4);
    scenario.stop_and_check(worker);
}

/// The worker and `check` end with these texts.
#[track_caller]
fn refused(scenario: &Scenario, bindings: &str, texts: &[&str]) {
    let ended = run(scenario, bindings, &["worker"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    scenario.check_says(&ended.err, texts);
    let checked = run(scenario, bindings, &["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let broker = checked.out.lines().find(|line| line.starts_with("broker")).unwrap();
    scenario.check_says(broker, texts);
}

#[test]
fn an_exchange_that_does_not_do_what_a_binding_says_is_refused() {
    let scenario = Scenario::with_relay("bindings-wrong", 1).build();
    let broker = &scenario.queue.broker;
    let [direct, fanout, headers, topic] = ["direct", "fanout", "headers", "topic"].map(unique);
    exchange::declare(broker, &direct, ExchangeType::Direct);
    exchange::declare(broker, &fanout, ExchangeType::Fanout);
    exchange::declare(broker, &headers, ExchangeType::Headers);
    exchange::declare(broker, &topic, ExchangeType::Topic);
    let is_of = |name: &str, found: &str| format!("the exchange {name:?} is of the type {found}");
    refused(
        &scenario,
        &format!("{direct}:student.*"),
        &[&is_of(&direct, "direct"), "student.* would match no message"],
    );
    refused(&scenario, &format!("{fanout}:email"), &[&is_of(&fanout, "fanout"), "ignores routing keys"]);
    refused(
        &scenario,
        &format!("{headers}:email"),
        &[&is_of(&headers, "headers"), "bind the queue to it yourself"],
    );
    refused(
        &scenario,
        &format!("{topic}(direct):email"),
        &[&is_of(&topic, "topic"), &format!("write {topic}:email")],
    );
    refused(
        &scenario,
        "amq.direct:student.#",
        &[&is_of("amq.direct", "direct"), "student.# would match no message"],
    );
    let missing = unique("missing");
    refused(
        &scenario,
        &format!("{missing}:email"),
        &[
            "does not exist, and nothing tells its type",
            &format!("{missing}(topic):email or {missing}(direct):email"),
        ],
    );
    let ended = run(&scenario, "amq.mine(topic):email", &["worker"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    scenario.check_says(
        &ended.err,
        &["\"amq.mine\" does not exist, and the broker does not create it", "reserved prefix"],
    );
    assert_eq!(scenario.queue.consumers(), 0);
}

#[test]
fn a_binding_needs_permissions_and_the_error_names_them() {
    let broker = Broker::shared();
    let user = unique("binder");
    broker.ctl(&["add_user", &user, "limited-password"]);
    let allow = |configure: &str, write: &str, read: &str| {
        broker.ctl(&["set_permissions", &user, configure, write, read]);
    };
    let scenario = Scenario::with_relay("bindings-user", 2)
        .env("LAVINMQ_USERNAME", &user)
        .env("LAVINMQ_PASSWORD", "limited-password")
        .build();
    let queue = &scenario.queue.name;
    let exchange = unique("events");
    let bindings = format!("{exchange}:student.*");
    allow(&format!("^{queue}"), "^amq[.]default$", &format!("^{queue}"));
    let ended = run(&scenario, &bindings, &["worker"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let missing = "does not exist, and the broker does not create it: ACCESS_REFUSED";
    scenario.check_says(&ended.err, &[missing, "of the type topic", "permission configure"]);

    exchange::declare(&broker, &exchange, ExchangeType::Topic);
    let no_binding = [
        "the user may not bind the queue",
        &exchange,
        "ACCESS_REFUSED",
        "write on the queue and read on the exchange",
    ];
    refused(&scenario, &bindings, &no_binding);

    // Its type cannot be asked for without the permission configure.
    allow(&format!("^{queue}"), &format!("^(amq[.]default|{queue})$"), &format!("^({queue}.*|{exchange})$"));
    let checked = run(&scenario, &bindings, &["check"]);
    assert!(
        checked.code == Some(0) && checked.out.contains(&format!("{exchange} is an exchange; ")),
        "{checked:?}"
    );
    let mut environment = scenario.environment.clone();
    environment.insert("AMQP_BINDINGS".to_owned(), bindings);
    let worker = Process::start(scenario.dir.path(), &environment, &["worker"]);
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    assert!(exchange::publish(&broker, &exchange, "student.created", &body(), properties(Some("one"))));
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
    broker.ctl(&["delete_user", &user]);
}

/// What was bound at the start is bound again after a lost connection. What cannot be bound any more is told, and the worker takes
/// what is in the queue.
#[test]
fn a_worker_that_runs_goes_on_without_a_binding() {
    let broker = Broker::own();
    broker.start();
    let exchange = unique("events");
    let scenario = Scenario::with_relay("bindings-later", 2)
        .broker(&broker)
        .env("AMQP_BINDINGS", &format!("{exchange}:student.*"))
        .build();
    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    exchange::delete(&broker, &exchange);
    exchange::declare(&broker, &exchange, ExchangeType::Direct);
    broker.ctl(&["close_all_connections", "test"]);
    worker.wait_for_log("the exchange");
    worker.wait_for_log("The worker takes what is in the queue");
    wait_until("the worker to consume again", || scenario.queue.consumers() == 1);
    scenario.queue.publish("UPDATED", EVENT, Some("one"));
    scenario.wait_for_acks(1);

    exchange::delete(&broker, &exchange);
    broker.ctl(&["close_all_connections", "test"]);
    wait_until("the exchange to be there again, and bound", || {
        scenario.queue.consumers() == 1
            && exchange::publish(&broker, &exchange, "student.created", &body(), properties(Some("two")))
    });
    scenario.wait_for_acks(2);
    scenario.stop_and_check(worker);
}

//! The command line: each verb, configuration problems, templates of the user, and the `.env` of the earlier service.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;
use uuid::Uuid;

use testkit::broker;
use testkit::ports::free_port;
use testkit::process::{Environment, Process};
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::wait_until;

#[test]
fn publish_sends_the_message_that_it_prints() {
    let scenario = Scenario::with_relay("publish", 0).build();
    let out = scenario.run_ok(&["publish", "--type", "updated", "--event", "123"]);
    let out_2 = scenario.run_ok(&[
        "send-test-message",
        "--type",
        "CANCELLED",
        "--event",
        "5",
        "--message-id",
        "mine",
    ]);
    let messages = scenario.queue.take_messages();
    assert_eq!(messages.len(), 2);
    let body: Value = serde_json::from_slice(&messages[0].body).unwrap();
    assert_eq!((&body["type"], &body["event_id"]), (&Value::from("UPDATED"), &Value::from(123)));
    let id = messages[0].properties.message_id().clone().unwrap();
    assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7);
    assert!(out.contains(&id), "{out}");
    assert_eq!(messages[0].properties.delivery_mode(), &Some(2), "it must survive a restart of the broker");
    assert_eq!(messages[1].properties.message_id().as_deref(), Some("mine"));
    assert!(out_2.contains("mine"), "{out_2}");
    assert!(!out.contains(broker::PASSWORD));
}

#[test]
fn status_shows_what_the_ledger_contains() {
    let scenario = Scenario::with_relay("status", 30).build();
    assert_snapshot!(scenario.run_ok(&["status"]).replace(&scenario.queue.name, "QUEUE"), @r"
    No worker is running.
    queue QUEUE: does not exist yet; a worker declares it

    No notifications.
    ");
    let worker = scenario.worker();
    scenario.queue.publish("CREATED", EVENT, None);
    scenario.wait_for_acks(1);
    scenario.seed(7, 3);
    scenario.queue.publish("UPDATED", 7, None);
    scenario.wait_for_acks(2);
    scenario.stop_and_check(worker);

    let table = scenario.run_ok(&["status"]);
    for line in ["123  CREATED  completed", "7  UPDATED  completed", "total"] {
        assert!(table.contains(line), "{table}");
    }
    let only = scenario.run_ok(&["status", "--event", "7", "--format", "json"]);
    let only: Vec<Value> = serde_json::from_str(&only).unwrap();
    assert_eq!((only.len(), &only[0]["event"], &only[0]["sent"]), (1, &Value::from(7), &Value::from(3)));

    let ended = scenario.run(&["status", "--limit", "1"]);
    assert_eq!((ended.code, ended.out.contains("123  CREATED")), (Some(0), false), "{ended:?}");
    assert!(ended.out.contains("  1 of 2  "), "{}", ended.out);
    assert!(ended.err.contains("1 older notification is hidden"), "{}", ended.err);

    // An outcome of a participant who is not of this event does not add up.
    scenario.ledger.execute(
        "INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
         VALUES (2, 999999, 'sent', 1, 0, '2026-01-01 00:00:00')",
    );
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("notification 2"), "{}", ended.err);
}

#[test]
fn listing_dead_letters_leaves_them_in_the_queue() {
    let scenario = Scenario::with_relay("letters", 0).build();
    let worker = scenario.worker();
    for n in 0..3 {
        scenario.queue.publish_raw(format!("poison {n}").as_bytes(), testkit::queue::properties(None));
    }
    wait_until("the dead letters", || scenario.queue.dead_depth() == 3);
    for _ in 0..2 {
        let list = scenario.run_ok(&["dead-letters", "list"]);
        assert!(list.contains("not JSON") && list.contains("poison 2"), "{list}");
        let json = scenario.run_ok(&["dead-letters", "list", "--format", "json", "--limit", "2"]);
        let json: Vec<Value> = serde_json::from_str(&json).unwrap();
        assert_eq!((json.len(), &json[0]["body"]), (2, &Value::from("poison 0")));
        let id = json[1]["id"].as_str().unwrap();
        let shown = scenario.run_ok(&["dead-letters", "show", id]);
        assert!(shown.contains("not JSON") && shown.ends_with("\npoison 1\n"), "{shown}");
        let grouped = scenario.run_ok(&["dead-letters", "list", "--by-reason"]);
        assert!(grouped.contains("\n3  the body is not JSON") && grouped.contains("such as "), "{grouped}");
        wait_until("the letters to be back", || scenario.queue.dead_depth() == 3);
    }
    let unknown = scenario.run(&["dead-letters", "show", "0000"]);
    assert!(unknown.code == Some(1) && unknown.err.contains("no dead letter has the id"), "{unknown:?}");
    scenario.stop_and_check(worker);
}

#[test]
fn preview_writes_html() {
    let scenario = Scenario::with_relay("preview", 3).build();
    for kind in ["CREATED", "UPDATED", "CANCELLED"] {
        let file = scenario.path(&format!("{kind}.html"));
        let path = file.to_str().unwrap();
        let out = scenario.run_ok(&["preview", "--type", kind, "--output", path]);
        assert!(out.contains(path) && out.contains("\nTo: Ada Lovelace <ada@example.com>\n"), "{out}");
        let html = fs::read_to_string(&file).unwrap();
        assert!(html.starts_with("<!doctype html>") || html.starts_with("<!DOCTYPE html"), "{html}");
        scenario.run_ok(&["preview", "--type", kind, "--event", "123", "--output", path]);
        assert!(fs::read_to_string(&file).unwrap().contains("Lantern Evening"));
    }
    let second = scenario.people().remove(1);
    let key = second.id.to_string();
    let out = scenario.run_ok(&["preview", "--type", "UPDATED", "--event", "123", "--participant", &key]);
    assert!(out.contains(&format!("<{}>\n", second.email)), "{out}");
    let gallery = scenario.path("gallery");
    let out = scenario.run_ok(&["preview", "--all", "--out", gallery.to_str().unwrap()]);
    assert!(out.contains("index.html") && gallery.join("mails/en.updated.full.eml").exists(), "{out}");
    let ended = scenario.run(&["preview", "--type", "UPDATED", "--event", "99"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("event 99"), "{}", ended.err);
}

#[test]
fn seeding_again_adds_nothing() {
    let scenario = Scenario::with_relay("seed", 0).build();
    let args = ["seed", "--event", "123", "--participants", "40"];
    assert_snapshot!(scenario.run_ok(&args), @r"
    Added event 123.
    Event 123 has 40 participants, 40 of them new.
    ");
    assert_snapshot!(scenario.run_ok(&args), @"Event 123 has 40 participants, 0 of them new.");
    scenario.run_ok(&["migrate"]);
    assert_eq!(scenario.people().len(), 40);
}

#[test]
fn an_unreachable_broker_is_reported_without_its_password() {
    let scenario = Scenario::with_relay("dead", 0).env("LAVINMQ_PORT", &free_port().to_string()).build();
    for arguments in [&["publish", "--type", "UPDATED", "--event", "1"][..], &["dead-letters", "list"][..]] {
        let ended = scenario.run(arguments);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("127.0.0.1"), "{}", ended.err);
        scenario.check_redacted(&ended.err);
    }
}

#[test]
fn every_verb_has_help() {
    let dir = tempfile::tempdir().unwrap();
    let verbs = "worker migrate seed import publish send-test-message status retry purge preview send-test check dead-letters";
    for verb in verbs.split(' ') {
        let ended = Process::start(dir.path(), &Environment::new(), &[verb, "--help"]).wait();
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{verb}");
        assert!(ended.out.contains("Usage: fanmail"), "{}", ended.out);
    }
    let ended = Process::start(dir.path(), &Environment::new(), &["seed", "--event", "0"]).wait();
    assert_eq!(ended.code, Some(2));
}

#[test]
fn configuration_problems_are_reported_together() {
    let scenario = Scenario::with_relay("mistakes", 0).build();
    let mut environment = scenario.environment.clone();
    for (name, value) in [
        ("SMTP_PORT", "smtp"),
        ("BATCH_SIZE", "0"),
        ("RETRY_DELAY", "soon"),
        ("SMTP_CONNECTIONS", "-1"),
        ("EMAIL_DUMMY_MODE", "perhaps"),
    ] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    let ended = Process::start(scenario.dir.path(), &environment, &["worker"]).wait();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for name in ["SMTP_PORT", "BATCH_SIZE", "RETRY_DELAY", "SMTP_CONNECTIONS", "EMAIL_DUMMY_MODE"] {
        assert!(ended.err.contains(name), "{name}: {}", ended.err);
    }
    scenario.check_redacted(&ended.err);
}

/// Copies the built-in templates, and changes one.
fn broken_templates(to: &Path, file: &str, break_it: impl Fn(&str) -> String) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in walk(&from) {
        let target = to.join(entry.strip_prefix(&from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&entry, target).unwrap();
    }
    let path = to.join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, break_it(&text)).unwrap();
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_broken_template_stops_the_worker_before_it_consumes() {
    let scenario = Scenario::with_relay("template", 5).build();
    scenario.publish("UPDATED");
    for (mistake, says) in [
        ("\n{{ event.titel }}\n", "updated/body.txt, line 3: the field \"event.titel\""),
        ("\n{% if event.title %}\n", "updated/body.txt, line "),
    ] {
        let templates = tempfile::tempdir().unwrap();
        broken_templates(templates.path(), "updated/body.txt", |text| {
            text.replacen("{% block intro -%}", &format!("{{% block intro -%}}{mistake}"), 1)
        });
        let mut environment = scenario.environment.clone();
        let path = templates.path().to_str().unwrap().to_owned();
        environment.insert("TEMPLATES_DIR".to_owned(), path);
        let ended = Process::start(scenario.dir.path(), &environment, &["worker"]).wait();
        assert!(matches!(ended.code, Some(1 | 2)), "{ended:?}");
        assert!(ended.err.contains(says), "{}", ended.err);
    }
    assert_eq!(scenario.queue.depth(), 1, "nothing may have been consumed");
    assert_eq!(scenario.ledger.notifications().len(), 0);
}

#[test]
fn the_dotenv_of_the_earlier_service_works() {
    let scenario = Scenario::with_relay("dotenv", 0).build();
    let dotenv = format!(
        "# Message Queue\nLAVINMQ_HOST=localhost\nLAVINMQ_PORT={}\nLAVINMQ_USERNAME={}\nLAVINMQ_PASSWORD={}\n\
         LAVINMQ_QUEUE={}\nLAVINMQ_VHOST=/\n\n# Database\nDATABASE_URL=sqlite:///notification_service.db\n\
         DATABASE_ECHO=False\n\n# Email\nEMAIL_DUMMY_MODE=True\nSMTP_HOST=smtp.gmail.com\nSMTP_PORT=587\n\
         SMTP_USERNAME=\nSMTP_PASSWORD=\nSMTP_USE_TLS=True\nFROM_EMAIL=noreply@example.com\n\
         FROM_NAME=Event Notification Service\n\n# Service\nBATCH_SIZE=100\nMAX_RETRIES=3\nRETRY_DELAY=5\n\
         LOG_LEVEL=INFO\n",
        scenario.queue.broker.port,
        broker::USER,
        broker::PASSWORD,
        scenario.queue.name
    );
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".env"), dotenv).unwrap();
    let start = |arguments: &[&str]| Process::start(dir.path(), &Environment::new(), arguments);
    let run_ok = |arguments: &[&str]| {
        let ended = start(arguments).wait();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    run_ok(&["seed", "--event", "123", "--participants", "250"]);
    assert!(dir.path().join("notification_service.db").exists());
    let worker = start(&["worker"]);
    scenario.queue.publish("UPDATED", EVENT, None);
    wait_until("the notification to be completed", || {
        let lines: Vec<Value> = serde_json::from_str(&run_ok(&["status", "--format", "json"])).unwrap();
        lines.iter().any(|line| line["state"] == "completed" && line["sent"] == 250 && line["dry_run"] == 250)
    });
    let ended = worker.stop();
    assert!(ended.err.to_lowercase().contains("no mail is sent"), "{}", ended.err);
    scenario.check_redacted(&ended.err);
    assert!(!ended.err.contains("@example.org") || ended.err.contains("***@example.org"), "{}", ended.err);
}

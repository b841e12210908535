//! `fanmail status --watch`, in a terminal and without one, and what `status` says of the queue.

use serde_json::{Value, json};

use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

#[test]
fn a_terminal_is_drawn_over() {
    let scenario = Scenario::with_relay("watch-terminal", 8).connections(2).build();
    let worker = scenario.worker_in_the_middle(2, 3, None);
    let queues = scenario.run_ok(&["status", "--queues", "--format", "json"]);
    let queues: Value = serde_json::from_str(&queues).unwrap();
    let expected = json!([{
        "queue": scenario.queue.name, "exists": true, "ready": 0, "consumers": 1, "dead_letters": 0,
    }]);
    assert_eq!(queues, expected);

    // `script` gives it a terminal of its own.
    let in_terminal = r#"exec script --quiet --flush --command "stty rows 12 cols 80; exec $*" /dev/null"#;
    let wrapper = ["sh", "-c", in_terminal, "sh"].map(str::to_owned);
    let watch =
        Process::start_under(&wrapper, scenario.dir.path(), &scenario.environment, &["status", "--watch"]);
    wait_until("the progress to be drawn", || watch.out().contains("running, 3 of 8 (37 %)"));
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    wait_until("the end to be drawn", || watch.out().contains("completed, 8 sent of 8"));
    let screens = watch.out();
    let last = screens.rsplit("\u{1b}[H").next().unwrap();
    assert!(last.starts_with("fanmail status, ") && last.lines().count() <= 12, "{last}");
    let width = |line: &str| line.trim_end().trim_end_matches("\u{1b}[K").chars().count();
    assert!(last.lines().all(|line| width(line) <= 80), "{last}");
    scenario.stop_and_check(worker);
}

#[cfg(feature = "postgres")]
#[test]
fn lines_tell_what_has_changed_and_that_the_database_is_away() {
    use std::time::Duration;

    use testkit::database::{Database, Server};
    use testkit::smtp::gate::Point;

    let server = Database::own(Server::Postgresql);
    server.start();
    let scenario = Scenario::with_relay("watch-lines", 8).server(&server).connections(2).build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 3);
    scenario.publish("UPDATED");
    let mut watch = scenario.start(&["status", "--watch"]);
    let queue = format!("queue {}: 1 message waits, and no consumer takes them", scenario.queue.name);
    wait_until("the queue to be told", || watch.out().contains(&queue));
    let worker = scenario.worker();
    scenario.wait_until_held(2);
    wait_until("the progress to be told", || watch.out().contains(": running, 3 of 8 (37 %)"));
    server.stop();
    wait_until("the outage to be told", || watch.out().contains(" the database is away, trying again: "));
    assert!(watch.is_running());
    server.start();
    scenario.smtp.gate().open();
    wait_until("the end to be told", || watch.out().contains(": completed, 8 sent of 8"));
    watch.signal("INT");
    let ended = watch.wait_within(Duration::from_secs(5));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.out.matches("the database answers again").count(), 1, "{}", ended.out);
    assert!(!ended.out.contains('\u{1b}'), "{}", ended.out);
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
}

#[test]
fn a_broker_that_is_away_holds_status_up_for_two_seconds_at_most() {
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let scenario = Scenario::builder("watch-silent").participants(1).env("LAVINMQ_PORT", &port).build();
    let text = scenario.run_ok(&["status"]);
    assert!(text.contains("queues: not known, as the broker has not answered within 2 s\n"), "{text}");
    let ended = scenario.run(&["status", "--queues"]);
    assert!(ended.code == Some(1) && ended.err.contains("has not answered within 2 s"), "{ended:?}");
}

//! The outbox: an application writes messages in its own transactions, with and without a broker.

use crate::systems::on_every_system;
use testkit::process::Process;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

on_every_system!(
    an_outbox_needs_no_broker_and_a_bad_row_holds_up_no_other
    a_worker_takes_from_broker_and_outbox
    a_killed_worker_loses_nothing_of_the_outbox
    many_rows_survive_workers_that_are_killed
    two_workers_share_the_outbox
);

const LANES: usize = 3;

fn row(message_id: &str, kind: &str, event: i64) -> String {
    format!(
        "INSERT INTO outbox (message_id, body) VALUES ('{message_id}', '{{\"type\":\"{kind}\",\"event_id\":{event}}}')"
    )
}

/// A scenario whose worker knows of no broker.
fn without_broker(name: &str, system: System, participants: usize) -> Scenario {
    let mut scenario = Scenario::with_relay(name, participants).database(system).connections(LANES).build();
    scenario.environment.retain(|name, _| !name.starts_with("LAVINMQ"));
    scenario
}

fn outbox_only(scenario: &Scenario) -> Process {
    scenario.start(&["worker", "--outbox-only"])
}

fn wait_until_completed(scenario: &Scenario, notifications: usize) {
    wait_until(&format!("{notifications} notifications to be completed"), || {
        scenario.ledger.completed() == notifications
    });
}

fn an_outbox_needs_no_broker_and_a_bad_row_holds_up_no_other(system: System) {
    let scenario = without_broker("outbox", system, 5);
    let worker = outbox_only(&scenario);
    // Nothing is sent for a transaction that is rolled back.
    let rolled_back = format!("BEGIN; {}; ROLLBACK", row("never", "CREATED", EVENT));
    scenario.ledger.execute(&rolled_back);
    scenario.ledger.execute("INSERT INTO outbox (message_id, body) VALUES ('bad', '{}')");
    scenario.ledger.execute(&row("gone", "UPDATED", 77));
    let written = scenario.run_ok(&[
        "publish",
        "--outbox",
        "--type",
        "UPDATED",
        "--event",
        "123",
        "--message-id",
        "once",
    ]);
    assert!(written.starts_with("wrote UPDATED of event 123 to the outbox of "), "{written}");
    scenario.ledger.execute(&row("once", "UPDATED", EVENT));
    wait_until_completed(&scenario, 1);
    wait_until("all rows to be taken", || scenario.ledger.count("outbox WHERE taken_at IS NULL") == 0);
    wait_until("the one without an event", || {
        scenario.ledger.count("notifications WHERE state = 'abandoned'") == 1
    });
    assert_eq!((scenario.smtp.accepted(), scenario.ledger.count("notifications")), (5, 2));
    let status = scenario.run(&["status"]);
    let told = "Rows of the outbox that are not sent: row 2 (the field \"type\" is missing). Correct";
    let told = if system == System::Sqlite { told.replace("row 2", "row 1") } else { told.to_owned() };
    assert!(status.err.contains(&told), "{}", status.err);
    worker.wait_for_log("of the outbox is not sent: the field \"type\" is missing");
    let stopped = worker.stop();
    assert!(
        stopped.err.contains("stopped cleanly") || stopped.out.contains("stopped cleanly"),
        "{stopped:?}"
    );
}

fn a_worker_takes_from_broker_and_outbox(system: System) {
    let scenario = Scenario::with_relay("outbox-beside", 4)
        .database(system)
        .connections(LANES)
        .env("OUTBOX", "True")
        .build();
    let worker = scenario.worker();
    scenario.queue.publish("CREATED", EVENT, Some("of-broker"));
    scenario.ledger.execute(&row("of-outbox", "UPDATED", EVENT));
    scenario.wait_for_acks(2);
    // The same id over both ways is one notification.
    scenario.queue.publish("UPDATED", EVENT, Some("of-outbox"));
    scenario.ledger.execute(&row("of-broker", "CREATED", EVENT));
    wait_until("all rows to be taken", || scenario.ledger.count("outbox WHERE taken_at IS NULL") == 0);
    wait_until("the message to be acked", || scenario.queue.depth() == 0);
    assert_eq!((scenario.smtp.accepted(), scenario.ledger.count("notifications")), (8, 2));
    scenario.stop_and_check(worker);
}

fn a_killed_worker_loses_nothing_of_the_outbox(system: System) {
    let mut scenario = without_broker("outbox-killed", system, 100);
    // So soon, only the process id in the lease can show that its owner has exited.
    scenario.environment.insert("LEASE_TIMEOUT".to_owned(), "3600".to_owned());
    scenario.smtp.gate().close_after(Point::BeforeReply, 30);
    scenario.ledger.execute(&row("first", "CREATED", EVENT));
    let killed = outbox_only(&scenario);
    scenario.wait_until_held(LANES);
    scenario.ledger.execute(&row("second", "UPDATED", EVENT));
    wait_until("the second one to be open", || scenario.ledger.count("notifications") == 2);
    killed.kill();
    scenario.smtp.gate().open();
    let worker = outbox_only(&scenario);
    wait_until_completed(&scenario, 2);
    assert_eq!(scenario.smtp.delivered_ids().len(), 200);
    assert!(scenario.duplicates() <= LANES, "{}", scenario.duplicates());
    worker.stop();
}

fn many_rows_survive_workers_that_are_killed(system: System) {
    const ROWS: usize = 120;
    const KILLS: usize = 3;
    let mut scenario = without_broker("outbox-many", system, 1);
    scenario.environment.insert("LEASE_TIMEOUT".to_owned(), "3600".to_owned());
    for event in 1..=4 {
        scenario.seed(event, 1);
    }
    let event = |number: usize| i64::try_from(number % 4).unwrap() + 1;
    let rows: Vec<String> =
        (0..ROWS).map(|number| row(&format!("m{number}"), "UPDATED", event(number))).collect();
    scenario.ledger.execute(&rows.join(";"));
    for kill in 1..=KILLS {
        let worker = outbox_only(&scenario);
        wait_until("some mails", || scenario.smtp.accepted() >= kill * ROWS / (KILLS + 2));
        worker.kill();
    }
    let worker = outbox_only(&scenario);
    wait_until_completed(&scenario, ROWS);
    assert_eq!(scenario.smtp.delivered_ids().len(), ROWS);
    assert!(scenario.duplicates() <= KILLS * LANES, "{}", scenario.duplicates());
    worker.stop();
}

fn two_workers_share_the_outbox(system: System) {
    const EVENTS: i64 = 12;
    let mut scenario = without_broker("outbox-shared", system, 0);
    scenario.environment.insert("PREFETCH".to_owned(), "2".to_owned());
    for event in 1..=EVENTS {
        scenario.seed(event, 20);
    }
    let workers = [outbox_only(&scenario), outbox_only(&scenario)];
    wait_until("both workers", || scenario.ledger.count("workers") == 2);
    for event in 1..=EVENTS {
        scenario.ledger.execute(&row(&format!("m{event}"), "UPDATED", event));
    }
    wait_until_completed(&scenario, 12);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (20 * 12, 0));
    for worker in workers {
        worker.stop();
    }
}

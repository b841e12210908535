//! The ledger loses rows, or the database goes back to an older copy, at random moments. Everyone is mailed. Only those
//! whose outcomes are lost get one more mail.

use crate::run::{LANES, Run};
use crate::workers::Workers;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;

/// Notifications of these kinds, with ids or without.
fn publish_all(scenario: &Scenario, kinds: &[&str], message_ids: bool) {
    for (number, kind) in kinds.iter().enumerate() {
        let id = format!("{kind} {number}");
        scenario.queue.publish(kind, EVENT, message_ids.then_some(&id));
    }
}

/// Everything that is in the ledger is done, and the numbers add up.
#[track_caller]
fn check_ledger(scenario: &Scenario) {
    for row in scenario.ledger.notifications() {
        assert!(row.state == "completed" && row.acked, "{row:?} is not done");
    }
    for line in scenario.status() {
        assert_eq!((&line["pending"], &line["failed"]), (&0.into(), &0.into()), "{line}");
    }
}

/// The row of a running notification vanishes again and again, with its outcomes or without.
pub fn rows_deleted(run: &mut Run, system: System, message_ids: bool) {
    let (people, losses) = (run.size(500, 10_000), run.size(2, 10));
    let scenario = run.setup(system, people).build();
    publish_all(&scenario, &["UPDATED"], message_ids);
    let mut workers = Workers::start(&scenario, 1);
    let mut bound = 0;
    for _ in 0..losses {
        let mails = scenario.smtp.accepted() + run.random.usize(..people * 3 / 4);
        workers.wait_until("the fan-out to go on", |_| scenario.smtp.accepted() >= mails);
        let outcomes = if run.random.bool() { "; DELETE FROM deliveries" } else { "" };
        scenario.ledger.execute(&format!("DELETE FROM notifications WHERE state = 'running'{outcomes}"));
        bound = scenario.smtp.accepted() + LANES;
    }
    let crashes = workers.finish_except_acks(1);
    assert_eq!(crashes, 0);
    run.check_after_losses(&scenario, bound);
    check_ledger(&scenario);
}

/// The ledger goes back to a copy of some time ago, again and again.
pub fn restored(run: &mut Run, system: System, message_ids: bool) {
    let (people, losses) = (run.size(300, 3_000), run.size(2, 8));
    let kinds = ["CREATED", "UPDATED", "UPDATED", "CANCELLED"];
    let scenario = run.setup(system, people).build();
    publish_all(&scenario, &kinds, message_ids);
    let mut workers = Workers::start(&scenario, 1);
    let mut bound = 0;
    for pair in run.moments(2 * losses, kinds.len() * people * 3 / 4).chunks_exact(2) {
        workers.reach(pair[0]);
        let copied_at = scenario.smtp.accepted();
        let copy = scenario.ledger.copy();
        workers.reach(pair[1]);
        scenario.ledger.restore(&copy);
        // Outcomes of mails in flight may be in the copy or not.
        bound += scenario.smtp.accepted() - copied_at + 2 * LANES;
    }
    workers.wait_until("all messages to be acked", |_| scenario.queue.messages() == 0);
    let crashes = workers.finish_except_acks(0);
    send_what_lost_its_message(&scenario);
    run.check_after_losses(&scenario, bound + crashes * LANES);
    check_ledger(&scenario);
}

/// Of notifications whose messages were acked between copy and restore, the copy says that they are not done. Nothing comes
/// for them any more, and `fanmail status` says what to do.
fn send_what_lost_its_message(scenario: &Scenario) {
    for row in scenario.ledger.notifications().iter().filter(|row| row.state != "completed") {
        scenario.run_ok(&["retry", "--notification", &row.id.to_string(), "--message-lost"]);
    }
    scenario.ledger.execute("UPDATE notifications SET acked_at = completed_at WHERE acked_at IS NULL");
}

/// People whose transactions began before the message was published, and are committed at random moments of the fan-out,
/// the last ones before its last mails.
pub fn late_commits(run: &mut Run, system: System) {
    let (people, late) = (run.size(300, 5_000), run.size(10, 40));
    let page = run.random.choice(["1", "7", "100", "1000"]).unwrap();
    let scenario = run.setup(system, 0).env("BATCH_SIZE", page).build();
    let mut transactions = Vec::new();
    for number in 0..late {
        scenario.seed(EVENT, people / (late + 1) * (number + 1));
        transactions.push(scenario.ledger.begin(&format!(
            "INSERT INTO participants (event_id, email, name) VALUES ({EVENT}, 'late.{number}@example.org', 'Late')"
        )));
    }
    scenario.seed(EVENT, people);
    run.random.shuffle(&mut transactions);
    scenario.smtp.gate().close_after(Point::BeforeReply, people - LANES);
    scenario.publish("UPDATED");
    let mut workers = Workers::start(&scenario, 1);
    for moment in run.moments(late, people - LANES) {
        workers.reach(moment);
        transactions.pop().unwrap().commit();
    }
    scenario.smtp.gate().open();
    let crashes = workers.finish(1);
    run.check(&scenario, 1, crashes);
    assert_eq!(scenario.people().len(), people + late);
}

/// The worker is killed, the event is deleted, and comes back later: the notification is abandoned, and goes on when its
/// message is published once more or with `fanmail retry`.
pub fn event_deleted(run: &mut Run, system: System) {
    let (people, losses) = (run.size(300, 5_000), run.size(2, 10));
    let scenario = run.setup(system, people).build();
    let message_id = Some("of a deleted event");
    let mut kills = 0;
    for moment in run.moments(losses, people * 3 / 4) {
        scenario.queue.publish("UPDATED", EVENT, message_id);
        let mut workers = Workers::start(&scenario, 1);
        let mails = moment.mails.saturating_sub(scenario.smtp.accepted());
        scenario.smtp.gate().close_after(Point::BeforeReply, mails);
        workers.reach(moment);
        scenario.ledger.execute("DELETE FROM events");
        workers.kill(0);
        scenario.smtp.gate().open();
        kills += 1;
        workers.wait_until("the dead letter", |_| scenario.queue.dead_depth() == 1);
        assert_eq!(scenario.ledger.count("notifications WHERE state = 'abandoned'"), 1);
        assert_eq!(scenario.queue.take_dead_letters().len(), 1);
        scenario.ledger.execute(&format!("INSERT INTO events (id, title) VALUES ({EVENT}, 'Ball')"));
    }
    if run.random.bool() {
        scenario.run_ok(&["retry", "--notification", "1"]);
    } else {
        scenario.queue.publish("UPDATED", EVENT, message_id);
        kills += Workers::start(&scenario, 1).finish_except_acks(1);
    }
    run.check_except_acks(&scenario, 1, kills);
}

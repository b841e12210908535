//! The relay is killed, frozen, refuses or throttles. No mail is lost, and no recipient is charged. A mail arrives
//! twice only if the relay has accepted it and its reply was lost.

use std::thread;
use std::time::Duration;

use crate::run::{LANES, Run};
use crate::workers::Workers;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::system::System;

/// Seconds until a lane gives up waiting for a reply.
const SMTP_TIMEOUT: u64 = 3;

/// Many retries, because chance may choose the same mail several times.
fn setup(run: &Run, people: usize) -> ScenarioBuilder {
    run.setup(System::Sqlite, people)
        .env("MAX_RETRIES", "100")
        .env("RETRY_DELAY", "0.1")
        .env("SMTP_TIMEOUT", &SMTP_TIMEOUT.to_string())
        .env("SMTP_DATA_TIMEOUT", &SMTP_TIMEOUT.to_string())
        .env("DEFER_SCHEDULE", "1s")
}

/// The same when chance may choose any mail after the dot. A mail to whose body no reply came is sent once more; that is
/// put off until the faults are over, because no reply for a second time makes it fail.
fn setup_for_lost_replies(run: &Run, people: usize) -> ScenarioBuilder {
    setup(run, people).env("DEFER_SCHEDULE", if run.is_long() { "120s" } else { "10s" })
}

/// Sends one notification from beginning to end.
fn send_to_all(run: &mut Run, scenario: &Scenario) {
    scenario.queue.publish("UPDATED", EVENT, None);
    let crashes = Workers::start(scenario, 1).finish(1);
    assert_eq!(crashes, 0, "no relay makes a worker end");
    run.check(scenario, 1, crashes);
}

/// Sends one notification, with a fault at random moments of all but its last fifth.
fn send_to_all_with(
    run: &mut Run,
    scenario: &Scenario,
    faults: usize,
    fault: impl Fn(&mut Run, &mut Workers),
) {
    let people = scenario.people().len();
    scenario.queue.publish("UPDATED", EVENT, None);
    let mut workers = Workers::start(scenario, 1);
    for moment in run.moments(faults, people * 4 / 5) {
        workers.reach(moment);
        fault(run, &mut workers);
    }
    let crashes = workers.finish(1);
    assert_eq!(crashes, 0, "no relay makes a worker end");
    run.check(scenario, 1, crashes);
}

/// All connections break, sometimes with all replies outstanding, and new ones are refused for up to two seconds.
pub fn killed(run: &mut Run) {
    let (people, kills) = (run.size(1_000, 20_000), run.size(3, 20));
    let scenario = setup_for_lost_replies(run, people).build();
    send_to_all_with(run, &scenario, kills, |run, workers| {
        if run.random.bool() {
            scenario.smtp.gate().close_after(Point::BeforeReply, 0);
            // All lanes, or the one that probes when the last fault has opened the breaker.
            workers.wait_until("a body without a reply", |_| scenario.smtp.gate().held() > 0);
        }
        scenario.smtp.go_down();
        scenario.smtp.gate().open();
        thread::sleep(run.pause(Duration::from_secs(2)));
        scenario.smtp.come_up();
    });
}

/// The relay accepts connections and commands and sends no reply: sometimes for a moment, sometimes until all lanes
/// have given up.
pub fn frozen(run: &mut Run) {
    let (people, freezes) = (run.size(1_000, 20_000), run.size(2, 10));
    let scenario = setup_for_lost_replies(run, people).build();
    send_to_all_with(run, &scenario, freezes, |run, workers| {
        let point = if run.random.bool() { Point::BeforeBody } else { Point::BeforeReply };
        let gate = scenario.smtp.gate();
        gate.close_after(point, 0);
        workers.wait_until("a lane to be held", |_| gate.held() > 0);
        if run.random.bool() {
            thread::sleep(run.pause(Duration::from_secs(SMTP_TIMEOUT) / 3));
        } else {
            // Before the gate opens: otherwise the reply would be recorded as sent on a connection that is closed.
            workers.wait_until("the lanes to give up", |_| gate.held() == 0);
        }
        gate.open();
    });
}

/// The greeting is a refusal, a few times.
pub fn refusing(run: &mut Run) {
    let (people, refusals) = (run.size(1_000, 20_000), run.size(2, 10));
    let scenario = setup(run, people).env("SMTP_MAX_PER_CONNECTION", "10").build();
    send_to_all_with(run, &scenario, refusals, |run, workers| {
        let greeting = ["421 4.3.2 Shutting down", "554 5.3.2 No service", "450 4.3.2 Too busy"];
        let greeting = run.random.choice(greeting).unwrap();
        let before = scenario.smtp.log().connections;
        scenario.smtp.configure(|settings| settings.greeting = Some(greeting.to_owned()));
        workers.wait_until("some refusals", |_| scenario.smtp.log().connections >= before + LANES);
        scenario.smtp.configure(|settings| settings.greeting = None);
    });
}

/// Each tenth mail gets a transient reply, to RCPT or to the dot, once or twice.
pub fn throttling(run: &mut Run) {
    let scenario = setup(run, run.size(1_000, 20_000)).build();
    for person in scenario.people() {
        if run.random.u8(..10) == 0 {
            let at_recipient = run.random.bool();
            let fault = if at_recipient {
                RecipientFault::Rcpt("450 4.2.1 Busy")
            } else {
                RecipientFault::Dot("450 4.2.0 Mailbox is locked")
            };
            scenario.smtp.fail_recipient(&person.email, fault, run.random.usize(1..=2));
        }
    }
    send_to_all(run, &scenario);
}

/// The relay accepts 50 mails per connection and answers the next with 421.
pub fn limiting(run: &mut Run) {
    let scenario = setup(run, run.size(1_000, 20_000)).env("SMTP_MAX_PER_CONNECTION", "1000").build();
    scenario.smtp.configure(|settings| {
        settings.mails_per_connection =
            Some((50, Step::Mail, StepFault::HangUp("421 4.7.0 Too many mails on this connection")));
    });
    send_to_all(run, &scenario);
}

/// The connection breaks in each fiftieth mail: before the body, within it, or after the dot.
pub fn dropping(run: &mut Run) {
    let scenario = setup(run, run.size(1_000, 20_000)).build();
    let faults = [RecipientFault::DropAtData, RecipientFault::DropInBody, RecipientFault::DropAfterDot];
    for person in scenario.people() {
        if run.random.u8(..50) == 0 {
            scenario.smtp.fail_recipient(&person.email, run.random.choice(&faults).unwrap().clone(), 1);
        }
    }
    send_to_all(run, &scenario);
}

//! The worker is killed or stopped, several times during one fan-out, or while it sends notices or works on the outbox.

use std::time::Duration;

use crate::messages::{Ids, Message, Way, notices, of_event, small_ones};
use crate::run::{LANES, Run};
use crate::workers::Workers;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

/// SIGKILL at random moments of one fan-out.
pub fn killed(run: &mut Run, system: System, ids: Ids) {
    let scenario = run.setup(system, run.size(1_000, 20_000)).build();
    kill_while_sending(run, &scenario, Way::Queue, &[of_event("UPDATED", EVENT, ids)]);
}

/// The same while it sends large notices, and batches of small ones.
pub fn killed_with_notices(run: &mut Run, system: System, ids: Ids) {
    let scenario = run.setup(system, 0).build();
    let (count, recipients) = (run.size(4, 40), run.size(250, 500));
    let messages = notices(run, count, recipients, ids);
    kill_while_sending(run, &scenario, Way::Queue, &messages);
}

/// The same with rows of the outbox, and no broker: large and small notifications and notices, with ids and without.
pub fn killed_with_outbox(run: &mut Run, system: System) {
    let scenario = run.setup(system, run.size(150, 3_000)).build();
    let (small, recipients) = (run.size(200, 2_000), run.size(100, 1_000));
    let mut messages = small_ones(run, &scenario, small);
    messages.extend(["CREATED", "UPDATED", "CANCELLED"].map(|kind| of_event(kind, EVENT, Ids::Without)));
    messages.extend(notices(run, 4, recipients, Ids::Without));
    run.random.shuffle(&mut messages);
    kill_while_sending(run, &scenario, Way::Outbox, &messages);
}

fn kill_while_sending(run: &mut Run, scenario: &Scenario, way: Way, messages: &[Message]) {
    let kills = run.size(3, 20);
    way.send(scenario, messages);
    let mut workers = Workers::start_with(scenario, way, 1);
    for moment in run.moments(kills, scenario.mail_counts().total()) {
        workers.reach(moment);
        workers.kill(0);
    }
    let crashes = workers.finish_except_acks(messages.len());
    run.check_except_acks(scenario, messages.len(), crashes);
}

/// SIGTERM at random moments: the worker finishes and records the mails in flight first.
pub fn stopped(run: &mut Run) {
    let (people, stops) = (run.size(1_000, 20_000), run.size(3, 20));
    let scenario = run.setup(System::Sqlite, people).build();
    scenario.queue.publish("UPDATED", EVENT, None);
    let mut workers = Workers::start(&scenario, 1);
    for moment in run.moments(stops, people) {
        workers.reach(moment);
        workers.stop(0);
    }
    let crashes = workers.finish(1);
    assert_eq!(crashes, 0, "a worker that is asked to stop must do so cleanly");
    run.check(&scenario, 1, crashes);
}

/// A second signal, while the relay holds the mails in flight: the worker ends at once.
pub fn stopped_by_two_signals(run: &mut Run) {
    let (people, stops) = (run.size(500, 2_000), run.size(2, 10));
    let scenario = run.setup(System::Sqlite, people).build();
    scenario.queue.publish("UPDATED", EVENT, None);
    let mut crashes = 0;
    for _ in 0..stops {
        let point = if run.random.bool() { Point::BeforeBody } else { Point::BeforeReply };
        scenario.smtp.gate().close_after(point, run.random.usize(..people / stops - LANES));
        let worker = scenario.worker();
        scenario.wait_until_held(LANES);
        worker.terminate();
        worker.wait_for_log("stopping");
        let mut worker = worker;
        wait_until("the worker to end", || {
            // fanmail takes a second signal right behind the first for the same signal.
            worker.terminate();
            !worker.is_running()
        });
        let ended = worker.wait_within(Duration::from_secs(1));
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        assert!(ended.err.contains("second signal"), "{}", ended.err);
        scenario.check_redacted(&ended.err);
        crashes += 1;
        scenario.wait_until_held(0);
        scenario.smtp.gate().open();
    }
    crashes += Workers::start(&scenario, 1).finish(1);
    run.check(&scenario, 1, crashes);
}

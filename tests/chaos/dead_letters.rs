//! `fanmail dead-letters replay` is killed at random moments, beside a worker, and started again at once.

use std::thread;
use std::time::Duration;

use crate::run::Run;
use testkit::queue::properties;
use testkit::system::System;
use testkit::wait::wait_until;

/// An event that is not there until all its messages are dead letters.
const EVENT: i64 = 7;

/// A replay begins within this time, and has ended by then if it has little to do.
const LONGEST_PAUSE: Duration = Duration::from_millis(300);

/// One message in three has no id.
pub fn replays_killed(run: &mut Run, system: System) {
    let (messages, kills) = (run.size(120, 2_000), run.size(6, 30));
    let scenario = run.setup(system, 0).env("EVENT_LOOKUP_GRACE", "0").build();
    let worker = scenario.worker();
    let message = |n: usize| {
        let id = (!n.is_multiple_of(3)).then(|| format!("message-{n}"));
        (format!(r#"{{"type":"CREATED","event_id":{EVENT}}}"#).into_bytes(), properties(id.as_deref()))
    };
    scenario.queue.publish_all(&(0..messages).map(message).collect::<Vec<_>>());
    wait_until("the dead letters", || scenario.queue.dead_depth() as usize == messages);
    scenario.seed(EVENT, 2);
    for _ in 0..kills {
        let replay = scenario.start(&["dead-letters", "replay", "--all"]);
        thread::sleep(run.pause(LONGEST_PAUSE));
        scenario.check_redacted(&replay.kill());
    }
    // The broker may not have noticed the end of the last one.
    wait_until("the last dead letter to be replayed", || {
        scenario.run_ok(&["dead-letters", "replay", "--all"]);
        scenario.queue.messages_of_dead_letters() == 0
    });
    wait_until("every message to be mailed", || scenario.smtp.accepted() >= messages * 2);
    let unfinished = "notifications WHERE state NOT IN ('completed', 'abandoned')";
    wait_until("the copies to be settled", || {
        scenario.queue.messages() == 0 && scenario.ledger.count(unfinished) == 0
    });
    scenario.check_redacted(&worker.stop().err);
    run.check_mails(&scenario, 0);
}

//! The relay refuses everyone for a while, with replies that name a recipient or nobody. Nobody is failed for that, and
//! the relay works again soon after.

use std::time::Duration;

use crate::run::Run;
use crate::workers::Workers;
use testkit::scenario::EVENT;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::Step;
use testkit::system::System;

/// From a random moment on, this policy holds; it lasts for the given time.
fn send_to_all_with(run: &mut Run, policy: impl Fn(Duration) -> Policy) {
    let people = run.size(500, 20_000);
    let lasts = Duration::from_secs(run.size(3, 60) as u64);
    let scenario = run.setup(System::Sqlite, people).env("RETRY_DELAY", "0.1").build();
    // So slow that the fan-out is not done at that moment.
    scenario.smtp.configure(|settings| settings.reply_delay = Duration::from_millis(1));
    let moment = run.moments(1, people / 2)[0];
    scenario.queue.publish("UPDATED", EVENT, None);
    let mut workers = Workers::start(&scenario, 1);
    workers.reach(moment);
    scenario.smtp.add_policy(policy(lasts));
    workers.wait_until("a refusal", |_| scenario.smtp.read_log(|log| !log.refusals.is_empty()));
    let crashes = workers.finish(1);
    assert_eq!(crashes, 0, "no relay makes a worker end");
    run.check(&scenario, 1, crashes);
}

/// For a while, RCPT gets this reply, whoever the recipient is.
pub fn everyone_refused(run: &mut Run, reply: &'static str) {
    send_to_all_with(run, |lasts| Policy::everyone(Step::Rcpt, reply, lasts));
}

/// The quota of the account is used up, which the relay says after the dot. It is renewed after a while.
pub fn quota_used_up(run: &mut Run) {
    let left = run.random.usize(..50);
    let reply = "552 You are over your relay quota of 500 messages, wait until it is renewed";
    send_to_all_with(run, |lasts| Policy::quota(Step::Dot, reply, left, lasts));
}

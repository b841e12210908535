//! Mails that are deferred: greylisting, and replies that come too late. Everyone is sent to in the end, also when
//! workers are killed or share the work, and nobody else waits for them.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use amiquip::AmqpProperties;

use crate::run::Run;
use crate::workers::Workers;
use testkit::ledger::people::small_address;
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::smtp::log::BodyReply;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::Step;
use testkit::system::System;

const GREYLISTED: &str = "450 4.2.0 Greylisted, see http://postgrey.schweikert.ch/help";

/// Everyone is greylisted for six minutes; in the short form, times are shorter.
pub fn everyone_greylisted(run: &mut Run) {
    let people = run.size(300, 20_000);
    let wait = if run.is_long() { Duration::from_secs(360) } else { Duration::from_secs(4) };
    let (delay, schedule) =
        if run.is_long() { ("5", "5m 1m 1m 1m 1m") } else { ("0.1", "1s 1s 1s 1s 1s 1s 1s 1s") };
    let setup = run.setup(System::Sqlite, people).env("RETRY_DELAY", delay).env("DEFER_SCHEDULE", schedule);
    let scenario = setup.build();
    scenario.smtp.add_policy(Policy::greylist(Step::Rcpt, GREYLISTED, wait, |_| true));
    scenario.queue.publish("UPDATED", EVENT, None);
    let mut workers = Workers::start(&scenario, 1);
    workers.wait_until("the ack, with everyone deferred", |_| {
        scenario.ledger.count("notifications WHERE acked_at IS NOT NULL") == 1
            && scenario.ledger.count("deferrals") == people
    });
    assert_eq!(scenario.smtp.accepted(), 0);
    let crashes = workers.finish(1);
    run.check(&scenario, 1, crashes);
}

/// Small notifications, of which every tenth is greylisted. The others take no longer than without that.
pub fn small_notifications(run: &mut Run) {
    let count = run.size(300, 2_000);
    let usual = send_small(run, count, |_| false);
    let beside_greylisting = send_small(run, count, |n| n % 10 == 0);
    assert!(
        beside_greylisting <= usual.mul_f64(1.5) + Duration::from_millis(500),
        "{beside_greylisting:?} beside greylisted ones, and {usual:?} without them"
    );
}

/// Sends `count` notifications of one recipient each. Returns how long it took until all had arrived but the greylisted
/// ones.
fn send_small(run: &mut Run, count: usize, is_greylisted: impl Fn(usize) -> bool) -> Duration {
    let setup = run.setup(System::Sqlite, 1).env("RETRY_DELAY", "5");
    let scenario = setup.env("DEFER_SCHEDULE", "1s 1s 1s 2s 4s 8s 16s").build();
    let first = scenario.ledger.add_small_events(count);
    let event = |n: usize| first + i64::try_from(n).unwrap();
    let greylisted: BTreeSet<String> =
        (0..count).filter(|n| is_greylisted(*n)).map(|n| small_address(event(n))).collect();
    let put_off = greylisted.len();
    let wait = Duration::from_secs(run.size(4, 20) as u64);
    let policy = Policy::greylist(Step::Rcpt, GREYLISTED, wait, move |to| greylisted.contains(to));
    scenario.smtp.add_policy(policy);
    let mut workers = Workers::start(&scenario, 1);
    workers.wait_until("the worker to be ready", |workers| workers.log(0).contains("sending mails through"));
    let start = Instant::now();
    let messages: Vec<(Vec<u8>, AmqpProperties)> = (0..count)
        .map(|n| {
            let body = format!(r#"{{"type":"UPDATED","event_id":{}}}"#, event(n));
            (body.into_bytes(), properties(None))
        })
        .collect();
    scenario.queue.publish_all(&messages);
    workers.wait_until("all but the greylisted ones", |_| scenario.smtp.accepted() >= count - put_off);
    let took = start.elapsed();
    let crashes = workers.finish(count);
    run.check(&scenario, count, crashes);
    took
}

/// Everyone is greylisted, and workers are killed: before the ack, and while they try deferred mails again.
pub fn killed(run: &mut Run, system: System, count: usize) {
    let (people, kills) = (run.size(400, 10_000), run.size(3, 20));
    let scenario = with_short_schedule(run, system, people);
    let mut workers = Workers::start(&scenario, count);
    scenario.queue.publish("UPDATED", EVENT, None);
    // While the mails are refused for the first times, deferred, and the message is acked.
    for _ in 0..run.size(1, 5) {
        workers.wait_until("a refusal", |_| scenario.smtp.read_log(|log| !log.refusals.is_empty()));
        thread::sleep(run.pause(Duration::from_millis(500)));
        workers.kill(run.random.usize(..count));
    }
    for moment in run.moments(kills, people) {
        workers.reach(moment);
        workers.kill(run.random.usize(..count));
    }
    let crashes = workers.finish_except_acks(1);
    run.check_except_acks(&scenario, 1, crashes);
}

/// Several workers try the deferred mails of many notifications again. No mail is sent twice.
pub fn several_workers(run: &mut Run, system: System, count: usize) {
    let (people, notifications) = (run.size(50, 500), run.size(6, 20));
    let scenario = with_short_schedule(run, system, people);
    let workers = Workers::start(&scenario, count);
    for _ in 0..notifications {
        scenario.queue.publish(run.random.choice(["CREATED", "UPDATED"]).unwrap(), EVENT, None);
    }
    let crashes = workers.finish(notifications);
    assert_eq!(crashes, 0);
    run.check(&scenario, notifications, crashes);
}

/// A relay that greylists everyone for some seconds.
fn with_short_schedule(run: &Run, system: System, people: usize) -> Scenario {
    let setup = run.setup(system, people).env("RETRY_DELAY", "0.1").env("MAX_RETRIES", "1");
    let schedule = format!("1s{}", " 1s".repeat(19));
    let scenario = setup.env("DEFER_SCHEDULE", &schedule).env("LEASE_TIMEOUT", "2").build();
    let wait = Duration::from_secs(2);
    scenario.smtp.add_policy(Policy::greylist(Step::Rcpt, GREYLISTED, wait, |_| true));
    scenario
}

/// The relay takes one mail in fifty and says so after the worker has given up. Each is sent once more, after the pause.
pub fn late_replies(run: &mut Run) {
    let people = run.size(400, 5_000);
    let setup = run.setup(System::Sqlite, people).env("SMTP_DATA_TIMEOUT", "1");
    let scenario = setup.env("DEFER_SCHEDULE", "1s 1s").build();
    for person in scenario.people() {
        if run.random.u8(..50) == 0 {
            let late = RecipientFault::LateReply(Duration::from_secs(3));
            scenario.smtp.fail_recipient(&person.email, late, 1);
        }
    }
    scenario.queue.publish("UPDATED", EVENT, None);
    let crashes = Workers::start(&scenario, 1).finish(1);
    assert_eq!(crashes, 0, "no relay makes a worker end");
    run.check(&scenario, 1, crashes);
    let unanswered = scenario
        .smtp
        .read_log(|log| log.received.iter().filter(|mail| mail.answer == BodyReply::None).count());
    assert!(unanswered > 0, "no reply was late");
}

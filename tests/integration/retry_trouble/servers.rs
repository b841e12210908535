//! The database server is away at each step of `fanmail retry`.

use std::thread;
use std::time::Duration;

use super::{LANES, PEOPLE, RETRY, failed, leases, next_retry_completes_it};
use crate::systems::on_every_server;
use testkit::database::Database;
use testkit::database_proxy::{DatabaseProxy, LOSSY};
use testkit::scenario::Scenario;
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

on_every_server!(
    away_at_each_step
    stopped_while_the_database_is_away
    cut_short_while_the_database_is_away
    replies_to_commits_are_lost
);

/// How long the database is away.
const OUTAGE: Duration = Duration::from_millis(500);

fn port(system: System) -> u16 {
    Database::shared(system.server().unwrap()).port
}

/// Makes failures of what was sent, so that the next retry has the same to do.
fn fail_again(scenario: &Scenario) {
    scenario.ledger.execute("UPDATE deliveries SET status = 'failed', permanent = FALSE");
}

/// The proxy is cut off at one request of the retry, the next retry at the request behind it, and so on. Half a second
/// later the database is back.
fn away_at_each_step(system: System) {
    let scenario = failed(system, "retry-away", "3600");
    let whole = DatabaseProxy::passing(port(system));
    assert_eq!(whole.start_fanmail(&scenario, &RETRY).wait().code, Some(0));
    let requests = whole.requests();
    let mut accepted = scenario.smtp.accepted();
    assert_eq!(accepted, PEOPLE);
    let mut ended_early = 0;
    // The first ones begin the first connection, the last ones end the last.
    for request in (1..=requests + 2).step_by(requests.div_ceil(24)) {
        fail_again(&scenario);
        let proxy = DatabaseProxy::cut_off_at(port(system), request);
        let mut retry = proxy.start_fanmail(&scenario, &RETRY);
        wait_until("the outage, or the end", || proxy.is_cut_off() || !retry.is_running());
        thread::sleep(OUTAGE);
        proxy.repair();
        let ended = retry.wait();
        let what = format!("cut off at request {request} of {requests}: {ended:?}");
        assert_eq!(leases(&scenario), 0, "its lease is left; {what}");
        scenario.check_redacted(&ended.err);
        if ended.code != Some(0) {
            ended_early += 1;
            assert_eq!(ended.code, Some(1), "{what}");
            assert!(ended.err.contains("database"), "{what}");
            next_retry_completes_it(&scenario);
        }
        accepted += PEOPLE;
        assert_eq!(
            (scenario.smtp.accepted(), scenario.ledger.outcomes("sent")),
            (accepted, PEOPLE),
            "{what}"
        );
    }
    assert!(ended_early > 0, "at least the first connection cannot be made");
    let copies = scenario.smtp.delivered_ids();
    assert!(copies.values().all(|copies| *copies == accepted / PEOPLE), "somebody got more than others");
}

/// A retry whose lanes each have a mail at the relay, and whose database is away then.
fn in_the_middle(scenario: &Scenario, proxy: &DatabaseProxy) -> testkit::process::Process {
    scenario.smtp.gate().close_after(Point::BeforeReply, 7);
    let retry = proxy.start_fanmail(scenario, &RETRY);
    scenario.wait_until_held(LANES);
    proxy.cut_off();
    scenario.smtp.gate().open();
    wait_until("the replies", || scenario.smtp.accepted() == 7 + LANES);
    retry
}

/// It ends when the outcomes are recorded.
fn stopped_while_the_database_is_away(system: System) {
    let scenario = failed(system, "retry-stop-away", "3600");
    let proxy = DatabaseProxy::passing(port(system));
    let retry = in_the_middle(&scenario, &proxy);
    retry.terminate();
    retry.wait_for_log("stopping");
    thread::sleep(OUTAGE);
    proxy.repair();
    let ended = retry.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(leases(&scenario), 0, "its lease is left; {ended:?}");
    assert_eq!(scenario.ledger.outcomes("sent"), scenario.smtp.accepted(), "mails in flight are recorded");
    assert!(ended.out.contains("interrupted; continue with the same command"), "{ended:?}");
    next_retry_completes_it(&scenario);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0));
}

/// `SHUTDOWN_TIMEOUT` ends it like a kill.
fn cut_short_while_the_database_is_away(system: System) {
    let mut scenario = failed(system, "retry-cut-short", "3600");
    scenario.environment.insert("SHUTDOWN_TIMEOUT".to_owned(), "1".to_owned());
    let proxy = DatabaseProxy::passing(port(system));
    let retry = in_the_middle(&scenario, &proxy);
    retry.terminate();
    let ended = retry.wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("SHUTDOWN_TIMEOUT"), "{}", ended.err);
    proxy.repair();
    next_retry_completes_it(&scenario);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, LANES));
}

/// The lease may be taken although the retry does not know it.
fn replies_to_commits_are_lost(system: System) {
    let scenario = failed(system, "retry-replies", "3600");
    for every in 1..=3 {
        if every > 1 {
            fail_again(&scenario);
        }
        let proxy = DatabaseProxy::dropping_commit_replies(port(system), every, LOSSY);
        let ended = proxy.start_fanmail(&scenario, &RETRY).wait();
        assert!(proxy.lost() > 0, "{ended:?}");
        assert_eq!(leases(&scenario), 0, "its lease is left; {ended:?}");
        if ended.code != Some(0) {
            next_retry_completes_it(&scenario);
        }
        assert_eq!((scenario.smtp.accepted(), scenario.ledger.outcomes("sent")), (every * PEOPLE, PEOPLE));
    }
}

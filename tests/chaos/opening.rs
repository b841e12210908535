//! Many small notifications, with the same few messages again and again, while the database is killed or loses replies:
//! each message is opened once.

use std::thread;
use std::time::Duration;

use amiquip::AmqpProperties;

use crate::run::Run;
use crate::workers::Workers;
use testkit::database::{Database, Server};
use testkit::database_proxy::DatabaseProxy;
use testkit::queue::properties;
use testkit::scenario::Scenario;
use testkit::system::System;
use testkit::wait::wait_for;

/// Events with one participant each.
const EVENTS: i64 = 10;

/// Messages about these events, with ids and without: most of them equal to others.
fn messages(run: &mut Run, scenario: &Scenario, count: usize) -> Vec<(Vec<u8>, AmqpProperties)> {
    for event in 1..=EVENTS {
        scenario.ledger.execute(&format!(
            "INSERT INTO events (id, title) VALUES ({event}, 'Ball');
             INSERT INTO participants (event_id, email, name) VALUES ({event}, 'of.{event}@example.org', 'Ann')"
        ));
    }
    let mut message = |number: usize| {
        let event = run.random.i64(1..=EVENTS);
        let body = format!(r#"{{"type":"UPDATED","event_id":{event}}}"#);
        let id = run.random.bool().then(|| format!("message {number}"));
        (body.into_bytes(), properties(id.as_deref()))
    };
    (0..count).map(&mut message).collect()
}

/// SIGKILL to the server at random moments.
pub fn database_killed(run: &mut Run, server: Server) {
    let (count, faults) = (run.size(300, 3_000), run.size(2, 10));
    let database = Database::own(server);
    database.start();
    let scenario = run.setup(System::Sqlite, 0).server(&database).build();
    let messages = messages(run, &scenario, count);
    let mut workers = Workers::start(&scenario, 1);
    scenario.queue.publish_all(&messages);
    for moment in run.moments(faults, count) {
        workers.reach(moment);
        database.kill();
        thread::sleep(run.pause(Duration::from_secs(1)));
        database.start();
    }
    let crashes = workers.finish(count);
    assert_eq!(crashes, 0, "no database makes a worker end");
    run.check(&scenario, count, crashes);
}

/// The reply to one of a few commits is lost.
pub fn replies_lost(run: &mut Run, system: System) {
    let count = run.size(50, 1_000);
    let scenario = run.setup(system, 0).build();
    let messages = messages(run, &scenario, count);
    scenario.queue.publish_all(&messages);
    let port = Database::shared(system.server().unwrap()).port;
    let every = run.random.usize(2..20);
    let proxy = DatabaseProxy::dropping_commit_replies(port, every, Duration::MAX);
    let worker = proxy.start_fanmail(&scenario, &["worker"]);
    // Each lost reply costs a pause.
    wait_for("everything to be acked", Duration::from_secs(1_200), || {
        (scenario.ledger.count("notifications WHERE acked_at IS NOT NULL") >= count).then_some(())
    });
    scenario.check_redacted(&worker.stop().err);
    assert!(proxy.lost() > 0, "no reply was lost");
    run.check(&scenario, count, 0);
}

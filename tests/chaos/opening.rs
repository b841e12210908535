//! Many small notifications and notices, with the same few messages again and again, while the database is killed or loses replies:
//! each message is opened once, whether the broker brings it or the outbox.

use std::thread;
use std::time::Duration;

use crate::messages::{Way, small_ones};
use crate::run::Run;
use crate::workers::Workers;
use testkit::database::{Database, Server};
use testkit::database_proxy::DatabaseProxy;
use testkit::system::System;
use testkit::wait::wait_for;

/// SIGKILL to the server at random moments.
pub fn database_killed(run: &mut Run, server: Server, way: Way) {
    let (count, faults) = (run.size(300, 3_000), run.size(2, 10));
    let database = Database::own(server);
    database.start();
    let scenario = run.setup(System::Sqlite, 0).server(&database).build();
    let messages = small_ones(run, &scenario, count);
    let mut workers = Workers::start_with(&scenario, way, 1);
    way.send(&scenario, &messages);
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
pub fn replies_lost(run: &mut Run, system: System, way: Way) {
    let count = run.size(50, 1_000);
    let scenario = run.setup(system, 0).build();
    let messages = small_ones(run, &scenario, count);
    way.send(&scenario, &messages);
    let port = Database::shared(system.server().unwrap()).port;
    let every = run.random.usize(2..20);
    let proxy = DatabaseProxy::dropping_commit_replies(port, every, Duration::MAX);
    let worker = proxy.start_fanmail(&scenario, way.arguments());
    // Each lost reply costs a pause.
    wait_for("everything to be acked", Duration::from_secs(1_200), || {
        let done = "notifications WHERE state = 'completed' AND acked_at IS NOT NULL";
        (scenario.ledger.count(done) >= count).then_some(())
    });
    scenario.check_redacted(&worker.stop().err);
    assert!(proxy.lost() > 0, "no reply was lost");
    run.check(&scenario, count, 0);
}

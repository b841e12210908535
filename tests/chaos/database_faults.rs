//! The database is killed, frozen or full. Meanwhile nothing is acked or forgotten, and nobody is mailed twice: the
//! recorder keeps the outcomes of what the relay has accepted. And nothing that is written to the outbox after a fault is overlooked.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use crate::messages::{Ids, Way, of_event};
use crate::run::Run;
use crate::workers::Workers;
use testkit::database::{Database, Server};
use testkit::full_disk::SmallDisk;
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;

/// The log line when the database stops working.
const TROUBLE: &str = "nothing is acked or lost";
/// The log line when the database works again.
const OVER: &str = "the database works again";

/// Sends one notification, with a fault at random moments. The fault gets the number of notifications so far. To the outbox, another one
/// is written after each fault.
fn send_with(
    run: &mut Run,
    scenario: &Scenario,
    way: Way,
    faults: usize,
    fault: impl Fn(&mut Run, &mut Workers, usize),
) {
    let people = scenario.people().len();
    let send = || way.send(scenario, &[of_event("UPDATED", EVENT, Ids::Without)]);
    send();
    let mut notifications = 1;
    let mut workers = Workers::start_with(scenario, way, 1);
    for moment in run.moments(faults, people) {
        workers.reach(moment);
        fault(run, &mut workers, notifications);
        if way == Way::Outbox {
            send();
            notifications += 1;
        }
    }
    let crashes = workers.finish(notifications);
    assert_eq!(crashes, 0, "no database makes a worker end");
    run.check(scenario, notifications, crashes);
}

fn people(run: &Run, way: Way) -> usize {
    match way {
        Way::Queue => run.size(1_000, 20_000),
        Way::Outbox => run.size(1_000, 2_000),
    }
}

/// Sends one notification on a server of its own, with a fault of the server at random moments.
fn send_with_server(run: &mut Run, server: Server, way: Way, fault: impl Fn(&mut Run, &Database)) {
    let (people, faults) = (people(run, way), run.size(2, 20));
    let database = Database::own(server);
    database.start();
    let scenario = run.setup(System::Sqlite, people).server(&database).build();
    send_with(run, &scenario, way, faults, |run, _, _| fault(run, &database));
}

/// SIGKILL to all its processes, and a new start up to two seconds later.
pub fn killed(run: &mut Run, server: Server, way: Way) {
    send_with_server(run, server, way, |run, database| {
        database.kill();
        thread::sleep(run.pause(Duration::from_secs(2)));
        database.start();
    });
}

/// Stopped in good order and started again.
pub fn restarted(run: &mut Run, server: Server, way: Way) {
    send_with_server(run, server, way, |_, database| database.restart());
}

/// SIGSTOP for up to five seconds.
pub fn frozen(run: &mut Run, server: Server, way: Way) {
    send_with_server(run, server, way, |run, database| {
        let frozen = database.freeze();
        thread::sleep(run.pause(Duration::from_secs(5)));
        frozen.thaw();
    });
}

/// The disk has no free byte, until up to two seconds after the worker has detected it. The worker may be done before:
/// in the long form the files have some room in them, and a fault may strike after the last mail.
pub fn disk_full(run: &mut Run, disk: &SmallDisk, way: Way) {
    let (people, faults) = (people(run, way), run.size(2, 10));
    let file = disk.folder.join(format!("{}.db", run.random.u64(..)));
    let scenario = run.setup(System::Sqlite, people).env("DATABASE_URL", file.to_str().unwrap()).build();
    let (must_notice, noticed) = (Cell::new(false), Cell::new(false));
    send_with(run, &scenario, way, faults, |run, workers, notifications| {
        disk.fill();
        // The outcome of a mail that is accepted from now on needs room.
        must_notice.set(must_notice.get() || scenario.smtp.accepted() < notifications * people);
        workers.wait_until("the worker to notice, or to be done", |workers| {
            let in_trouble = in_trouble(workers);
            noticed.set(noticed.get() || in_trouble);
            in_trouble || scenario.ledger.completed() >= notifications
        });
        thread::sleep(run.pause(Duration::from_secs(2)));
        disk.free();
        workers.wait_until("the worker to go on", |workers| !in_trouble(workers));
    });
    assert!(noticed.get() || !must_notice.get(), "the worker has never noticed that the disk was full");
}

/// Whether the last log line about the database of the only worker says that it does not work.
fn in_trouble(workers: &Workers) -> bool {
    let log = workers.log(0);
    log.matches(TROUBLE).count() > log.matches(OVER).count()
}

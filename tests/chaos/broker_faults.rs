//! The broker dies, freezes or is restarted. A running fan-out needs no broker; its message comes again and finds
//! it, or its ledger.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::run::Run;
use crate::workers::Workers;
use testkit::broker::Broker;
use testkit::system::System;

/// Notifications of the one event, which run one after another.
const NOTIFICATIONS: usize = 4;

/// As slow as to last about as long as the faults do, with so many seconds for each.
fn send_with(
    run: &mut Run,
    broker: &Arc<Broker>,
    faults: usize,
    seconds: usize,
    fault: impl Fn(&mut Run, &mut Workers),
) {
    let people = run.size(300, 2_000);
    let mails = people * NOTIFICATIONS;
    let rate = mails / (faults * seconds);
    let setup = run.setup(System::Sqlite, people).env("SMTP_RATE_PER_SECOND", &rate.to_string());
    let scenario = setup.broker(broker).build();
    for _ in 0..NOTIFICATIONS {
        scenario.publish(run.random.choice(["CREATED", "UPDATED", "CANCELLED"]).unwrap());
    }
    let mut workers = Workers::start(&scenario, 1);
    for moment in run.moments(faults, mails) {
        workers.reach(moment);
        fault(run, &mut workers);
    }
    let crashes = workers.finish_except_acks(NOTIFICATIONS);
    run.check_except_acks(&scenario, NOTIFICATIONS, crashes);
}

fn started() -> Arc<Broker> {
    let broker = Broker::own();
    broker.start();
    broker
}

/// SIGKILL, and a new start up to two seconds later.
pub fn killed(run: &mut Run) {
    let broker = started();
    let first = Cell::new(true);
    send_with(run, &broker, run.size(1, 10), 8, |run, _| {
        if first.replace(false) {
            // What RabbitMQ has just declared would not survive the kill.
            broker.restart();
        }
        broker.kill();
        thread::sleep(run.pause(Duration::from_secs(2)));
        broker.start();
    });
}

/// It ends in good order and starts again.
pub fn restarted(run: &mut Run) {
    let broker = started();
    send_with(run, &broker, run.size(1, 10), 8, |_, _| broker.restart());
}

/// SIGSTOP: first until the worker has noticed, then for a few seconds that nobody needs to notice.
pub fn frozen(run: &mut Run) {
    const TROUBLE: &str = "cannot take messages";
    // A broker is given up after 20 silent seconds. A loss soon after another one is not told.
    const LONG_ENOUGH: Duration = Duration::from_secs(30);
    let broker = started();
    send_with(run, &broker, run.size(1, 3), 10, |run, workers| {
        let (deaths, troubles) = (workers.crashes, workers.log(0).matches(TROUBLE).count());
        let begun = Instant::now();
        broker.freeze();
        workers.wait_until("the worker to notice", |workers| {
            let told = workers.log(0).matches(TROUBLE).count() > troubles;
            told || workers.crashes > deaths || begun.elapsed() > LONG_ENOUGH
        });
        broker.thaw();
        thread::sleep(run.pause(Duration::from_secs(2)));
        broker.freeze();
        thread::sleep(run.pause(Duration::from_secs(5)));
        broker.thaw();
    });
}

//! The broker is killed, frozen or restarted. A running fan-out needs no broker; its message is delivered again and
//! finds its notification in the ledger.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::run::Run;
use crate::workers::Workers;
use testkit::broker::Broker;
use testkit::system::System;

/// Notifications of the event. They run one after another.
const NOTIFICATIONS: usize = 4;

/// Sends notifications so slowly that there are `seconds` for each fault.
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
            // RabbitMQ loses a queue that was declared right before a kill.
            broker.restart();
        }
        broker.kill();
        thread::sleep(run.pause(Duration::from_secs(2)));
        broker.start();
    });
}

/// Stopped in good order and started again.
pub fn restarted(run: &mut Run) {
    let broker = started();
    send_with(run, &broker, run.size(1, 10), 8, |_, _| broker.restart());
}

/// SIGSTOP: first until the worker has detected it, then for a few seconds that the worker need not detect.
pub fn frozen(run: &mut Run) {
    const TROUBLE: &str = "cannot take messages";
    // A worker gives up a broker after 20 silent seconds. It does not log a loss soon after another one.
    const LONG_ENOUGH: Duration = Duration::from_secs(30);
    let broker = started();
    send_with(run, &broker, run.size(1, 3), 10, |run, workers| {
        let (deaths, troubles) = (workers.crashes, workers.log(0).matches(TROUBLE).count());
        let start = Instant::now();
        broker.freeze();
        workers.wait_until("the worker to notice", |workers| {
            let logged = workers.log(0).matches(TROUBLE).count() > troubles;
            logged || workers.crashes > deaths || start.elapsed() > LONG_ENOUGH
        });
        broker.thaw();
        thread::sleep(run.pause(Duration::from_secs(2)));
        broker.freeze();
        thread::sleep(run.pause(Duration::from_secs(5)));
        broker.thaw();
    });
}

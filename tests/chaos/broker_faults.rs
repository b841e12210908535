//! The broker is killed, restarted or frozen, or the connection to it is half open or cut. A running fan-out needs no
//! broker; its message is delivered again and finds its notification in the ledger, with a `message_id` and without.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::broker_cases::{CASES, Case, NOTICES_AND_QUEUES, STREAMS};
use crate::broker_working::{Done, Working};
use crate::messages::Ids;
use crate::pauses::{has_doubtful_pause, wait_for_pause, written_after};
use crate::run::Run;
use crate::turns::wait_for_turn;
use crate::workers::Variables;
use testkit::broker::Broker;
use testkit::half_open_proxy::HalfOpenProxy;
use testkit::network::Network;
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

/// What the log says about a broker that is lost. A loss soon after another one is not logged.
const LOST: &str = "cannot take messages";
/// After this time every worker has noticed the silence: two heartbeats are 20 s, and it looks every few seconds.
const NOTICED: Duration = Duration::from_secs(30);
/// Shorter than two heartbeats, also with the pauses that TCP doubles before it repeats a packet.
const UNNOTICED: Duration = Duration::from_secs(12);

/// Makes a fault, until it may end.
type Strike<'a> = &'a dyn Fn(&mut Run, &mut [Working]);

/// A fault, and what follows it.
#[derive(Clone, Copy)]
struct Fault<'a> {
    strike: Strike<'a>,
    /// Ends the fault: from now on the workers can connect.
    end: &'a dyn Fn(&mut Run),
    /// Where the broker does not notice by itself that the connections that were struck are gone: makes it notice.
    notice: Option<&'a dyn Fn()>,
    /// RabbitMQ loses a queue that was declared right before the fault, and acks that it has not written.
    loses_what_is_new: bool,
}

/// When a fan-out goes on that was running when the fault struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoesOn {
    /// Before its worker is connected again.
    Disconnected,
    /// Before its message has come again.
    Connected,
    /// After that, or while it comes.
    Redelivered,
}

/// All cases, with the faults one after another. Workers whose connection is struck have the variables `struck`.
fn strike_all(
    run: &mut Run,
    broker: &Arc<Broker>,
    cases: &[Case],
    ids: Ids,
    struck: &Variables,
    faults: &[Fault],
) {
    let _turn = wait_for_turn();
    let scenarios: Vec<Scenario> = cases.iter().map(|case| case.build(run, broker)).collect();
    if faults.iter().any(|fault| fault.loses_what_is_new) {
        broker.restart();
    }
    let start = |(case, scenario): (&Case, _)| Working::start(run, *case, scenario, ids, struck);
    let mut working: Vec<Working> = cases.iter().zip(&scenarios).map(start).collect();
    for fault in faults {
        strike_once(run, broker, &mut working, ids, fault);
    }
    wait_until("the broker to have no message", || broker.messages() == 0);
    // All counts first: when one check fails, the others still tell what happened.
    let done: Vec<Done> = working.into_iter().map(Working::stop).collect();
    for done in done {
        done.check(run);
    }
}

fn strike_once(run: &mut Run, broker: &Broker, working: &mut [Working], ids: Ids, fault: &Fault) {
    for working in &mut *working {
        working.wait_until_back(0);
    }
    working.iter_mut().for_each(Working::prepare);
    // The broker writes the acks meanwhile.
    wait_for_pause(working.iter().map(|working| working.scenario), written_after(broker));
    let (slow, fast): (Vec<_>, Vec<_>) = working.iter_mut().partition(|working| !working.case.is_fast());
    for mut working in [slow, fast] {
        for working in &mut working {
            working.begin(run);
        }
        for working in &mut working {
            working.wait_for_the_middle(run);
        }
    }
    if fault.loses_what_is_new && ids == Ids::Without {
        wait_for_clear_pauses(broker, working);
    }
    (fault.strike)(run, working);
    let moments = [GoesOn::Disconnected, GoesOn::Connected, GoesOn::Redelivered];
    let moments: Vec<GoesOn> = working.iter().map(|_| run.random.choice(moments).unwrap()).collect();
    let go_on = |working: &[Working], moment| {
        let due = working.iter().zip(&moments).filter(|(_, at)| **at == moment);
        due.for_each(|(working, _)| working.release());
    };
    go_on(working, GoesOn::Disconnected);
    (fault.end)(run);
    for working in &mut *working {
        let gone = if fault.notice.is_some() { working.case.struck } else { 0 };
        working.wait_until_back(gone);
        working.publish_late();
    }
    go_on(working, GoesOn::Connected);
    if let Some(notice) = fault.notice {
        notice();
    }
    go_on(working, GoesOn::Redelivered);
    let start = Instant::now();
    for working in working {
        working.wait_until_done(start);
    }
}

/// Waits for a moment at which the ledger of each case tells from pauses which acks the broker has written.
fn wait_for_clear_pauses(broker: &Broker, working: &mut [Working]) {
    while working.iter().any(|working| has_doubtful_pause(working.scenario, broker)) {
        for working in &mut *working {
            working.hold();
        }
        wait_for_pause(working.iter().map(|working| working.scenario), written_after(broker));
        for working in &mut *working {
            working.go_on();
        }
    }
}

fn started() -> Arc<Broker> {
    let broker = Broker::own_with_low_niceness();
    broker.start();
    broker
}

/// SIGKILL, and a new start up to two seconds later.
pub fn killed(run: &mut Run, ids: Ids) {
    // The streams by themselves: which acks the broker has written depends on pauses.
    kill_with(run, ids, &[&CASES, &STREAMS]);
}

/// The same with notices, and with workers that take messages from several queues.
pub fn killed_with_notices(run: &mut Run) {
    kill_with(run, Ids::With, &[&NOTICES_AND_QUEUES]);
}

fn kill_with(run: &mut Run, ids: Ids, groups: &[&[Case]]) {
    let broker = started();
    let end = |run: &mut Run| {
        thread::sleep(run.pause(Duration::from_secs(2)));
        broker.start();
    };
    let fault = Fault { strike: &|_, _| broker.kill(), end: &end, notice: None, loses_what_is_new: true };
    let faults = vec![fault; run.size(1, 5)];
    for cases in groups {
        strike_all(run, &broker, cases, ids, &Variables::new(), &faults);
    }
}

/// Stopped in good order and started again.
pub fn restarted(run: &mut Run, ids: Ids) {
    restart_with(run, ids, &CASES);
}

/// The same with notices, and with workers that take messages from several queues.
pub fn restarted_with_notices(run: &mut Run) {
    restart_with(run, Ids::With, &NOTICES_AND_QUEUES);
}

fn restart_with(run: &mut Run, ids: Ids, cases: &[Case]) {
    let broker = started();
    let fault = Fault {
        strike: &|_, _| broker.stop(),
        end: &|_| broker.start(),
        notice: None,
        loses_what_is_new: false,
    };
    strike_all(run, &broker, cases, ids, &Variables::new(), &vec![fault; run.size(1, 5)]);
}

/// SIGSTOP: until the workers have noticed, and then for some seconds that they do not notice.
pub fn frozen(run: &mut Run, ids: Ids) {
    let broker = started();
    let until_noticed = |_: &mut Run, working: &mut [Working]| {
        broker.freeze();
        wait_until_noticed(working, |working| working.case.workers);
    };
    let shortly = |run: &mut Run, _: &mut [Working]| {
        broker.freeze();
        thread::sleep(run.pause(UNNOTICED));
    };
    let first =
        Fault { strike: &until_noticed, end: &|_| broker.thaw(), notice: None, loses_what_is_new: false };
    strike_all(run, &broker, &CASES, ids, &Variables::new(), &[first, Fault { strike: &shortly, ..first }]);
}

/// The connections are reset on the workers' side only. The broker keeps its side, and the messages, until the workers
/// are connected again.
pub fn half_open(run: &mut Run, ids: Ids) {
    let broker = started();
    let proxy = HalfOpenProxy::start(broker.port);
    let struck = vec![("LAVINMQ_PORT", proxy.port.to_string())];
    let reset = |_: &mut Run, _: &mut [Working]| assert!(proxy.reset_workers() > 0);
    let close = || proxy.close_half_open();
    let fault = Fault { strike: &reset, end: &|_| {}, notice: Some(&close), loses_what_is_new: false };
    strike_all(run, &broker, &CASES, ids, &struck, &vec![fault; run.size(1, 5)]);
}

/// All packets are lost: until the workers have noticed, and then for some seconds that they do not notice. More is
/// published meanwhile; the broker sends it into the dead connections.
pub fn network_cut(run: &mut Run, ids: Ids, network: &Network) {
    let broker = Broker::own_in(network);
    broker.start();
    let struck = vec![("LAVINMQ_HOST", network.cut_address().to_owned())];
    let until_noticed = |_: &mut Run, working: &mut [Working]| {
        network.cut();
        working.iter_mut().for_each(Working::publish_late);
        wait_until_noticed(working, |working| working.case.struck);
    };
    let shortly = |run: &mut Run, working: &mut [Working]| {
        network.cut();
        working.iter_mut().for_each(Working::publish_late);
        thread::sleep(run.pause(UNNOTICED));
    };
    let first =
        Fault { strike: &until_noticed, end: &|_| network.heal(), notice: None, loses_what_is_new: false };
    strike_all(run, &broker, &CASES, ids, &struck, &[first, Fault { strike: &shortly, ..first }]);
}

/// Waits until the first `struck` workers of each case have noticed that they have lost the broker.
fn wait_until_noticed(working: &mut [Working], struck: impl Fn(&Working) -> usize) {
    let start = Instant::now();
    for working in working {
        let struck = struck(working);
        working.workers.wait_until("the workers to notice", |workers| {
            (0..struck).all(|n| workers.log(n).contains(LOST)) || start.elapsed() > NOTICED
        });
    }
}

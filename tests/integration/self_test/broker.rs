//! The private broker: what it keeps, how it is killed, and that it ends with the tests.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use testkit::broker::Broker;
use testkit::cleanup::ChildGuard;
use testkit::queue::{Queue, properties, unusual_properties};
use testkit::wait::wait_until;

#[test]
fn the_shared_broker_keeps_what_is_published() {
    let queue = Queue::new(Broker::shared(), "self-test".to_owned());
    queue.publish("CREATED", 7, Some("one"));
    queue.publish("UPDATED", 7, None);
    queue.publish_raw(b"\xff", unusual_properties());
    assert_eq!((queue.depth(), queue.consumers(), queue.dead_depth()), (3, 0, 0));
    let messages = queue.take_messages();
    assert_eq!(messages[0].body, br#"{"type":"CREATED","event_id":7}"#);
    assert_eq!(messages[0].properties, properties(Some("one")));
    assert_eq!(messages[1].properties.message_id(), &None);
    assert_eq!((&messages[2].body[..], &messages[2].properties), (&b"\xff"[..], &unusual_properties()));
    assert_eq!(messages[2].header("traceparent").as_deref(), Some("00-4bf9-01"));
    assert_eq!(queue.depth(), 0);
}

#[test]
fn a_killed_broker_restarts_with_its_messages() {
    let broker = Broker::own();
    broker.start();
    let queue = Queue::new(broker.clone(), "self-test".to_owned());
    assert_eq!(queue.depth(), 0);
    broker.restart();
    queue.publish("CREATED", 7, None);
    broker.kill();
    TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port)).unwrap_err();
    broker.start();
    assert_eq!(queue.take_messages().len(), 1);
    broker.freeze();
    broker.thaw();
    assert_eq!(queue.depth(), 0);
}

/// Set in the copy of the test below that is killed.
const ABANDON: &str = "FANMAIL_TEST_ABANDON_BROKER";

#[test]
fn a_killed_test_leaves_no_broker_behind() {
    if std::env::var_os(ABANDON).is_some() {
        start_a_broker_and_wait_to_be_killed();
    }
    let mut test = ChildGuard::spawn(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "self_test::broker::a_killed_test_leaves_no_broker_behind", "--nocapture"])
            .env(ABANDON, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let mut lines = BufReader::new(test.child.stdout.take().unwrap()).lines();
    let pids = lines.find_map(|line| Some(line.unwrap().strip_prefix("abandoned ")?.to_owned())).unwrap();
    let pids: Vec<&str> = pids.split(' ').collect();
    let runs = |pid: &&str| {
        let command = std::fs::read(Path::new("/proc").join(pid).join("cmdline"));
        command.is_ok_and(|command| !command.is_empty())
    };
    assert_eq!((pids.len(), pids.iter().all(runs)), (2, true));
    test.child.kill().unwrap();
    wait_until("the processes to be killed", || !pids.iter().any(runs));
}

fn start_a_broker_and_wait_to_be_killed() -> ! {
    let broker = Broker::own();
    broker.start();
    let pids: Vec<String> = broker.pids().iter().map(u32::to_string).collect();
    println!("\nabandoned {}", pids.join(" "));
    loop {
        thread::park();
    }
}

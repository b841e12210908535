//! What a worker takes for a restart of the broker, with a real RabbitMQ: the log says "the broker was down before" when
//! a session follows one. Only then may acks be forgotten.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use testkit::broker::Broker;
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

/// How often the worker has begun a session, and how many of these followed a restart.
fn sessions(worker: &Process) -> (usize, usize) {
    let log = worker.log();
    let begun: Vec<_> = log.lines().filter(|line| line.contains("; taking messages from ")).collect();
    (begun.len(), begun.iter().filter(|line| line.contains("; the broker was down before;")).count())
}

#[track_caller]
fn wait_for_sessions(worker: &Process, begun: usize, after_restarts: usize) {
    wait_until(&format!("session {begun}"), || sessions(worker).0 >= begun);
    assert_eq!(sessions(worker), (begun, after_restarts), "{}", worker.log());
}

/// What the log says about the loss that came last.
fn last_loss(worker: &Process) -> String {
    worker.log().lines().rfind(|line| line.contains("cannot take messages any more")).unwrap().to_owned()
}

fn scenario(name: &str, broker: &Arc<Broker>) -> Scenario {
    let scenario = Scenario::with_relay(name, 3).broker(broker).build();
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    scenario
}

#[test]
fn a_broker_that_is_killed_was_down() {
    let broker = Broker::own();
    broker.start();
    let scenario = scenario("killed", &broker);
    let worker = scenario.worker();
    wait_for_sessions(&worker, 1, 0);
    broker.kill();
    worker.wait_for_log("cannot take messages any more");
    broker.start();
    wait_for_sessions(&worker, 2, 1);
    let loss = last_loss(&worker);
    assert!(loss.contains("gave no reason") || loss.contains("reset by peer"), "{loss}");
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
}

#[test]
fn a_broker_that_is_killed_while_it_is_frozen_was_down() {
    let broker = Broker::own();
    broker.start();
    let scenario = scenario("frozen-killed", &broker);
    let worker = scenario.worker();
    wait_for_sessions(&worker, 1, 0);
    broker.freeze();
    worker.wait_for_log("nothing was heard from it for 20 s");
    broker.kill();
    worker.wait_for_log("no broker answers at");
    broker.start();
    wait_for_sessions(&worker, 2, 1);
    scenario.stop_and_check(worker);
}

#[test]
fn a_broker_that_is_down_when_the_worker_starts_was_down() {
    let broker = Broker::own();
    broker.start();
    let scenario = scenario("late", &broker);
    broker.restart();
    broker.kill();
    // The host has two addresses, and neither listens.
    let mut environment = scenario.environment.clone();
    environment.insert("LAVINMQ_HOST".to_owned(), "localhost".to_owned());
    let worker = Process::start(scenario.dir.path(), &environment, &["worker"]);
    worker.wait_for_log("no broker answers at localhost");
    broker.start();
    wait_for_sessions(&worker, 1, 1);
    // RabbitMQ still listens at 127.0.0.1 only.
    broker.ctl(&["close_all_connections", "a test"]);
    wait_until("another session", || sessions(&worker).0 == 2);
    scenario.stop_and_check(worker);
}

#[test]
fn a_broker_that_says_why_it_closes_was_not_down() {
    let broker = Broker::own();
    broker.start();
    let scenario = scenario("announced", &broker);
    let worker = scenario.worker();
    wait_for_sessions(&worker, 1, 0);
    broker.ctl(&["close_all_connections", "closed by a test"]);
    wait_for_sessions(&worker, 2, 0);
    assert!(last_loss(&worker).contains("closed by a test (code 320)"), "{}", worker.log());

    broker.ctl(&["stop_app"]);
    worker.wait_for_log("no broker answers at");
    broker.ctl(&["start_app"]);
    wait_for_sessions(&worker, 3, 0);

    broker.restart();
    wait_for_sessions(&worker, 4, 0);
    assert!(!worker.log().contains("gave no reason"), "{}", worker.log());
    scenario.stop_and_check(worker);
}

/// The worker's side of a connection ends, and the broker keeps its own side.
#[test]
fn a_half_open_connection_is_no_restart_and_a_proxy_that_closes_at_once_afterwards_is_one() {
    let broker = Broker::own();
    broker.start();
    let proxy = Proxy::start(broker.port);
    let scenario = Scenario::with_relay("half-open", 3)
        .broker(&broker)
        .env("LAVINMQ_PORT", &proxy.port.to_string())
        .build();
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    broker.restart();
    let worker = scenario.worker();
    wait_for_sessions(&worker, 1, 0);
    for session in 2..4 {
        proxy.end_client_side();
        wait_for_sessions(&worker, session, 0);
    }
    assert!(last_loss(&worker).contains("gave no reason"), "{}", worker.log());

    broker.kill();
    worker.wait_for_log("it closes the connection at once");
    broker.start();
    wait_for_sessions(&worker, 4, 1);
    scenario.stop_and_check(worker);
}

/// Accepts every connection. Without a broker it closes it at once.
struct Proxy {
    port: u16,
    clients: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    fn start(broker: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let clients: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let accepted = Arc::clone(&clients);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)) else { continue };
                accepted.lock().unwrap().push(client.try_clone().unwrap());
                let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || io::copy(&mut &from_client, &mut &to_server).is_ok());
                thread::spawn(move || {
                    drop(io::copy(&mut &server, &mut &client));
                    drop(client.shutdown(Shutdown::Both));
                });
            }
        });
        Self { port, clients }
    }

    /// Closes the clients' side of all connections. The broker's side stays open.
    fn end_client_side(&self) {
        for client in self.clients.lock().unwrap().drain(..) {
            client.shutdown(Shutdown::Write).unwrap();
        }
    }
}

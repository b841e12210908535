//! A dead letter whose session ends while its own connection is opened: the next session has the same message again, and it
//! becomes one dead letter.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use amiquip::AmqpProperties;

use testkit::queue::properties;
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

/// A proxy for the broker. The first connection is the session's. The second one is the one for dead letters: the proxy
/// says that it is there, and forwards nothing until it is released.
struct HoldingProxy {
    port: u16,
    /// The session's connection, to cut it.
    first: Receiver<TcpStream>,
    second_is_there: Receiver<()>,
    release: Sender<()>,
}

impl HoldingProxy {
    fn start(broker: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell_first, first) = channel();
        let (tell_second, second_is_there) = channel();
        let (release, released) = channel();
        thread::spawn(move || {
            let mut released = Some(released);
            for (number, client) in (1..).zip(listener.incoming()) {
                let client = client.unwrap();
                let mut held = None;
                if number == 1 {
                    tell_first.send(client.try_clone().unwrap()).unwrap();
                } else if number == 2 {
                    held = released.take();
                    tell_second.send(()).unwrap();
                }
                thread::spawn(move || forward(&client, broker, held));
            }
        });
        Self { port, first, second_is_there, release }
    }
}

/// Forwards a connection to its end, once it is released.
fn forward(client: &TcpStream, broker: u16, held: Option<Receiver<()>>) {
    if let Some(held) = held {
        held.recv().unwrap();
    }
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)).unwrap();
    thread::scope(|scope| {
        for (mut from, mut to) in [(client, &server), (&server, client)] {
            scope.spawn(move || {
                // It ends with an error when either side closes, which is expected.
                drop(io::copy(&mut from, &mut to));
                drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
            });
        }
    });
}

fn poison(scenario: &Scenario, id: &str) {
    let properties: AmqpProperties = properties(Some(id));
    scenario.queue.publish_raw(b"no JSON", properties);
}

#[test]
fn a_message_of_two_sessions_becomes_one_dead_letter() {
    let mut scenario = Scenario::with_relay("dead-sessions", 0).build();
    let proxy = HoldingProxy::start(scenario.queue.broker.port);
    scenario.environment.insert("LAVINMQ_PORT".to_owned(), proxy.port.to_string());
    let worker = scenario.worker();
    let sessions = || worker.log().matches("taking messages from").count();
    wait_until("a session", || sessions() == 1);
    poison(&scenario, "first");
    proxy.second_is_there.recv().unwrap();
    proxy.first.recv().unwrap().shutdown(Shutdown::Both).unwrap();
    wait_until("the next session", || sessions() == 2);
    proxy.release.send(()).unwrap();
    wait_until("the dead letter", || scenario.queue.dead_depth() >= 1);
    // Dead letters are stored in the order of their messages.
    poison(&scenario, "last");
    wait_until("the last dead letter", || worker.log().contains("(message id last)"));
    let letters = scenario.queue.take_dead_letters();
    let ids: Vec<_> = letters.iter().map(|letter| letter.properties.message_id().clone().unwrap()).collect();
    assert_eq!(ids, ["first", "last"]);
    scenario.stop_and_check(worker);
}

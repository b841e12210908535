//! Opening fails in every way there is without a real broker; no text may hold the password.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::config::Config;
use crate::config::broker::hosts::BrokerHost;
use crate::config::secret::Secret;

const PASSWORD: &str = "s3cret/p@ss:word";

fn config(host: &str, port: u16) -> BrokerConfig {
    BrokerConfig {
        hosts: vec![BrokerHost { name: host.to_owned(), port }],
        username: "alice".to_owned(),
        password: Secret::new(PASSWORD.to_owned()),
        ..Config::from_lookup(&|_| None).unwrap().broker
    }
}

/// Fails to open, and returns the text after looking for the password in all that can be printed of it.
fn failure(config: &BrokerConfig, timeout: Duration) -> String {
    let Err(failures) = BrokerConnection::open_from(config, 0, timeout) else {
        panic!("it opened");
    };
    let error = BrokerError::of_hosts(failures);
    let mut texts = vec![error.to_string(), format!("{error:?}"), format!("{config:?}")];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(format!("{cause} {cause:?}"));
        source = cause.source();
    }
    for text in &texts {
        for secret in [PASSWORD, "s3cret", "p%40ss"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    texts.swap_remove(0)
}

/// A server on loopback that does this with its first client.
fn server(act: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || act(listener.accept().unwrap().0));
    port
}

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_closed_port() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = failure(&config("127.0.0.1", port), SOON);
    assert!(text.starts_with(&format!("no broker answers at 127.0.0.1:{port}: ")), "{text}");
    assert!(text.contains("LAVINMQ_HOST"), "{text}");
    let text = failure(&config("::1", port), SOON);
    assert!(text.starts_with(&format!("no broker answers at [::1]:{port}: ")), "{text}");
}

/// Every host is tried, beginning with any, and the error names all of them.
#[test]
fn several_hosts_are_tried_in_turn() {
    let closed = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let [first, second] = [closed(), closed()];
    let name = |port| BrokerHost { name: "127.0.0.1".to_owned(), port };
    let hosts = vec![name(first), name(second), BrokerHost { name: "not a host".to_owned(), port: 1 }];
    let several = BrokerConfig { hosts, ..config("127.0.0.1", first) };
    let text = failure(&several, SOON);
    let expected = format!(
        "none of the 3 hosts of the broker can be used: (1) no broker answers at 127.0.0.1:{first}: Connection refused"
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.contains(&format!("; (2) no broker answers at 127.0.0.1:{second}: ")), "{text}");
    assert!(text.contains("; (3) cannot find the host \"not a host\""), "{text}");
    let Err(failures) = BrokerConnection::open_from(&several, 1, SOON) else { panic!("it opened") };
    let order: Vec<usize> = failures.iter().map(|failure| failure.host).collect();
    assert_eq!(order, [1, 2, 0]);
    assert!(BrokerError::of_hosts(failures).is_transient());
}

#[test]
fn a_host_that_does_not_exist() {
    let text = failure(&config("not a host", 5672), SOON);
    assert!(text.starts_with("cannot find the host \"not a host\" of the broker"), "{text}");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let port = server(|mut client| {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap_or_default();
    });
    let start = Instant::now();
    let text = failure(&config("127.0.0.1", port), Duration::from_millis(200));
    assert!(text.contains("does not answer as an AMQP broker: it says nothing"), "{text}");
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_server_of_another_protocol() {
    let port = server(|mut client| {
        client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap_or_default();
    });
    let text = failure(&config("127.0.0.1", port), SOON);
    assert!(text.contains("does not answer as an AMQP broker: it speaks another protocol"), "{text}");
}

#[test]
fn a_wrong_password() {
    let port = server(|mut client| {
        let mut protocol = [0; 8];
        client.read_exact(&mut protocol).unwrap();
        client.write_all(&connection_start()).unwrap();
        let mut start_ok = [0; 1024];
        let received = client.read(&mut start_ok).unwrap();
        let sent = start_ok[..received].windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
        assert!(sent, "the password was not even sent");
    });
    let text = failure(&config("127.0.0.1", port), SOON);
    assert!(
        text.starts_with(&format!("the broker at 127.0.0.1:{port} refused the user \"alice\"")),
        "{text}"
    );
}

#[test]
fn tls_with_a_server_that_has_none() {
    let port = server(|mut client| {
        client.write_all(b"AMQP\x00\x00\x09\x01").unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap_or_default();
    });
    let tls = BrokerConfig { tls: true, ..config("127.0.0.1", port) };
    let text = failure(&tls, SOON);
    assert!(text.starts_with(&format!("no TLS connection to 127.0.0.1:{port}")), "{text}");
}

/// `connection.start` (AMQP 0-9-1, class 10, method 10), offering PLAIN and `en_US`.
fn connection_start() -> Vec<u8> {
    let mut arguments = vec![0, 10, 0, 10, 0, 9, 0, 0, 0, 0];
    for text in ["PLAIN", "en_US"] {
        arguments.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        arguments.extend(text.as_bytes());
    }
    let mut frame = vec![1, 0, 0];
    frame.extend(u32::try_from(arguments.len()).unwrap().to_be_bytes());
    frame.extend(arguments);
    frame.push(0xCE);
    frame
}

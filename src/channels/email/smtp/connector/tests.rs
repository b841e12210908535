//! Hostile and broken relays: connecting ends in bounded time and memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::iter;
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::channels::Class;
use crate::config::email::login::{Login, LoginMethod};
use crate::config::secret::Secret;

/// A relay that runs `act` with its only client.
fn relay<T: Send + 'static>(act: impl FnOnce(TcpStream) -> T + Send + 'static) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, thread::spawn(move || act(listener.accept().unwrap().0)))
}

/// Connects to the relay, which must fail.
fn refuse_connection(port: u16, security: Security, timeout: Duration) -> SendError {
    let login =
        Login { username: "me".to_owned(), method: LoginMethod::Password(Secret::new("MARKER".to_owned())) };
    let relay = Relay { security, login: Some(login), timeout, ..Relay::on_loopback(port) };
    let refused = RelayConnector::new(&relay).unwrap().connect().err().expect("it connected");
    assert_eq!(refused.class, Class::RelayFailure);
    assert!(!refused.detail.contains("MARKER"));
    refused
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

#[test]
fn a_greeting_that_never_ends_takes_bounded_memory() {
    for (begin, more) in [("220 ", "x"), ("", "220-welcome\r\n"), ("220 \0", "\0"), ("", "\r\n")] {
        let (port, relay) = relay(move |mut client| {
            let chunk = more.repeat(64 * 1024 / more.len());
            let mut written = 0;
            client.write_all(begin.as_bytes()).unwrap();
            while written < 64 << 20 && client.write_all(chunk.as_bytes()).is_ok() {
                written += chunk.len();
            }
            written
        });
        let refused = refuse_connection(port, Security::Plain, LONG);
        let written = relay.join().unwrap();
        assert!(written < 16 << 20, "{more:?}: {written} bytes were taken: {refused}");
        assert!(refused.detail.len() < 1000, "{} bytes of detail", refused.detail.len());
    }
}

#[test]
fn a_reply_of_single_slow_bytes_times_out() {
    // Each byte arrives in time, the whole reply never: only a limit for all of it ends this.
    for (security, begin, more) in
        // The header of a TLS record of 16 KiB.
        [
            (Security::Plain, &b"220 welcome"[..], b'.'),
            (Security::ImplicitTls, b"\x16\x03\x03\x40\x00\x02", 0),
        ]
    {
        let (port, relay) = relay(move |mut client| {
            let bytes = begin.iter().copied().chain(iter::repeat(more));
            for byte in bytes {
                if client.write_all(&[byte]).is_err() {
                    return;
                }
                thread::sleep(SHORT / 2);
            }
        });
        let refused = refuse_connection(port, security, SHORT);
        assert!(refused.detail.contains("within SMTP_TIMEOUT"), "{security:?}: {refused}");
        relay.join().unwrap();
    }
}

#[test]
fn a_handshake_with_a_silent_relay_ends_and_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let refused = refuse_connection(port, Security::ImplicitTls, SHORT);
    assert!(refused.detail.contains("within SMTP_TIMEOUT"), "{refused}");
    // The connection is closed, so no thread holds it.
    let (mut connection, _) = listener.accept().unwrap();
    connection.set_read_timeout(Some(LONG)).unwrap();
    let mut hello = Vec::new();
    assert!(connection.read_to_end(&mut hello).is_ok_and(|length| length > 0));
}

#[test]
fn a_relay_that_repeats_the_credentials_does_not_get_them_into_the_log() {
    for (way, secret) in [("PLAIN", "AG1lAE1BUktFUg=="), ("LOGIN", "TUFSS0VS")] {
        let (port, relay) = relay(move |client| {
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
            let mut send_line = |text: &str| {
                (&client).write_all(format!("{text}\r\n").as_bytes()).unwrap();
                lines.next().map(Result::unwrap)
            };
            send_line("220 relay").unwrap();
            let mut received = send_line(&format!("250-relay\r\n250 AUTH {way}")).unwrap();
            if way == "LOGIN" {
                send_line("334 VXNlcm5hbWU6").unwrap();
                received = send_line("334 UGFzc3dvcmQ6").unwrap();
            }
            assert!(received.ends_with(secret), "the password was not sent: {received}");
            send_line(&format!("500 5.5.1 Command unrecognized: \"{received}\" (MARKER)"));
        });
        let refused = refuse_connection(port, Security::Plain, LONG);
        assert!(refused.detail.contains("500 5.5.1 Command unrecognized"), "{refused}");
        assert!(!refused.detail.contains(secret), "{refused}");
        relay.join().unwrap();
    }
}

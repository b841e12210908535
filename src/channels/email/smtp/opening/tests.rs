//! Ports that want another kind of TLS than the configuration says, or than its default.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use testkit::certificates::Authority;
use testkit::smtp::stream::Tls;
use testkit::smtp::{Capabilities, SmtpServer};

use super::*;

const SHORT: Duration = Duration::from_millis(900);

fn opening(port: u16, security: Security, timeout: Duration) -> Opening {
    Opening::new(Arc::new(Relay { security, timeout, ..Relay::on_loopback(port) })).unwrap()
}

/// A relay that runs `act` with each client, on a thread of its own.
fn relay(act: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let act = act.clone();
            thread::spawn(move || act(client.unwrap()));
        }
    });
    port
}

fn refusal(port: u16, security: Security) -> String {
    opening(port, security, SHORT).open().err().expect("it opened").detail
}

/// Reads until the client closes.
fn read_all(mut client: TcpStream) {
    client.read_to_end(&mut Vec::new()).ok();
}

#[test]
fn a_silent_port_may_want_tls() {
    let port = relay(read_all);
    for security in [Security::Plain, Security::StartTls] {
        let detail = refusal(port, security);
        assert!(detail.contains("cannot connect: no answer within SMTP_TIMEOUT"), "{detail}");
        assert!(
            detail.contains("set SMTP_SECURITY=tls; otherwise check SMTP_HOST and SMTP_PORT"),
            "{detail}"
        );
    }
    let begun = Instant::now();
    let detail = refusal(port, Security::AnyTls);
    assert!(detail.contains("a TLS handshake was tried as well"), "{detail}");
    assert!(begun.elapsed() < 3 * SHORT, "{:?}", begun.elapsed());
}

#[test]
fn a_port_that_sends_tls_is_recognised() {
    // The alert of a server that waited in vain for a handshake.
    for alert in [&b"\x15\x03\x01\x00\x02\x02\x28"[..], b"\x15\x03\x01\x00\x02\x02\x28\n"] {
        let port = relay(move |mut client| client.write_all(alert).unwrap());
        for security in [Security::Plain, Security::StartTls] {
            let detail = refusal(port, security);
            assert!(detail.contains("this port speaks TLS: set SMTP_SECURITY=tls"), "{detail}");
        }
    }
}

#[test]
fn a_greeting_in_plain_text_where_tls_should_begin() {
    let port = relay(|mut client| {
        client.write_all(b"220 relay.example.org ESMTP\r\n").unwrap();
        read_all(client);
    });
    let detail = refusal(port, Security::ImplicitTls);
    assert!(detail.contains("set SMTP_SECURITY=starttls"), "{detail}");
}

fn implicit_tls(authority: &Authority) -> SmtpServer {
    let tls = Some((Tls::Implicit, authority.issue()));
    SmtpServer::with_capabilities(Capabilities { tls, ..Capabilities::default() })
}

fn trusting(authority: &Authority, port: u16) -> Opening {
    let mut opening = opening(port, Security::AnyTls, Duration::from_secs(3));
    let certificate = native_tls::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    opening.tls = Some(tls::connector(&[certificate]).unwrap());
    opening
}

#[test]
fn tls_from_the_first_byte_is_found_once_for_all_lanes() {
    let authority = Authority::new();
    let server = implicit_tls(&authority);
    let opening = trusting(&authority, server.port);
    assert!(opening.open().unwrap().is_encrypted());
    for lane in [opening.clone(), opening.clone()] {
        let begun = Instant::now();
        assert!(lane.open().unwrap().is_encrypted());
        assert!(begun.elapsed() < GREETING_PATIENCE / 3, "found out again: {:?}", begun.elapsed());
    }
    assert_eq!(server.log().plain_text, Vec::<String>::new());
}

#[test]
fn a_port_that_has_changed_its_kind_is_found_out_anew() {
    let authority = Authority::new();
    let server = implicit_tls(&authority);
    let opening = trusting(&authority, server.port);
    *lock(&opening.found) = Some(Security::StartTls);
    assert!(opening.open().is_err());
    assert!(opening.open().unwrap().is_encrypted());
}

#[test]
fn a_certificate_that_is_refused_is_told_although_a_greeting_was_awaited() {
    let server = implicit_tls(&Authority::new());
    let opening = opening(server.port, Security::AnyTls, Duration::from_secs(3));
    let detail = opening.open().err().expect("it opened").detail;
    assert!(detail.contains("certificate is refused"), "{detail}");
}

#[test]
fn a_relay_that_greets_late_is_not_taken_for_one_that_wants_tls() {
    let port = relay(|mut client| {
        thread::sleep(SHORT);
        client.write_all(b"220 relay\r\n").ok();
        if client.read(&mut [0; 64]).is_ok_and(|count| count > 0) {
            thread::sleep(SHORT);
            client.write_all(b"250 relay\r\n").ok();
        }
        read_all(client);
    });
    let opening = opening(port, Security::AnyTls, 2 * SHORT);
    let mut stream = opening.open().unwrap();
    assert!(!stream.is_encrypted());
    // Finding out has left little of the time for the greeting; each further reply has its own.
    assert!(stream.command("EHLO x\r\n").is_positive());
    assert_eq!(*lock(&opening.found), Some(Security::StartTls));
}

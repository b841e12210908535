//! The delayed relay: how late, in which order, and with TLS.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use native_tls::{Certificate, TlsConnector};

use testkit::certificates::Authority;
use testkit::slow_relay::SlowRelay;
use testkit::smtp::SmtpServer;

const DELAY: Duration = Duration::from_millis(50);

/// Sends back what it receives, on one connection.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        std::io::copy(&mut &stream, &mut &stream).unwrap();
    });
    port
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[test]
fn a_reply_arrives_after_the_delay_and_hardly_later() {
    let relay = SlowRelay::plain(echo(), DELAY);
    let mut stream = connect(relay.port);
    let times: Vec<Duration> = (0..10)
        .map(|_| {
            let start = Instant::now();
            stream.write_all(b"x").unwrap();
            stream.read_exact(&mut [0]).unwrap();
            start.elapsed()
        })
        .collect();
    assert!(times.iter().all(|time| *time >= DELAY), "too early: {times:?}");
    // On a busy machine most may be later, but not all of them.
    assert!(times.iter().any(|time| *time < DELAY + DELAY / 2), "too late: {times:?}");
}

#[test]
fn many_replies_are_on_their_way_at_once_and_stay_in_order() {
    let relay = SlowRelay::plain(echo(), Duration::from_millis(500));
    let stream = connect(relay.port);
    let start = Instant::now();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for number in 0..50 {
        writeln!(&stream, "{number}").unwrap();
        thread::sleep(Duration::from_millis(2));
    }
    for number in 0..50 {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), number.to_string());
    }
    // One after another they would take 25 s.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn with_tls_each_step_is_delayed() {
    let (server, authority) = (SmtpServer::start(), Authority::new());
    let relay = SlowRelay::encrypted(server.port, DELAY, &authority.issue());
    let start = Instant::now();
    let mut plain = connect(relay.port);
    let expect = |stream: &mut dyn Read, starts: &str| {
        let mut reply = [0; 512];
        let length = stream.read(&mut reply).unwrap();
        let reply = String::from_utf8_lossy(&reply[..length]).into_owned();
        assert!(reply.starts_with(starts), "{reply:?}");
    };
    expect(&mut plain, "220 ");
    for (command, reply) in [("EHLO me.example.org\r\n", "250-"), ("STARTTLS\r\n", "220 ")] {
        plain.write_all(command.as_bytes()).unwrap();
        expect(&mut plain, reply);
    }
    let certificate = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let connector = TlsConnector::builder().add_root_certificate(certificate).build().unwrap();
    let mut secret = connector.connect("localhost", plain).unwrap();
    let mail = format!("Message-ID: <1@example.org>\r\n\r\n{}.\r\n", "far away\r\n".repeat(20_000));
    for (command, reply) in [
        ("EHLO me.example.org\r\n", "250-"),
        ("MAIL FROM:<a@example.org>\r\n", "250 "),
        ("RCPT TO:<b@example.org>\r\n", "250 "),
        ("DATA\r\n", "354 "),
        (&mail, "250 "),
        ("QUIT\r\n", "221 "),
    ] {
        secret.write_all(command.as_bytes()).unwrap();
        expect(&mut secret, reply);
    }
    assert_eq!(secret.read(&mut [0]).unwrap_or(0), 0, "the relay hangs up, and so does the way to it");
    // The greeting, two replies, the handshake, and six more.
    assert!(start.elapsed() >= DELAY * 10, "{:?}", start.elapsed());
    assert_eq!(server.log().received[0].raw.len(), mail.len() - 3);
    assert_eq!(server.log().violations, Vec::<String>::new());
}

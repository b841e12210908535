//! Clients of the HTTP server that behave badly, beside a fan-out of a worker that may have few files open: all mails are sent, and probes,
//! links and webhooks answer meanwhile.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use testkit::http::{address_of, post_form, send, status};
use testkit::process::{Process, peak_memory};
use testkit::scenario::Scenario;
use testkit::smtp::log::ReceivedMail;

/// What the worker may have open at a time.
const FILES: usize = 256;
/// More than that.
const IDLE: usize = 400;
const POSTMARK: &str = "a-password-of-a-test-for-postmark";

fn start(scenario: &Scenario) -> Process {
    let limited = ["sh", "-c", &format!("ulimit -n {FILES} && exec \"$0\" \"$@\"")].map(str::to_owned);
    Process::start_under(&limited, scenario.dir.path(), &scenario.environment, &["worker"])
}

/// A connection that has sent this. Whatever becomes of it: a hostile client expects nothing.
fn hold(address: SocketAddr, sent: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    drop(stream.write_all(sent));
    stream
}

/// Clients of all sorts, some of which stay.
fn attack(address: SocketAddr) -> Vec<TcpStream> {
    let post = |path: &str, length: usize| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    };
    let huge = vec![b'x'; 10_000_000];
    for odd in [
        [post("/sign-in", huge.len()), huge.clone()].concat(),
        [post("/webhooks/mailgun", huge.len()), huge.clone()].concat(),
        [b"GET / HTTP/1.1\r\nX: ".to_vec(), huge].concat(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03".to_vec(),
        b"BREW / HTTP/1.1\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(500),
    ] {
        drop(hold(address, &odd));
    }
    // Bodies that never get on: with a place of a long one each, 16 of them would keep out all reports of providers.
    let slow = (0..20).map(|_| hold(address, &post("/webhooks/mailgun", 500_000)));
    let unread = (0..20).map(|_| hold(address, b"GET /metrics HTTP/1.1\r\n\r\n"));
    let unfinished = (0..20).map(|_| hold(address, b"GET / HTTP/1.1\r\nX: "));
    let idle = (0..IDLE).map(|_| hold(address, b""));
    slow.chain(unread).chain(unfinished).chain(idle).collect()
}

#[test]
fn a_fan_out_and_all_that_answers_go_on_beside_hostile_clients() {
    let scenario = Scenario::with_relay("hostile-clients", 300)
        .connections(16)
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("UNSUBSCRIBE_URL", "https://events.example.org/unsubscribe")
        .env("UNSUBSCRIBE_SECRET", "a-secret-of-a-test-that-is-long-enough")
        .env("WEBHOOK_POSTMARK_SECRET", POSTMARK)
        .env("WEBHOOK_MAILGUN_KEY", "a-key-of-a-test-for-mailgun")
        .build();
    let worker = start(&scenario);
    let address = address_of(&worker);
    let memory = peak_memory(worker.id());
    let held = attack(address);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);

    let open = fs::read_dir(format!("/proc/{}/fd", worker.id())).unwrap().count();
    assert!(open < FILES * 3 / 4, "{open} files are open");
    for path in ["/livez", "/readyz", "/metrics", "/", "/api/status"] {
        let response = send(address, &format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
        assert_eq!(status(&response), "200", "{path}: {response}");
    }
    let link = scenario.smtp.log().received.iter().find_map(ReceivedMail::unsubscribe_path).unwrap();
    let response = post_form(address, &link, "List-Unsubscribe=One-Click");
    assert_eq!(status(&response), "200", "{response}");
    let login = openssl::base64::encode_block(format!("postmark:{POSTMARK}").as_bytes());
    let request = format!(
        "POST /webhooks/postmark HTTP/1.1\r\nAuthorization: Basic {login}\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let response = send(address, &request);
    assert_eq!(status(&response), "200", "{response}");

    let grown = peak_memory(worker.id()) - memory;
    assert!(grown < 60.0, "{grown} MiB more than before");
    let is_closed = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        stream.read(&mut [0; 1]).is_ok_and(|length| length == 0)
    };
    let closed = held.iter().filter(|stream| is_closed(stream)).count();
    assert!(closed > IDLE / 2, "only {closed} of the idle ones gave way");
    assert!(!worker.log().contains("Too many open files"), "{}", worker.log());
    scenario.stop_and_check(worker);
}

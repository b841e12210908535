//! The server with its routes, and clients that behave badly.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use axum::routing::{get, post};
use rustix::process::getpriority_process;

use super::connections::MAX_CONNECTIONS;
use super::*;
use crate::config::http::HttpConfig;
use crate::config::secret::Secret;
use crate::http::access::Access;
use crate::http::database::RequestDatabase;
use crate::http::probes::{Liveness, Probes};
use crate::http::readiness::Readiness;
use crate::http::status_page::tests::page_of;
use crate::http::{self, Routes};
use crate::observe::health::{Monitor, Part};
use crate::shutdown::shutdown_pair;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Longest wait of a test.
const PATIENCE: Duration = Duration::from_secs(60);

fn start_server() -> (HttpServer, Monitor) {
    start_at("127.0.0.1:9090", None)
}

/// A server that takes itself for one at this address.
fn start_at(addr: &str, token: Option<&str>) -> (HttpServer, Monitor) {
    let (monitor, database) = (Monitor::default(), RequestDatabase::default());
    let tokens = token.map(|token| Secret::new(token.to_owned())).into_iter().collect();
    let access = Access::new(&HttpConfig { addr: Some(addr.parse().unwrap()), tokens });
    let readiness = Readiness::new(monitor.health.clone(), database.clone(), true, true);
    let (_trigger, shutdown) = shutdown_pair();
    let page = page_of(monitor.clone(), access.clone(), database, shutdown);
    let liveness = Liveness::new(|| true);
    let Routes { router, paths } =
        http::routes(Probes { monitor: monitor.clone(), readiness, access, liveness }, page, None, None);
    assert_eq!(paths, "/, /api/, /livez, /readyz, /healthz and /metrics");
    (start_with(router), monitor)
}

fn start_with(routes: Router) -> HttpServer {
    serve(([127, 0, 0, 1], 0).into(), "/", routes).unwrap()
}

fn connect(server: &HttpServer) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The whole response to `request`.
fn send(server: &HttpServer, request: &str) -> String {
    let mut stream = connect(server);
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn healthz_is_200_until_a_part_has_a_problem() {
    let (server, Monitor { health, .. }) = start_server();
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let response = send(&server, request);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("\r\nContent-Length: 3\r\n"), "{response}");
    assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nok\n"), "{response}");
    health.set_problem(Part::Relay, "the breaker\r\nis open: 550 <ann@example.com>".to_owned());
    health.set_problem(Part::Broker, "connection refused".to_owned());
    let response = send(&server, request);
    assert!(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{response}");
    assert!(
        response.ends_with(
            "\r\n\r\nbroker: connection refused\nrelay: the breaker is open: 550 <a***@example.com>\n"
        ),
        "{response}"
    );
    health.clear_problem(Part::Broker);
    health.clear_problem(Part::Relay);
    health.set_note(Part::Relay, "asks for fewer mails".to_owned());
    let response = send(&server, request);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nok\nnote: relay: asks for fewer mails\n"), "{response}");
}

#[test]
fn metrics_are_current_and_anything_else_is_refused() {
    let (server, Monitor { metrics, .. }) = start_server();
    metrics.sent.inc_by(42);
    let response = send(&server, "GET /metrics?x=1 HTTP/1.1\r\n\r\n");
    assert!(response.contains("\nfanmail_sent_total 42\n"), "{response}");
    assert!(
        response.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{response}"
    );
    let response = send(&server, "POST /metrics HTTP/1.1\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{response}");
    assert!(response.contains("\r\nAllow: GET,HEAD\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\nonly GET is allowed\n"), "{response}");
    let response = send(&server, "GET /x HTTP/1.1\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 404 Not Found\r\n"), "{response}");
    assert!(
        response
            .ends_with("\r\n\r\nnot found; available: /, /api/, /livez, /readyz, /healthz and /metrics\n"),
        "{response}"
    );
    for request in ["GET\r\n\r\n", "GET /healthz HTTP/9.9\r\n\r\n", "\u{fffd}\r\n\r\n"] {
        assert!(send(&server, request).starts_with("HTTP/1.1 400 Bad Request\r\n"), "{request}");
    }
}

/// Off this machine, probes get an answer without the token, and neither reasons nor numbers.
#[test]
fn probes_need_no_token_and_what_shows_data_does() {
    for (token, refusal) in [(None, "403 Forbidden"), (Some(TOKEN), "401 Unauthorized")] {
        let (server, Monitor { health, .. }) = start_at("0.0.0.0:9090", token);
        health.set_problem(Part::Relay, "10.0.0.7:25: connection refused".to_owned());
        let ask = |path: &str, head: &str| send(&server, &format!("GET {path} HTTP/1.1\r\n{head}\r\n"));
        assert!(ask("/livez", "").ends_with("\r\n\r\nok\n"));
        for (path, body) in
            [("/healthz", "relay"), ("/readyz", "broker: ready\ndatabase: not ready\nrelay: not ready")]
        {
            let response = ask(path, "");
            assert!(response.starts_with("HTTP/1.1 503"), "{response}");
            assert!(response.ends_with(&format!("\r\n\r\n{body}\n")), "{response}");
        }
        let response = ask("/metrics", "Authorization: Bearer 0123\r\n");
        assert!(response.starts_with(&format!("HTTP/1.1 {refusal}")), "{response}");
        assert!(response.contains("HTTP_TOKEN") && !response.contains("fanmail_sent"), "{response}");
        let Some(token) = token else { continue };
        let shown = format!("Authorization: Bearer {token}\r\n");
        assert!(ask("/metrics", &shown).contains("\nfanmail_sent_total 0\n"));
        assert!(ask("/healthz", &shown).contains("relay: 10.0.0.7:25: connection refused"));
        let response = ask("/readyz", &format!("{shown}Accept: application/json\r\n"));
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        let states: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(states["relay"]["reasons"][0], "10.0.0.7:25: connection refused");
        assert_eq!(states["ready"], false);
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let (server, _) = start_server();
    let [get, head] =
        ["GET", "HEAD"].map(|method| send(&server, &format!("{method} /livez HTTP/1.1\r\n\r\n")));
    let without_date = |head: &str| {
        let lines: Vec<_> =
            head.lines().filter(|line| !line.starts_with("Date:")).map(str::to_owned).collect();
        lines
    };
    let (headers, body) = get.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "ok\n");
    assert_eq!(without_date(&head), without_date(&format!("{headers}\r\n\r\n")));
}

#[test]
fn neither_a_silent_nor_an_endless_client_blocks_the_next() {
    let (server, _) = start_server();
    let silent = connect(&server);
    let mut endless = connect(&server);
    // Whether the server's reset comes before the last byte is up to the kernel.
    let ended = endless.write_all(&vec![b'x'; MAX_HEAD * 512]);
    let response = send(&server, "GET /healthz HTTP/1.1\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response} {ended:?}");
    let long = format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD * 2));
    let mut stream = connect(&server);
    stream.write_all(long.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 431");
    drop(silent);
}

#[test]
fn idle_connections_give_way_to_new_ones() {
    let (server, _) = start_server();
    let idle: Vec<_> = (0..MAX_CONNECTIONS + 50).map(|_| connect(&server)).collect();
    let begun = Instant::now();
    for _ in 0..3 {
        let response = send(&server, "GET /healthz HTTP/1.1\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    }
    // Before any of them has reached a limit of time, which is so on a machine that is not very busy.
    assert!(begun.elapsed() < PATIENCE);
    let ended = idle.iter().filter(|stream| {
        stream.set_nonblocking(true).unwrap();
        let mut stream: &std::net::TcpStream = stream;
        stream.read(&mut [0]).is_ok_and(|count| count == 0)
    });
    assert!(ended.count() >= 50, "the oldest are closed");
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let length = |body: String| async move { body.len().to_string() };
    let server = start_with(Router::new().route("/", post(length)));
    let request = |length: usize| {
        let mut stream = connect(&server);
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // The server may stop reading before the end.
        let written = stream.write_all(&vec![b'x'; length]);
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap_or_else(|error| panic!("{error} {written:?}"));
        String::from_utf8(status.to_vec()).unwrap()
    };
    assert_eq!(request(MAX_BODY), "HTTP/1.1 200");
    assert_eq!(request(MAX_BODY + 1), "HTTP/1.1 413");
}

#[test]
fn a_panic_ends_one_request_only() {
    async fn panics() -> &'static str {
        panic!("a test")
    }
    let server = start_with(Router::new().route("/", get(panics)).route("/ok", get(|| async { "fine" })));
    assert_eq!(send(&server, "GET / HTTP/1.1\r\n\r\n"), "");
    assert!(send(&server, "GET /ok HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nfine"));
}

#[test]
fn its_threads_step_back_behind_a_process_that_has_stepped_back_itself() {
    let of_this_thread = || getpriority_process(None).unwrap();
    let shown = move || async move { of_this_thread().to_string() };
    let nice_process = move || (nice(3).unwrap(), start_with(Router::new().route("/", get(shown))));
    let (of_process, server) = thread::spawn(nice_process).join().unwrap();
    let response = send(&server, "GET / HTTP/1.1\r\n\r\n");
    let expected = (of_process + NICE).min(19);
    assert!(response.ends_with(&format!("\r\n\r\n{expected}")), "{expected} {response}");
}

#[test]
fn a_stop_ends_what_is_idle_and_waits_for_what_is_not() {
    let (entered, has_entered) = std::sync::mpsc::channel();
    let slow = move || {
        entered.send(()).unwrap();
        async {
            sleep(Duration::from_millis(50)).await;
            "done"
        }
    };
    let server = start_with(Router::new().route("/", get(slow)));
    let mut idle = connect(&server);
    let mut busy = connect(&server);
    busy.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    has_entered.recv_timeout(PATIENCE).unwrap();
    let addr = server.addr;
    server.finish();
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
    let mut response = String::new();
    busy.read_to_string(&mut response).unwrap();
    assert!(response.ends_with("\r\n\r\ndone"), "{response}");
    assert!(std::net::TcpStream::connect(addr).is_err());
}

#[test]
fn an_address_in_use_is_reported_with_what_to_do() {
    let (server, _) = start_server();
    let error = serve(server.addr, "/", Router::new()).unwrap_err();
    assert!(error.to_string().contains("choose a free port"), "{error}");
}

//! A small HTTP server for `/healthz` and `/metrics`: one thread, one request a connection, no body, no TLS. A few fixed
//! responses on a trusted port need no more. `probes` decides what a response says.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::exit_code::{HasExitCode, MISCONFIGURED};
use crate::http::probes::{self, Response};
use crate::observe::health::Monitor;

/// Longest request head that is read, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// Longest time for one request, from accept to response: a slow client must not keep out the others.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// `HTTP_ADDR` cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("HTTP_ADDR {addr} cannot be served; choose a free port and an address of this machine")]
pub struct HttpError {
    addr: SocketAddr,
    source: io::Error,
}

impl HasExitCode for HttpError {
    fn exit_code(&self) -> u8 {
        MISCONFIGURED
    }
}

/// Serves at `addr` in a thread that ends with the process. Returns the address with the port that the system chose
/// if it was 0.
///
/// # Errors
/// When the address is taken or is not this machine's.
pub fn serve(addr: SocketAddr, monitor: Monitor) -> Result<SocketAddr, HttpError> {
    let fail = |source| HttpError { addr, source };
    let listener = TcpListener::bind(addr).map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            for stream in listener.incoming() {
                if let Err(error) = stream.and_then(|stream| serve_one(stream, &monitor)) {
                    log::debug!("http: {error}");
                    // Out of file descriptors, accepting fails at once and for as long: do not spin.
                    thread::sleep(Duration::from_millis(10));
                }
            }
        })
        .map_err(fail)?;
    log::info!("serving /healthz and /metrics on http://{bound}");
    Ok(bound)
}

/// Reads one request and writes the response.
fn serve_one(mut stream: TcpStream, monitor: &Monitor) -> io::Result<()> {
    stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
    let head = read_head(&mut stream)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let Response { status, body } = probes::respond(method, target, monitor);
    // One write: the response leaves in one packet, and nothing waits for a delayed ACK.
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(response.as_bytes())
}

/// Reads up to the empty line that ends the request head.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&buffer[..count]);
        if head.len() > MAX_HEAD {
            return Err(io::Error::other("the request is too long"));
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::health::Part;

    fn start() -> (SocketAddr, Monitor) {
        let monitor = Monitor::default();
        (serve(([127, 0, 0, 1], 0).into(), monitor.clone()).unwrap(), monitor)
    }

    /// The whole response to `request`.
    fn send(addr: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(REQUEST_TIMEOUT * 10)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    #[test]
    fn healthz_is_200_until_a_part_has_a_problem() {
        let (addr, Monitor { health, .. }) = start();
        let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let response = send(addr, request);
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("Content-Length: 3\r\nConnection: close\r\n\r\nok\n"), "{response}");
        health.set_problem(Part::Relay, "the breaker\r\nis open: 550 <ann@example.com>".to_owned());
        health.set_problem(Part::Broker, "connection refused".to_owned());
        let response = send(addr, request);
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
        let response = send(addr, request);
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\nok\nnote: relay: asks for fewer mails\n"), "{response}");
    }

    #[test]
    fn metrics_are_current_and_anything_else_is_refused() {
        let (addr, Monitor { metrics, .. }) = start();
        metrics.sent.add(42);
        let response = send(addr, "GET /metrics?x=1 HTTP/1.1\r\n\r\n");
        assert!(response.contains("\nfanmail_sent_total 42\n"), "{response}");
        let response = send(addr, "POST /metrics HTTP/1.1\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"), "{response}");
        for request in ["GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", "GET\r\n\r\n"] {
            assert!(send(addr, request).starts_with("HTTP/1.1 404 Not Found\r\n"), "{request}");
        }
    }

    #[test]
    fn neither_a_silent_nor_an_endless_client_blocks_the_next() {
        let (addr, _) = start();
        let silent = TcpStream::connect(addr).unwrap();
        let mut endless = TcpStream::connect(addr).unwrap();
        endless.set_write_timeout(Some(REQUEST_TIMEOUT * 10)).unwrap();
        // Whether the server's reset comes before the last byte is up to the kernel.
        let ended = endless.write_all(&vec![b'x'; MAX_HEAD * 1024]);
        let response = send(addr, "GET /healthz HTTP/1.1\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response} {ended:?}");
        drop(silent);
    }

    #[test]
    fn an_address_in_use_is_reported_with_what_to_do() {
        let (addr, _) = start();
        let error = serve(addr, Monitor::default()).unwrap_err();
        assert!(error.to_string().contains("choose a free port"), "{error}");
    }
}

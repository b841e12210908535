//! `GET /healthz` and `GET /metrics`, for probes and scrapers. A small HTTP server of its own, because two fixed
//! answers on a trusted port need no more: one thread, one request a connection, no body, no TLS.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::observe::metrics::Metrics;
use crate::sync::lock;
use crate::text::clean::one_line;
use crate::text::mask::mask;

/// Longest request head that is read, in bytes.
const MAX_HEAD: usize = 8 * 1024;
/// Longest time for one request from accept to answer, so that a slow client does not keep out the others.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is wrong at the moment, part by part. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Health {
    problems: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Health {
    /// Says that `part` (`broker`, `database`, `relay`) is in trouble, and why.
    pub fn set_problem(&self, part: &'static str, reason: String) {
        lock(&self.problems).insert(part, reason);
    }

    /// Says that `part` is well, again or still.
    pub fn clear_problem(&self, part: &'static str) {
        lock(&self.problems).remove(part);
    }

    /// All troubles, a line each, addresses masked: for whoever may look. Empty when there is none.
    #[must_use]
    pub fn problems(&self) -> String {
        let line = |(part, reason): (&&str, &String)| format!("{part}: {}\n", mask(&one_line(reason)));
        lock(&self.problems).iter().map(line).collect()
    }
}

/// What the process tells about itself: its health and its counters. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Monitor {
    /// What is wrong at the moment.
    pub health: Health,
    /// What was counted since the start.
    pub metrics: Arc<Metrics>,
}

impl Monitor {
    /// What a worker that leaves before all is done leaves behind, a line each: what is in trouble, and the mails
    /// that nobody will know to be sent.
    #[must_use]
    pub fn exit_summary(&self) -> String {
        let problems = self.health.problems();
        match self.metrics.unrecorded.get() {
            0 => problems,
            unrecorded => format!(
                "{problems}mails that the relay has accepted and the ledger does not know: {unrecorded}; they are sent \
                 again when the message comes again, with the same Message-ID\n"
            ),
        }
    }
}

/// `HTTP_ADDR` cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("HTTP_ADDR {addr} cannot be served; choose a free port and an address of this machine")]
pub struct HttpError {
    addr: SocketAddr,
    source: io::Error,
}

/// Serves at `addr` in a thread that ends with the process. Returns the address, which is of use when the port
/// was 0.
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
                if let Err(error) = stream.and_then(|stream| answer(stream, &monitor)) {
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

/// Reads one request and writes its answer.
fn answer(mut stream: TcpStream, Monitor { health, metrics }: &Monitor) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = read_head(&mut stream)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        ("GET", "/healthz") => match health.problems() {
            none if none.is_empty() => ("200 OK", "ok\n".to_owned()),
            problems => ("503 Service Unavailable", problems),
        },
        ("GET", "/metrics") => ("200 OK", metrics.render()),
        (_, "/healthz" | "/metrics") => ("405 Method Not Allowed\r\nAllow: GET", "only GET\n".to_owned()),
        _ => ("404 Not Found", "there are /healthz and /metrics\n".to_owned()),
    };
    // One write: the answer leaves in one packet, and nothing waits for a delayed ACK.
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes())
}

/// The request up to its empty line.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let deadline = Instant::now() + PATIENCE;
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

    fn start() -> (SocketAddr, Monitor) {
        let monitor = Monitor::default();
        (serve(([127, 0, 0, 1], 0).into(), monitor.clone()).unwrap(), monitor)
    }

    /// What comes back for `request`, until the server closes.
    fn ask(addr: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE * 10)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn healthz_is_200_until_a_part_is_in_trouble() {
        let (addr, Monitor { health, .. }) = start();
        let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        let answer = ask(addr, request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("Content-Length: 3\r\nConnection: close\r\n\r\nok\n"), "{answer}");
        health.set_problem("relay", "the breaker\r\nis open: 550 <ann@example.com>".to_owned());
        health.set_problem("broker", "connection refused".to_owned());
        let answer = ask(addr, request);
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert!(
            answer.ends_with(
                "\r\n\r\nbroker: connection refused\nrelay: the breaker is open: 550 <a***@example.com>\n"
            ),
            "{answer}"
        );
        health.clear_problem("broker");
        health.clear_problem("relay");
        assert!(ask(addr, request).starts_with("HTTP/1.1 200 OK\r\n"));
    }

    #[test]
    fn metrics_are_current_and_anything_else_is_refused() {
        let (addr, Monitor { metrics, .. }) = start();
        metrics.sent.add(42);
        let answer = ask(addr, "GET /metrics?x=1 HTTP/1.1\r\n\r\n");
        assert!(answer.contains("\nfanmail_sent_total 42\n"), "{answer}");
        let answer = ask(addr, "POST /metrics HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"), "{answer}");
        for request in ["GET / HTTP/1.1\r\n\r\n", "\r\n\r\n", "GET\r\n\r\n"] {
            assert!(ask(addr, request).starts_with("HTTP/1.1 404 Not Found\r\n"), "{request}");
        }
    }

    #[test]
    fn neither_a_silent_nor_an_endless_client_keeps_out_the_next() {
        let (addr, _) = start();
        let silent = TcpStream::connect(addr).unwrap();
        let mut endless = TcpStream::connect(addr).unwrap();
        endless.set_write_timeout(Some(PATIENCE * 10)).unwrap();
        // Whether the server's reset comes before the last byte is up to the kernel.
        let ended = endless.write_all(&vec![b'x'; MAX_HEAD * 1024]);
        let answer = ask(addr, "GET /healthz HTTP/1.1\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer} {ended:?}");
        drop(silent);
    }

    #[test]
    fn a_taken_port_is_told_with_its_cure() {
        let (addr, _) = start();
        let error = serve(addr, Monitor::default()).unwrap_err();
        assert!(error.to_string().contains("choose a free port"), "{error}");
    }
}

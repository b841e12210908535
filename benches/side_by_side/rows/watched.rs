//! Sending while people, Prometheus and bad clients look.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::rounds::{Run, Sender, faults, take_turns};
use crate::rows::flood::serve_elsewhere;
use crate::stage::{Section, Stage};
use crate::worker::{FanOut, Fanmail};
use testkit::bench::row::{Goal, Row};
use testkit::ports::free_port;
use testkit::system::System;

/// The section.
pub const SECTION: Section = Section {
    name: "watched",
    what: "A fan-out that is watched, and one beside hostile clients",
    how: "Watched: `HTTP_ADDR`, `LOG_FORMAT=json`, Prometheus once a second, and ten people who have the status page open. Hostile: 1,000 \
          connections that ask nothing and are opened anew when they are closed, and four clients that send what is too long, unfinished \
          or no HTTP, ask for the page and the metrics, and post forms to sign in, at most 500 times a second. As these clients take a processor, too, each \
          round also runs them against a server of the bench that answers at once. SQLite, `SMTP_CONNECTIONS=16`.",
    run,
};

const CONNECTIONS: usize = 16;
/// People with an open page, and how often it is read again.
const VIEWERS: u32 = 10;
const REFRESH: Duration = Duration::from_secs(5);
const SCRAPE: Duration = Duration::from_secs(1);
const IDLE: usize = 1_000;
/// Clients, each of which pauses for so long between two requests.
const CLIENTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(8);
/// Longest wait for a connection, and for each part of an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// CPU of the worker, beside that of one whose server gets no requests.
const WATCHED: Goal = Goal::AtMost(1.02);
/// Rate beside the same clients of another server.
const HOSTILE: Goal = Goal::AtLeast(0.95);

/// What goes on beside a fan-out.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    Watching(SocketAddr),
    Hostile(SocketAddr),
}

struct Watched<'a> {
    fan_out: FanOut<'a>,
    what: &'static str,
    beside: Beside,
}

fn run(stage: &Stage) -> Vec<Row> {
    let participants = stage.options.size(50_000, 2_000);
    let (quiet, mut watched) =
        (Fanmail::new(System::Sqlite, participants), Fanmail::new(System::Sqlite, participants));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    for (name, value) in [("HTTP_ADDR", address.to_string().as_str()), ("LOG_FORMAT", "json")] {
        watched.scenario.environment.insert(name.to_owned(), value.to_owned());
    }
    let sender = |fanmail, what, beside| Watched {
        fan_out: FanOut { fanmail, connections: CONNECTIONS },
        what,
        beside,
    };
    let senders = [
        sender(&quiet, "nobody looks", Beside::Nothing),
        sender(&watched, "watched", Beside::Watching(address)),
        sender(&watched, "hostile clients of another server", Beside::Hostile(serve_elsewhere())),
        sender(&watched, "hostile clients", Beside::Hostile(address)),
    ];
    let [alone, seen, other, hostile] = &senders;
    let runs = take_turns(stage, stage.options.rounds(), &[alone, seen, other, hostile]);
    let mut rows = Vec::new();
    for (sender, runs) in senders.iter().zip(&runs) {
        for (what, unit, of) in [
            ("", "mails/s", (|run: &Run| Some(run.rate())) as fn(&Run) -> Option<f64>),
            (", CPU of the worker", "µs/mail", Run::cpu_per_mail),
            (", memory", "MiB", |run| run.peak_memory),
        ] {
            let values = runs.iter().filter_map(of).collect();
            rows.push(Row::new(format!("{}{what}", sender.name()), unit, values).faults(faults(runs)));
        }
    }
    let ratio = |of: usize, than: usize, value: fn(&Run) -> Option<f64>, what: &str, goal| {
        let ratios =
            runs[of].iter().zip(&runs[than]).filter_map(|(run, than)| Some(value(run)? / value(than)?));
        let row =
            Row::new(format!("{what}{} ÷ {}", senders[of].what, senders[than].what), "×", ratios.collect());
        row.faults(faults(runs[of].iter().chain(&runs[than]))).goal(goal)
    };
    rows.push(ratio(1, 0, Run::cpu_per_mail, "CPU, ", WATCHED));
    rows.push(ratio(1, 0, |run| Some(run.rate()), "", Goal::AtLeast(0.98)));
    rows.push(ratio(3, 2, |run| Some(run.rate()), "", HOSTILE));
    rows
}

impl Sender for Watched<'_> {
    fn name(&self) -> String {
        format!("{}, {}", self.fan_out.name(), self.what)
    }

    fn run(&self) -> Run {
        let is_over = AtomicBool::new(false);
        let is_over = &is_over;
        thread::scope(|scope| {
            match self.beside {
                Beside::Nothing => {}
                Beside::Watching(address) => {
                    scope.spawn(move || ask(address, &[get("/metrics")], SCRAPE, is_over));
                    // Each of them began at another time.
                    scope.spawn(move || ask(address, &[get("/")], REFRESH / VIEWERS, is_over));
                }
                Beside::Hostile(address) => {
                    scope.spawn(move || hold(address, is_over));
                    for client in 0..CLIENTS {
                        let mut requests = hostile_requests();
                        let first = client * requests.len() / CLIENTS;
                        requests.rotate_left(first);
                        scope.spawn(move || ask(address, &requests, PAUSE, is_over));
                    }
                }
            }
            let run = self.fan_out.run();
            is_over.store(true, Ordering::Relaxed);
            run
        })
    }
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

fn hostile_requests() -> Vec<Vec<u8>> {
    let long = |head: &str, length| {
        [head.as_bytes(), format!("Content-Length: {length}\r\n\r\n").as_bytes(), &vec![b'x'; length]]
            .concat()
    };
    vec![
        get("/metrics"),
        long("POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n", 10_000_000),
        get("/"),
        long(
            "POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            90,
        ),
        get("/api/status"),
        get(&format!("/{}", "x".repeat(1_000_000))),
        get("/notifications/1"),
        get("/").repeat(100),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03".repeat(20),
    ]
}

/// Sends these requests in turn, and reads the answers.
fn ask(address: SocketAddr, requests: &[Vec<u8>], pause: Duration, is_over: &AtomicBool) {
    let mut answer = Vec::new();
    for request in requests.iter().cycle() {
        // Short pauses: a run ends when its mails are sent.
        let mut left = pause;
        while !left.is_zero() && !is_over.load(Ordering::Relaxed) {
            let step = left.min(Duration::from_millis(50));
            thread::sleep(step);
            left -= step;
        }
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        answer.clear();
        let mut send = || {
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            // What is not read to its end is answered, too.
            drop(stream.write_all(request));
            stream.read_to_end(&mut answer)
        };
        // The worker does not listen yet or any more, or has refused it.
        drop(send());
    }
}

/// Holds connections that ask nothing.
fn hold(address: SocketAddr, is_over: &AtomicBool) {
    let mut held: Vec<TcpStream> = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let is_closed = |mut stream: &TcpStream| !matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        held.retain(|stream| !is_closed(stream));
        while held.len() < IDLE && !is_over.load(Ordering::Relaxed) {
            let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else { break };
            if stream.set_nonblocking(true).is_ok() {
                held.push(stream);
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
}

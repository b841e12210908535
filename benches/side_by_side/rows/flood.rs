//! Sending beside requests for the page that unsubscribes.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fanmail::domain::address_hash::AddressHash;
use fanmail::domain::ids::EventId;
use fanmail::domain::kind::Kind;
use fanmail::domain::unsubscribe_token::{TokenKeys, UnsubscribeToken};

use crate::rounds::{Run, Sender, faults, take_turns};
use crate::stage::{Section, Stage};
use crate::worker::{FanOut, Fanmail};
use testkit::bench::row::{Goal, Row};
use testkit::http::form_request;
use testkit::ports::free_port;
use testkit::scenario::EVENT;
use testkit::system::System;

/// The section.
pub const SECTION: Section = Section {
    name: "flood",
    what: "A fan-out beside 500 requests a second",
    how: "A client of the bench asks the worker for pages by links that are right, each time from another address, and posts as many \
          forms with forged ones; `SMTP_CONNECTIONS=16`. As the client takes a processor, too, each round also runs it against a \
          server of the bench that answers at once: the ratio to that is what the requests cost the worker.",
    run,
};

const CONNECTIONS: usize = 16;
const SECRET: &str = "a-secret-of-a-bench-that-is-long-enough";
/// Clients, each of which sends a request after this pause, or when the one before is answered.
const CLIENTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(8);
/// Beside the same requests to another server.
const GOAL: Goal = Goal::AtLeast(0.95);

fn run(stage: &Stage) -> Vec<Row> {
    let participants = stage.options.size(30_000, 2_000);
    let elsewhere = serve_elsewhere();
    [System::Sqlite, System::Postgresql]
        .into_iter()
        .flat_map(|system| rows_of(stage, system, participants, elsewhere))
        .collect()
}

fn rows_of(stage: &Stage, system: System, participants: usize, elsewhere: SocketAddr) -> Vec<Row> {
    let mut fanmail = Fanmail::new(system, participants);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    for (name, value) in [
        ("HTTP_ADDR", address.to_string().as_str()),
        ("UNSUBSCRIBE_URL", "https://events.example.org/unsubscribe"),
        ("UNSUBSCRIBE_SECRET", SECRET),
    ] {
        fanmail.scenario.environment.insert(name.to_owned(), value.to_owned());
    }
    let path = path();
    let beside = |what, address| Beside {
        fan_out: FanOut { fanmail: &fanmail, connections: CONNECTIONS },
        what,
        address,
        path: &path,
        answered: AtomicUsize::new(0),
    };
    let senders = [
        beside("no requests", None),
        beside("requests to another server", Some(elsewhere)),
        beside("requests to the worker", Some(address)),
    ];
    let [alone, other, worker] = &senders;
    let runs = take_turns(stage, stage.options.rounds(), &[alone, other, worker]);
    let mut rows = Vec::new();
    for (sender, runs) in senders.iter().zip(&runs) {
        let name = sender.name();
        rows.push(
            Row::new(name.clone(), "mails/s", runs.iter().map(Run::rate).collect()).faults(faults(runs)),
        );
        let cpu = runs.iter().filter_map(Run::cpu_per_mail).collect();
        rows.push(Row::new(format!("{name}, CPU of the worker"), "µs/mail", cpu).faults(faults(runs)));
        stage.say(&format!(
            "  {name}: {} answers in {:.1} s",
            sender.answered.load(Ordering::Relaxed),
            runs.iter().map(|run| run.seconds).sum::<f64>()
        ));
    }
    for (than, goal) in [(0, None), (1, Some(GOAL))] {
        let ratios = runs[2].iter().zip(&runs[than]).map(|(run, than)| run.rate() / than.rate()).collect();
        let row = Row::new(format!("{} ÷ {}", worker.name(), senders[than].what), "×", ratios);
        let row = row.faults(faults(runs[2].iter().chain(&runs[than])));
        rows.push(if let Some(goal) = goal { row.goal(goal) } else { row });
    }
    let memory = runs[2].iter().filter_map(|run| run.peak_memory).collect();
    rows.push(Row::new(format!("{}, memory", worker.name()), "MiB", memory).faults(faults(&runs[2])));
    rows
}

/// A link of a mail that no person has got.
fn path() -> String {
    let token = UnsubscribeToken {
        address: AddressHash::from_bytes(&[7; 16]).unwrap(),
        kind: Kind::Updated,
        event_id: Some(EventId::Number(EVENT)),
        locale: None,
    };
    format!("/unsubscribe/{}", TokenKeys::new([SECRET]).write(&token).unwrap())
}

/// Answers each request with a few bytes, until the process ends.
pub fn serve_elsewhere() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // A client that asks nothing holds up no other, and is let go after a while, as the worker does.
            thread::spawn(move || {
                let is_set = stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok();
                if is_set && stream.read(&mut [0; 4096]).is_ok() {
                    // A client that has gone needs no answer.
                    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"));
                }
            });
        }
    });
    address
}

/// A fan-out beside requests.
struct Beside<'a> {
    fan_out: FanOut<'a>,
    what: &'static str,
    /// Who is asked.
    address: Option<SocketAddr>,
    path: &'a str,
    answered: AtomicUsize,
}

impl Sender for Beside<'_> {
    fn name(&self) -> String {
        format!("{}, {}", self.fan_out.name(), self.what)
    }

    fn run(&self) -> Run {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            if let Some(address) = self.address {
                for client in 0..CLIENTS {
                    let is_over = &is_over;
                    scope.spawn(move || self.ask(address, client, is_over));
                }
            }
            let run = self.fan_out.run();
            is_over.store(true, Ordering::Relaxed);
            run
        })
    }
}

impl Beside<'_> {
    fn ask(&self, address: SocketAddr, client: usize, is_over: &AtomicBool) {
        let mut next = Instant::now();
        for number in 0_u32.. {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            let [_, a, b, c] = number.to_be_bytes();
            let from = format!("X-Forwarded-For: 10.{}.{b}.{c}", usize::from(a) * CLIENTS + client);
            let request = if number % 2 == 0 {
                format!("GET {} HTTP/1.1\r\n{from}\r\n\r\n", self.path)
            } else {
                form_request(&format!("{}A", self.path), &from, "List-Unsubscribe=One-Click")
            };
            let mut response = Vec::new();
            let mut send = || {
                let mut stream = TcpStream::connect(address)?;
                stream.write_all(request.as_bytes())?;
                stream.read_to_end(&mut response)
            };
            // The worker does not listen yet, or not any more.
            if send().is_ok() && response.starts_with(b"HTTP/1.1 ") {
                self.answered.fetch_add(1, Ordering::Relaxed);
            }
            next = Instant::now().max(next + PAUSE);
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}

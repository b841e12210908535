//! A flood of requests beside a fan-out: all mails arrive, each once, the server goes on answering, and the memory of the worker is bounded.

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;

use fastrand::Rng;

use crate::messages::{Ids, Way, of_event};
use crate::run::Run;
use crate::unsubscribing::{press, send_links, with_links};
use crate::wanted::Wanted;
use crate::workers::Workers;
use testkit::clients::beside;
use testkit::http::{form_request, get, status, try_send};
use testkit::process::peak_memory;
use testkit::scenario::EVENT;
use testkit::system::System;

/// Clients that ask as often as they can.
const CLIENTS: usize = 4;
/// Requests before the fan-out begins.
const BEFORE: usize = 100;
/// How much memory requests may take, in MiB: 256 connections with heads and bodies, and the pages.
const MEMORY_MAX: f64 = 64.0;
/// Connections that each client holds open without a whole request.
const HELD: usize = 80;

/// What one client sends: links that are right, forged ones, and what is no request at all.
struct Client<'a> {
    random: Rng,
    address: SocketAddr,
    paths: &'a [String],
    held: VecDeque<TcpStream>,
}

impl Client<'_> {
    fn send(&mut self) {
        let random = &mut self.random;
        let path = random.choice(self.paths).unwrap().clone();
        let from = format!("X-Forwarded-For: 192.0.2.{}", random.u8(..));
        let body = "x".repeat(random.usize(..100_000));
        let forged = format!("{}{}", &path[..path.len() - 4], random.u16(1_000..10_000));
        let request = match random.u8(..6) {
            0 | 1 => format!("GET {path} HTTP/1.1\r\n{from}\r\n\r\n"),
            2 | 3 => form_request(&forged, &from, "List-Unsubscribe=One-Click"),
            4 => form_request(&path, &from, &body),
            _ => return self.hold(&path),
        };
        // The server closes connections in the middle: those that it has too many of, and those with too long a body.
        let Ok(response) = try_send(self.address, &request) else { return };
        let code = status(&response);
        assert!(["", "200", "400", "404", "413", "429", "503"].contains(&code), "{response}");
    }

    /// Half of a request.
    fn hold(&mut self, path: &str) {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return };
        if stream.write_all(format!("GET {path} HT").as_bytes()).is_ok() {
            self.held.push_back(stream);
        }
        if self.held.len() > HELD {
            self.held.pop_front();
        }
    }
}

/// Sends a notification in the flood. No person unsubscribes before its end: each has to get it once.
pub fn beside_sending(run: &mut Run, system: System) {
    let people = run.size(1_000, 20_000);
    let scenario = with_links(run.setup(system, people)).build();
    let mut workers = Workers::start(&scenario, 1);
    let paths = send_links(&scenario, &mut workers, &Wanted::new(&scenario, 2));
    let address = workers.address(0);
    let memory = peak_memory(workers.process(0));
    let clients: Vec<Client<'_>> = (0..CLIENTS)
        .map(|_| Client {
            random: Rng::with_seed(run.random.u64(..)),
            address,
            paths: &paths,
            held: VecDeque::new(),
        })
        .collect();
    beside(clients.into_iter().map(|mut client| move || client.send()), |requests| {
        workers.wait_until("requests", |_| requests.load(Ordering::Relaxed) >= BEFORE);
        Way::Queue.send(&scenario, &[of_event("UPDATED", EVENT, Ids::With)]);
        workers.wait_until("the mails, and answers of the server", |workers| {
            workers.wait_for_health(0);
            workers.newest_is_acked(2)
        });
        press(&mut workers, &paths[0], 0, "List-Unsubscribe=One-Click");
    });
    assert_eq!(scenario.ledger.count("suppressions"), 1, "no forged link has changed anything");
    let more = peak_memory(workers.process(0)) - memory;
    assert!(more < MEMORY_MAX, "{more:.0} MiB more than before");
    assert_eq!(status(&get(address.port(), "/healthz")), "200");
    let crashes = workers.finish(2);
    assert_eq!(crashes, 0);
    run.check(&scenario, 2, crashes);
}

//! What it costs to page participants on `PostgreSQL`: keys that are whole numbers, and keys that are UUIDs, which are listed in
//! the ledger as well. `cargo bench --all-features --bench paging`
//!
//! All cases run in turn in each round. The last one is the least that a list of people can cost: the server writes one
//! of the same length by itself, in one statement.

#![expect(clippy::unwrap_used, reason = "a bench fails like a test")]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use fanmail::config::database::{Backend, DatabaseConfig};
use fanmail::domain::ids::{Epoch, EventId, NotificationId, ParticipantId};
use fanmail::domain::lease::Lease;
use fanmail::store::Store;
use fanmail::store::ledger::recipients::row::{Appended, NewRecipients};
use fanmail::store::source::keyed_pages::KeyPosition;
use testkit::database::{Database, Server};

const PEOPLE: i64 = 100_000;

/// Participants with whole numbers that the worker reads at once (`BATCH_SIZE`).
const PAGE: u32 = 100;

/// Participants with other keys that it reads and lists at once.
const LISTED_PAGE: u32 = 1000;

const ROUNDS: usize = 15;

const EVENT: EventId = EventId::Number(7);

/// The notification that is opened in each database.
const LEASE: Lease = Lease { notification_id: NotificationId(1), epoch: Epoch(1) };

/// UUIDs in the order of their rows, as those of version 7 are.
const ORDERED: &str = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";

/// A database whose participants have keys of one kind.
struct Tables {
    store: Store,
    connection: PgConnection,
}

impl Tables {
    fn new(server: &Database, column: &str, key: &str) -> Self {
        let url = server.create_database();
        let config =
            DatabaseConfig { backend: Backend::parse(&url).unwrap(), echo: false, default_file: None };
        let store = Store::connect(&config, 1).unwrap();
        store.migrate().unwrap();
        let mut connection = PgConnection::establish(&url).unwrap();
        connection
            .batch_execute(&format!(
                "DROP TABLE participants;
                 CREATE TABLE participants (
                    id {column} PRIMARY KEY, event_id BIGINT NOT NULL, email TEXT, name TEXT, locale TEXT, UNIQUE (event_id, id)
                 );
                 INSERT INTO participants
                    SELECT {key}, 7, 'p' || n || '@example.com', 'Person ' || n, 'en' FROM generate_series(1, {PEOPLE}) n;
                 INSERT INTO notifications (id, kind, event_id, audience, max_participant_id, state, received_at, epoch)
                    VALUES (1, 'UPDATED', 7, 'recipients', {}, 'running', now(), 1);
                 CREATE TABLE keys AS SELECT n, id::text AS key FROM (
                    SELECT row_number() OVER (ORDER BY id) AS n, id FROM participants) AS numbered;
                 ANALYZE",
                i64::MIN
            ))
            .unwrap();
        Self { store, connection }
    }

    fn clear_list(&mut self) {
        self.connection.batch_execute("TRUNCATE recipients").unwrap();
    }

    fn read_numbers(&self) -> i64 {
        let (mut after, mut people) = (None, 0);
        loop {
            let page = self.store.read_page(EVENT, after, ParticipantId::MAX, PAGE).unwrap();
            people += i64::try_from(page.len()).unwrap();
            after = page.last().map(|person| person.id);
            if page.len() < PAGE as usize {
                return people;
            }
        }
    }

    fn read_uuids(&self, is_listed: bool) -> i64 {
        let key = self.store.text_key(EVENT).unwrap();
        let (mut people, mut position) = (0, KeyPosition::default());
        loop {
            let page = self.store.read_keyed_page(key, EVENT, &position, LISTED_PAGE).unwrap();
            if is_listed {
                let keys: Vec<&str> = page.people.iter().map(|person| person.key.as_str()).collect();
                let new =
                    NewRecipients { lease: LEASE, after: ParticipantId(people), keys: &keys, listing: None };
                assert_eq!(self.store.append_recipients(&new).unwrap(), Appended::Done);
            }
            people += i64::try_from(page.people.len()).unwrap();
            position = page.end;
            if page.is_last {
                return people;
            }
        }
    }

    fn write_list_at_once(&mut self) -> i64 {
        self.connection
            .batch_execute(
                "SET synchronous_commit = off;
                 INSERT INTO recipients (notification_id, id, user_key) SELECT 1, n, key FROM keys",
            )
            .unwrap();
        PEOPLE
    }
}

/// What a case took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    elapsed: Duration,
    /// Processor time of the server, all its processes.
    server: Duration,
    /// Processor time of fanmail.
    client: Duration,
}

/// A case, and what it does. It returns the number of people.
type Case<'a> = (&'static str, Box<dyn FnMut() -> i64 + 'a>);

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        eprintln!("Run the measurement with: cargo bench --all-features --bench paging");
        return;
    }
    // As the server is delivered, without a process that wakes up in the middle of a case.
    let server =
        Database::own_with(Server::Postgresql, &["-c", "shared_buffers=128MB", "-c", "autovacuum=off"]);
    server.start();
    let numbers = Tables::new(&server, "BIGINT", "n");
    let random = Tables::new(&server, "uuid", "gen_random_uuid()");
    let ordered = Tables::new(&server, "uuid", ORDERED);
    let mut tables = [numbers, random, ordered];
    let mut costs: Vec<(&str, Vec<Cost>)> = Vec::new();
    for _ in 0..=ROUNDS {
        for (n, (name, cost)) in round(&server, &mut tables).into_iter().enumerate() {
            // The first round fills caches.
            match costs.get_mut(n) {
                Some((_, costs)) => costs.push(cost),
                None => costs.push((name, Vec::new())),
            }
        }
    }
    print(&costs);
}

/// Each case once.
fn round(server: &Arc<Database>, tables: &mut [Tables; 3]) -> Vec<(&'static str, Cost)> {
    let [numbers, random, ordered] = tables;
    random.clear_list();
    ordered.clear_list();
    numbers.clear_list();
    let numbers = std::cell::RefCell::new(numbers);
    let cases: [Case<'_>; 6] = [
        ("whole numbers, read 100 at a time", Box::new(|| numbers.borrow().read_numbers())),
        ("random UUIDs, read 1,000 at a time", Box::new(|| random.read_uuids(false))),
        ("random UUIDs, read and listed", Box::new(|| random.read_uuids(true))),
        ("ordered UUIDs, read 1,000 at a time", Box::new(|| ordered.read_uuids(false))),
        ("ordered UUIDs, read and listed", Box::new(|| ordered.read_uuids(true))),
        ("a list, written by the server alone", Box::new(|| numbers.borrow_mut().write_list_at_once())),
    ];
    cases.into_iter().map(|(name, work)| (name, measure(server, work))).collect()
}

fn measure(server: &Database, mut work: impl FnMut() -> i64) -> Cost {
    let (server_before, client_before) = (server_time(server), time_on_processor("thread-self"));
    let started = Instant::now();
    assert_eq!(work(), PEOPLE);
    Cost {
        elapsed: started.elapsed(),
        server: server_time(server).saturating_sub(server_before),
        client: time_on_processor("thread-self").saturating_sub(client_before),
    }
}

fn server_time(server: &Database) -> Duration {
    server.pids().iter().map(|pid| time_on_processor(&pid.to_string())).sum()
}

/// The first number of `schedstat` is in nanoseconds (<https://docs.kernel.org/scheduler/sched-stats.html>).
fn time_on_processor(process: &str) -> Duration {
    let schedstat = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    let nanoseconds = schedstat.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Medians in seconds, and how many times those of the first case they are.
fn print(costs: &[(&str, Vec<Cost>)]) {
    println!("Medians of {ROUNDS} rounds, {PEOPLE} participants\n");
    println!("| keys | elapsed | server | fanmail | elapsed ÷ first | server ÷ first |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let parts = [|cost: &Cost| cost.elapsed, |cost: &Cost| cost.server, |cost: &Cost| cost.client];
    let medians = |costs: &[Cost]| parts.map(|part| median(costs.iter().map(part).collect()));
    let first = medians(&costs[0].1);
    for (name, costs) in costs {
        let [elapsed, server, client] = medians(costs);
        println!(
            "| {name} | {elapsed:.3} s | {server:.3} s | {client:.3} s | {:.2} | {:.2} |",
            elapsed / first[0],
            server / first[1]
        );
    }
}

fn median(mut values: Vec<Duration>) -> f64 {
    values.sort_unstable();
    values[values.len() / 2].as_secs_f64()
}

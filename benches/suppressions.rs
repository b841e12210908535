//! What it costs a page of 100 people to ask who of them gets no mail, on each database: `cargo bench --all-features --bench
//! suppressions`. All cases run in turn in each round.

#![expect(clippy::unwrap_used, reason = "a bench fails like a test")]

use std::time::{Duration, Instant};

use fanmail::config::database::{Backend, DatabaseConfig};
use fanmail::domain::ids::{EventId, ParticipantId};
use fanmail::domain::kind::Kind;
use fanmail::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use fanmail::store::Store;
use fanmail::store::suppressions::NewSuppression;
use testkit::database::{Database, Server};
use testkit::ledger::Ledger;

const LISTED: usize = 100_000;
const PAGE: u32 = 100;
const ROUNDS: usize = 1_000;
const EVENT: EventId = EventId::Number(7);

/// A database with or without a list.
struct Tables {
    store: Store,
    optouts: bool,
    _folder: Option<tempfile::TempDir>,
}

impl Tables {
    /// With so many others on the list, or else in the application's `optouts`.
    fn new(server: Option<Server>, listed: usize, optouts: bool) -> Self {
        let folder = server.is_none().then(|| tempfile::tempdir().unwrap());
        let file = || folder.as_ref().unwrap().path().join("fanmail.db").to_str().unwrap().to_owned();
        let url = server.map_or_else(file, |server| Database::shared(server).create_database());
        let backend = Backend::parse(&url).unwrap();
        let store = Store::connect(&DatabaseConfig { backend, echo: false, default_file: None }, 1).unwrap();
        store.migrate().unwrap();
        let ledger = Ledger::new(&url);
        let numbers = |count: usize| {
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})")
        };
        ledger.execute("INSERT INTO events (id, title) VALUES (7, 'Ball')");
        ledger.execute(&format!(
            "INSERT INTO participants (event_id, email, name) {} SELECT 7, CONCAT('p', i, '@example.com'), 'Ann' FROM n",
            numbers(1_000)
        ));
        if optouts {
            ledger
                .execute("CREATE TABLE optouts (email VARCHAR(100) NOT NULL PRIMARY KEY, scope VARCHAR(20))");
            for hundred in 0..listed / 1_000 {
                ledger.execute(&format!(
                    "INSERT INTO optouts (email, scope) {} SELECT CONCAT('other', {hundred} * 1000 + i, '@example.com'), 'all' FROM n",
                    numbers(1_000)
                ));
            }
        } else {
            let key = store.address_key().unwrap();
            let all: Vec<NewSuppression> = (0..listed)
                .map(|number| NewSuppression {
                    hash: key.hash_normalized(&format!("other{number}@example.com")),
                    address: None,
                    scope: SuppressionScope::All,
                    reason: SuppressionReason::Unsubscribed,
                    source: SuppressionSource::Link,
                })
                .collect();
            store.add_suppressions(&all).unwrap();
        }
        Self { store, optouts, _folder: folder }
    }

    fn page(&self) -> Vec<String> {
        let page = self.store.read_page(EVENT, None, ParticipantId::MAX, PAGE).unwrap();
        page.into_iter().map(|person| person.email.unwrap()).collect()
    }

    fn ask(&self, addresses: &[&str]) {
        let Some(lookup) = self.store.suppression_lookup(self.optouts).unwrap() else { return };
        let found = self.store.find_reasons(&lookup, addresses, Kind::Updated, Some(EVENT)).unwrap();
        assert!(found.is_empty());
    }
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        eprintln!("Run the measurement with: cargo bench --all-features --bench suppressions");
        return;
    }
    println!("Medians of {ROUNDS} rounds, for a page of {PAGE} people\n");
    println!(
        "| database | reading the page | nobody on the list | 100,000 others | 100,000 others in optouts |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (name, server) in
        [("SQLite", None), ("PostgreSQL", Some(Server::Postgresql)), ("MariaDB", Some(Server::Mariadb))]
    {
        let [nobody, listed, optouts] = [(0, false), (LISTED, false), (LISTED, true)]
            .map(|(count, optouts)| Tables::new(server, count, optouts));
        let addresses = nobody.page();
        assert_eq!(addresses.len(), PAGE as usize);
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let cases: [&dyn Fn(); 4] =
            [&|| drop(nobody.page()), &|| nobody.ask(&addresses), &|| listed.ask(&addresses), &|| {
                optouts.ask(&addresses);
            }];
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            for (case, times) in cases.iter().zip(&mut times) {
                let started = Instant::now();
                case();
                times.push(started.elapsed());
            }
        }
        let cells = times.map(|times| format!("{:.0} µs", median(times)));
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// In microseconds.
fn median(mut values: Vec<Duration>) -> f64 {
    values.sort_unstable();
    values[values.len() / 2].as_secs_f64() * 1e6
}

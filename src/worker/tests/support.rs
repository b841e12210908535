//! A worker without a broker: a database with participants, the threads, and a relay that the test controls.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query};
use tempfile::TempDir;

use crate::app::{ProbeIntervals, Runtime, channels, database};
use crate::channels::Class;
use crate::channels::email::EmailChannel;
use crate::config::Config;
use crate::config::database::Backend;
use crate::config::database::DatabaseConfig;
use crate::config::email::EmailConfig;
use crate::config::worker::WorkerConfig;
use crate::domain::backoff::Backoff;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::outcome::Tally;
use crate::observe::health::Health;
use crate::shutdown::{ShutdownTrigger, shutdown_pair};
use crate::store::Store;
use crate::store::source::new_rows::{NewEvent, NewParticipant};
use crate::worker::fan_out::context::Context;
use crate::worker::lease::presence::ProcessRole;
use crate::worker::tests::support::relay::{TestChannel, TestRelay};
use crate::worker::threads::Threads;

pub mod opening;
pub mod relay;

pub const EVENT: EventId = EventId::Number(123);
pub const REQUEST: Message = Message::new(Kind::Updated, EVENT);
/// Probes that do not make a test wait.
const QUICK: Backoff = Backoff { first: Duration::from_millis(1), cap: Duration::from_millis(5) };
const QUICK_PROBES: ProbeIntervals = ProbeIntervals { relay: QUICK, connections: QUICK };
const DATABASE: &str = "fanmail.db";
pub const TRANSIENT: Class = Class::Transient;

/// The times of a worker.
pub struct Timing {
    pub lease_timeout: Duration,
    pub max_retries: u32,
    pub retry_delay: Duration,
    /// Empty: no mail is deferred.
    pub defer_schedule: Vec<Duration>,
    pub probes: ProbeIntervals,
}

/// Retries and probes come soon.
impl Default for Timing {
    fn default() -> Self {
        Self {
            lease_timeout: Duration::from_secs(30),
            max_retries: 3,
            retry_delay: Duration::from_millis(20),
            defer_schedule: Vec::new(),
            probes: QUICK_PROBES,
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Everything but the broker.
pub struct TestWorker {
    pub context: Arc<Context>,
    pub threads: Threads,
    pub relay: TestRelay,
    pub store: Store,
    pub handle: Option<ShutdownTrigger>,
    pub config: Config,
    pub health: Health,
    probes: ProbeIntervals,
    dir: Arc<TempDir>,
}

impl TestWorker {
    /// A worker with participants `p<n>@example.com`, and `lanes` to a relay that accepts everyone.
    pub fn new(people: u32, lanes: usize) -> Self {
        Self::with_relay(people, lanes, |_, _, _| Ok(()))
    }

    /// A worker whose leases last `term`.
    pub fn with_term(people: u32, lanes: usize, term: Duration) -> Self {
        let timing = Timing { lease_timeout: term, ..Timing::default() };
        Self::with_relay_and_timing(people, lanes, |_, _, _| Ok(()), timing)
    }

    pub fn with_relay(
        people: u32,
        lanes: usize,
        decide: impl Fn(&str, u32, &dyn Fn() -> Tally) -> Result<(), Class> + Send + Sync + 'static,
    ) -> Self {
        Self::with_relay_and_timing(people, lanes, decide, Timing::default())
    }

    pub fn with_relay_and_timing(
        people: u32,
        lanes: usize,
        decide: impl Fn(&str, u32, &dyn Fn() -> Tally) -> Result<(), Class> + Send + Sync + 'static,
        timing: Timing,
    ) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let probes = timing.probes;
        let config = config(dir.path(), lanes, timing);
        let (store, _) = database::open(&config).unwrap();
        store.add_event(&event(EVENT)).unwrap();
        store.add_participants(people, |n| person(&format!("p{n}@example.com"))).unwrap();
        let relay = TestRelay::new(Arc::new(decide), store);
        Self::start(config, probes, dir, relay)
    }

    /// Another worker of the same database and relay.
    pub fn another(&self) -> Self {
        Self::start(self.config.clone(), self.probes, Arc::clone(&self.dir), self.relay.clone())
    }

    fn start(config: Config, probes: ProbeIntervals, dir: Arc<TempDir>, relay: TestRelay) -> Self {
        let (store, installation) = database::open(&config).unwrap();
        let (handle, shutdown) = shutdown_pair();
        let runtime = Runtime { probes, ..Runtime::new(shutdown) };
        let health = runtime.monitor.health.clone();
        let templates = channels::templates(&config.content).unwrap();
        let emails = EmailChannel::for_lanes(&config.email, &installation, &templates, None).unwrap();
        let channels = emails.into_iter().map(|email| TestChannel { email, relay: relay.clone() }).collect();
        let (threads, mut context) =
            runtime.start_threads(&config, templates, channels, store.clone(), ProcessRole::Worker).unwrap();
        // The relay of the test is no dry run.
        context.dummy = false;
        Self {
            context: Arc::new(context),
            threads,
            relay,
            store,
            handle: Some(handle),
            config,
            health,
            probes,
            dir,
        }
    }

    /// The context, to be changed before it is used.
    pub fn context_mut(&mut self) -> &mut Context {
        Arc::get_mut(&mut self.context).unwrap()
    }

    fn connect(&self) -> SqliteConnection {
        let mut connection =
            SqliteConnection::establish(self.dir.path().join(DATABASE).to_str().unwrap()).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
        connection
    }

    /// Changes the application's tables.
    pub fn execute(&self, statements: &str) {
        self.connect().batch_execute(statements).unwrap();
    }

    /// How many rows there are, such as of `"events WHERE id = 7"`.
    pub fn count(&self, rows: &str) -> i64 {
        let query = sql_query(format!("SELECT count(*) AS count FROM {rows}"));
        query.get_result::<Count>(&mut self.connect()).unwrap().count
    }

    /// Adds participants with these addresses.
    pub fn join(&self, addresses: &[&str]) {
        for address in addresses {
            self.store.add_participants(1, |_| person(address)).unwrap();
        }
    }

    /// Adds participants of another event.
    pub fn join_event(&self, event_id: EventId, addresses: &[&str]) {
        for address in addresses {
            let event_id = event_id.number().unwrap();
            let person = |_| NewParticipant { event_id, ..person(address) };
            self.store.add_participants(1, person).unwrap();
        }
    }

    /// The problems of the worker, as `status` shows them.
    pub fn problems(&self) -> String {
        self.health.problems()
    }

    /// Returns once the ledger has the ack of notification `id`.
    pub fn wait_until_acked(&self, id: i64) {
        wait_until("the ack", || {
            self.store.find_notification(NotificationId(id)).unwrap().unwrap().acked_at.is_some()
        });
    }

    /// How many outcomes the ledger has refused.
    pub fn refused_outcomes(&self) -> u64 {
        self.context.metrics.refused_outcomes.get()
    }

    /// The tally of notification `id`.
    pub fn tally(&self, id: i64) -> Tally {
        self.store
            .tally(&self.store.find_notification(NotificationId(id)).unwrap().unwrap().notification)
            .unwrap()
    }
}

/// A missing event is not looked up again.
fn config(dir: &Path, lanes: usize, timing: Timing) -> Config {
    let defaults = Config::from_lookup(&|_| None).unwrap();
    Config {
        database: DatabaseConfig {
            backend: Backend::Sqlite(dir.join(DATABASE)),
            echo: false,
            default_file: None,
        },
        email: EmailConfig { connections: lanes, ..defaults.email },
        worker: WorkerConfig {
            prefetch: 4,
            max_retries: timing.max_retries,
            retry_delay: timing.retry_delay,
            defer_schedule: timing.defer_schedule,
            event_lookup_grace: Duration::ZERO,
            lease_timeout: timing.lease_timeout,
            // Most tests send equal messages, and count the mails of each.
            supersede: false,
            // Most tests send the same event again and again.
            skip_unchanged: false,
            ..defaults.worker
        },
        ..defaults
    }
}

pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::yield_now();
    }
}

pub fn named(message_id: &str) -> Identity {
    Identity { message_id: Some(message_id.to_owned()), redelivered: false }
}

/// A message without a `message_id`, delivered for the first time.
pub fn unnamed() -> Identity {
    Identity::default()
}

pub fn person(email: &str) -> NewParticipant {
    let event_id = EVENT.number().unwrap();
    NewParticipant { event_id, email: email.to_owned(), name: "Ann".to_owned(), locale: None }
}

pub fn event(id: EventId) -> NewEvent {
    let time = DateTime::from_timestamp(1_800_000_000, 0).unwrap().naive_utc();
    NewEvent {
        id: id.number().unwrap(),
        title: "A meeting".to_owned(),
        description: None,
        location: None,
        starts_at: Some(time),
        ends_at: Some(time),
        timezone: "UTC".to_owned(),
        url: None,
        updated_at: Some(time),
    }
}

//! A worker without a broker: a database with participants, the threads, and a relay that the test controls.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::DateTime;
use tempfile::TempDir;

use crate::app::{ProbeIntervals, Runtime, channels, database};
use crate::channels::email::EmailChannel;
use crate::channels::email::mail::Mail;
use crate::channels::{Channel, Class, PreparedNotification, SendError, SubmitCallbacks};
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
use crate::domain::outcome::{Permanence, Tally, Verdict};
use crate::domain::participant::Participant;
use crate::shutdown::{ShutdownTrigger, shutdown_pair};
use crate::store::Store;
use crate::store::source::seed_rows::{NewEvent, NewParticipant};
use crate::worker::fan_out::context::Context;
use crate::worker::lease::keeper::ProcessRole;
use crate::worker::threads::Threads;

pub const EVENT: EventId = EventId(123);
pub const REQUEST: Message = Message { kind: Kind::Updated, event_id: EVENT };
/// Probes that do not make a test wait.
const QUICK: Backoff = Backoff { first: Duration::from_millis(1), cap: Duration::from_millis(5) };
const QUICK_PROBES: ProbeIntervals = ProbeIntervals { relay: QUICK, connections: QUICK };
pub const TRANSIENT: Class = Class::Transient;

/// The times of a worker.
pub struct Timing {
    pub lease_timeout: Duration,
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
            retry_delay: Duration::from_millis(20),
            defer_schedule: Vec::new(),
            probes: QUICK_PROBES,
        }
    }
}

/// The relay's reply to one mail. Gets the address, the number of attempts before, and the tally at that moment.
type RelayBehavior = dyn Fn(&str, u32, &dyn Fn() -> Tally) -> Result<(), Class> + Send + Sync;

/// A relay that records what it was sent, in order.
#[derive(Clone)]
pub struct TestRelay {
    decide: Arc<RelayBehavior>,
    tries: Arc<Mutex<HashMap<String, u32>>>,
    accepted: Arc<Mutex<Vec<String>>>,
    pipelined: Arc<Mutex<Vec<(String, String)>>>,
    store: Store,
}

impl TestRelay {
    pub fn accepted(&self) -> Vec<String> {
        self.accepted.lock().unwrap().clone()
    }

    /// Each mail with the one whose envelope was pipelined behind it.
    pub fn pipelined(&self) -> Vec<(String, String)> {
        self.pipelined.lock().unwrap().clone()
    }

    /// How many mails were submitted to it.
    pub fn tries(&self) -> u32 {
        self.tries.lock().unwrap().values().sum()
    }

    /// How many of them were for this address.
    pub fn tries_for(&self, address: &str) -> u32 {
        self.tries.lock().unwrap().get(address).copied().unwrap_or_default()
    }
}

/// Prepares mails as the email channel does, and submits them to the relay of the test.
struct TestChannel {
    email: EmailChannel,
    relay: TestRelay,
}

impl Channel for TestChannel {
    type Prepared = Mail;

    fn prepare(
        &mut self,
        notification: &PreparedNotification,
        participant: &Participant,
    ) -> Result<Mail, Verdict> {
        self.email.prepare(notification, participant)
    }

    fn submit(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), SendError> {
        let earlier = {
            let mut tries = self.relay.tries.lock().unwrap();
            let earlier = tries.entry(mail.to.clone()).or_default();
            *earlier += 1;
            *earlier - 1
        };
        if !callbacks.before_body() {
            return Err(SendError::withdrawn());
        }
        self.relay.pipelined.lock().unwrap().extend(next.map(|next| (mail.to.clone(), next.to.clone())));
        let tally = || {
            self.relay
                .store
                .tally(&self.relay.store.find_notification(NotificationId(1)).unwrap().unwrap().notification)
                .unwrap()
        };
        (self.relay.decide)(&mail.to, earlier, &tally).map_err(|class| {
            let code = match class {
                Class::Transient | Class::Suspect(Permanence::Transient) | Class::Throttled(_) => Some(450),
                Class::Permanent | Class::Suspect(Permanence::Permanent) => Some(550),
                Class::RelayFailure
                | Class::Unreadable
                | Class::Withdrawn
                | Class::Ambiguous
                | Class::BodyDelayed => None,
                Class::Breakdown => Some(421),
            };
            SendError { class, code, detail: format!("{class:?}") }
        })?;
        self.relay.accepted.lock().unwrap().push(mail.to.clone());
        Ok(())
    }

    fn advice(&self, refusal: &SendError) -> &'static str {
        self.email.advice(refusal)
    }

    fn idle(&mut self) {}
}

/// Everything but the broker.
pub struct TestWorker {
    pub context: Arc<Context>,
    pub threads: Threads,
    pub relay: TestRelay,
    pub store: Store,
    pub handle: Option<ShutdownTrigger>,
    _dir: TempDir,
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
        let dir = tempfile::tempdir().unwrap();
        let probes = timing.probes;
        let config = config(dir.path(), lanes, timing);
        let (store, installation) = database::open(&config).unwrap();
        store.add_event(&event(EVENT)).unwrap();
        store.add_participants(people, |n| person(&format!("p{n}@example.com"))).unwrap();
        let relay = TestRelay {
            decide: Arc::new(decide),
            tries: Arc::default(),
            accepted: Arc::default(),
            pipelined: Arc::default(),
            store: store.clone(),
        };
        let (handle, shutdown) = shutdown_pair();
        let runtime = Runtime { probes, ..Runtime::new(shutdown) };
        let templates = channels::templates(&config.email).unwrap();
        let emails = EmailChannel::for_lanes(&config.email, &installation, &templates).unwrap();
        let channels = emails.into_iter().map(|email| TestChannel { email, relay: relay.clone() }).collect();
        let (threads, context) =
            runtime.start_threads(&config, templates, channels, store.clone(), ProcessRole::Worker).unwrap();
        Self { context: Arc::new(context), threads, relay, store, handle: Some(handle), _dir: dir }
    }

    /// Adds participants with these addresses.
    pub fn join(&self, addresses: &[&str]) {
        for address in addresses {
            self.store.add_participants(1, |_| person(address)).unwrap();
        }
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
        database: DatabaseConfig { backend: Backend::Sqlite(dir.join("fanmail.db")), echo: false },
        email: EmailConfig { connections: lanes, ..defaults.email },
        worker: WorkerConfig {
            prefetch: 4,
            retry_delay: timing.retry_delay,
            defer_schedule: timing.defer_schedule,
            event_lookup_grace: Duration::ZERO,
            lease_timeout: timing.lease_timeout,
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

fn person(email: &str) -> NewParticipant {
    NewParticipant { event_id: EVENT, email: email.to_owned(), name: "Ann".to_owned(), locale: None }
}

pub fn event(id: EventId) -> NewEvent {
    let time = DateTime::from_timestamp(1_800_000_000, 0).unwrap().naive_utc();
    NewEvent {
        id,
        title: "A meeting".to_owned(),
        description: String::new(),
        location: String::new(),
        starts_at: time,
        ends_at: time,
        timezone: "UTC".to_owned(),
        url: String::new(),
        updated_at: time,
    }
}

//! What `fanmail worker`, `fanmail retry` and the worker's tests run on: signals, telemetry and threads.
//!
//! This file and its folder turn a [`Config`] into the objects of such a process: `app/database.rs` opens the database and
//! `app/channels.rs` makes what renders and sends mails. What the parts do with each other stands in `worker`.

use std::sync::Arc;

use anyhow::Context as _;
use crossbeam_channel::{Sender, bounded};

use crate::broker::consumer::{self, Subscription};
use crate::broker::publications::publication::Publication;
use crate::broker::watchdog::{CallWatchdog, Limits};
use crate::channels::Channel;
use crate::config::Config;
use crate::config::broker::BrokerConfig;
use crate::config::email::Route;
use crate::config::email::rate::Rate;
use crate::content::renderer::Templates;
use crate::domain::backoff::Backoff;
use crate::domain::installation::Installation;
use crate::domain::session::SessionNumbers;
use crate::exit_code::{FAILED, exit_at_once};
use crate::http::server;
use crate::observe::events::routes::ToldKeys;
use crate::observe::health::{Monitor, Part};
use crate::observe::logging;
use crate::shutdown::{self, Shutdown};
use crate::store::Store;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::delivery::breaker::{self, Breaker};
use crate::worker::delivery::connection_limit::{self, ConnectionLimit};
use crate::worker::delivery::lane_shared::LaneShared;
use crate::worker::delivery::pace::Pace;
use crate::worker::delivery::retry_policy::RetryPolicy;
use crate::worker::delivery::throttles::KeptThrottles;
use crate::worker::fan_out::context::Context;
use crate::worker::fan_out::due;
use crate::worker::fan_out::retries;
use crate::worker::fan_out::wait_permit::WaitPermits;
use crate::worker::intake::Intake;
use crate::worker::lease::presence::ProcessRole;
use crate::worker::threads::Threads;

pub mod announcing;
pub mod channels;
pub mod database;
pub mod routes;
pub mod serving;
pub mod supervising;

/// What the whole process shares. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// Requested by the first SIGTERM, SIGINT or SIGQUIT.
    pub shutdown: Shutdown,
    /// Health and metrics.
    pub monitor: Monitor,
    /// How every thread repeats database calls that failed.
    pub database_retry: DatabaseRetry,
    /// How often threads look again whether the relay works.
    pub probes: ProbeIntervals,
}

/// How often threads look again whether the relay works.
#[derive(Debug, Clone, Copy)]
pub struct ProbeIntervals {
    /// Between two probes of a relay that is down.
    pub relay: Backoff,
    /// Between two tries to open one connection more, after the relay refused some.
    pub connections: Backoff,
}

impl Default for ProbeIntervals {
    fn default() -> Self {
        Self { relay: breaker::PROBES, connections: connection_limit::PROBE_BACKOFF }
    }
}

impl Runtime {
    /// A runtime without signals: the caller holds the trigger of `shutdown`.
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        let monitor = Monitor::default();
        let database_retry =
            DatabaseRetry::new(shutdown.clone(), monitor.health.clone()).telling_of(monitor.fan_outs.clone());
        Self { shutdown, monitor, database_retry, probes: ProbeIntervals::default() }
    }

    /// The runtime of a process that sends mails: handles signals, ends the process on a panic, and notices
    /// a database that does not answer.
    ///
    /// # Errors
    /// When signals cannot be caught or a thread cannot be started.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        Self::start_with(config, String::new)
    }

    /// The same. Before the process ends with work unfinished, it also logs the lines of `exit_note`.
    ///
    /// # Errors
    /// When signals cannot be caught or a thread cannot be started.
    pub fn start_with(
        config: &Config,
        exit_note: impl Fn() -> String + Clone + Send + 'static,
    ) -> anyhow::Result<Self> {
        exit_on_panic();
        let (trigger, shutdown) = shutdown::shutdown_pair();
        let runtime = Self::new(shutdown);
        let monitor = runtime.monitor.clone();
        let exit_summary = move || monitor.exit_summary() + &exit_note();
        shutdown::stop_on_signals(
            trigger,
            config.worker.shutdown_timeout,
            "mails in flight",
            logging::reopen,
            exit_summary,
        )
        .context("cannot catch signals")?;
        runtime.database_retry.watch().context("cannot start the thread that watches the database")?;
        Ok(runtime)
    }

    /// Opens the database, and waits for one that is away. `None` when a shutdown is requested first.
    ///
    /// # Errors
    /// When waiting does not help.
    pub fn wait_for_database(&self, config: &Config) -> anyhow::Result<Option<(Store, Installation)>> {
        database::wait_until_open(config, self.database_retry.clone(), &self.shutdown)
    }

    /// Starts the lanes (one for each of `channels`), the recorder and the lease keeper. Returns them with what every
    /// fan-out needs.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start_threads<C: Channel + 'static>(
        &self,
        config: &Config,
        templates: Templates,
        channels: Vec<C>,
        store: Store,
        role: ProcessRole,
    ) -> anyhow::Result<(Threads, Context)> {
        let store = store.coalescing(config.worker.coalesce);
        let shared = Arc::new(self.lane_shared(config));
        let threads = Threads::start(
            &shared,
            channels,
            &database::for_writers(&store),
            &self.database_retry,
            role,
            config.worker.lease_timeout,
        )
        .context("cannot start the lanes")?;
        let context = Context {
            database_retry: self.database_retry.clone().asking(store.clone()),
            store,
            leases: threads.leases.clone(),
            templates,
            jobs: threads.jobs.clone(),
            breaker: Arc::clone(&shared.breaker),
            batch_sender: threads.batch_sender.clone(),
            retry_policy: shared.retry_policy.clone(),
            retry_queue_limit: retries::RETRY_QUEUE_LIMIT,
            sweep_run: due::MAX_DURATION,
            kept_throttles: KeptThrottles::default(),
            wait_permits: WaitPermits::for_prefetch(config.worker.prefetch),
            page_size: config.worker.batch_size,
            one_mail_per_address: config.worker.one_mail_per_address,
            optouts: config.worker.optouts,
            skip_unchanged: config.worker.skip_unchanged,
            event_lookup_grace: config.worker.event_lookup_grace,
            supersede: config.worker.supersede,
            dummy: matches!(config.email.route, Route::Dummy { .. }),
            metrics: Arc::clone(&self.monitor.metrics),
            fan_outs: self.monitor.fan_outs.clone(),
            set_aside: bounded(1),
            announcements: None,
            intake: Intake::new(config.worker.prefetch.into()),
            routes: None,
            told_keys: ToldKeys::default(),
            shutdown: self.shutdown.clone(),
        };
        Ok((threads, context))
    }

    fn lane_shared(&self, config: &Config) -> LaneShared {
        LaneShared {
            breaker: Arc::new(Breaker::new(self.probes.relay, self.monitor.clone())),
            connection_limit: ConnectionLimit::new(
                config.email.connections,
                self.probes.connections,
                Arc::clone(&self.monitor.metrics),
            ),
            pace: Pace::new(config.email.rate.map(Rate::interval), self.monitor.clone()),
            silence: Arc::default(),
            retry_policy: RetryPolicy::new(&config.worker),
            suppress_refused: config.worker.suppress_refused,
            monitor: self.monitor.clone(),
            shutdown: self.shutdown.clone(),
        }
    }

    /// From now on broker and database are not ready, until they work for the first time.
    pub fn starts(&self, config: &Config, has_broker: bool) {
        self.monitor.health.set_starting(Part::Database);
        if has_broker {
            for broker in config.broker.of_each_queue() {
                self.monitor_of(config, &broker).health.set_starting(Part::Broker);
            }
        }
    }

    /// Where there are several queues, each has problems and notes of its own.
    fn monitor_of(&self, config: &Config, broker: &BrokerConfig) -> Monitor {
        let is_one = config.broker.queues().count() == 1;
        if is_one { self.monitor.clone() } else { self.monitor.of_queue(&broker.queue) }
    }

    /// Watches for calls to the broker that never return.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn watch_broker(&self) -> anyhow::Result<CallWatchdog> {
        let watchdog = CallWatchdog::new(Limits::default());
        let shutdown = self.shutdown.clone();
        watchdog.start(move || shutdown::request(&shutdown)).context("cannot start the watchdog")?;
        Ok(watchdog)
    }

    /// Subscribes to the queues. `replies`: the way to answer messages that become dead letters.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn subscribe(
        &self,
        config: &Config,
        watchdog: &CallWatchdog,
        replies: Option<&Sender<Publication>>,
    ) -> anyhow::Result<Vec<Subscription>> {
        let (numbers, prefetch) = (SessionNumbers::default(), config.worker.prefetch);
        let subscribe = |broker: BrokerConfig| {
            let monitor = self.monitor_of(config, &broker);
            let replies = replies.cloned();
            consumer::subscribe(&broker, prefetch, &numbers, replies, &monitor, watchdog, &self.shutdown)
        };
        let subscriptions =
            config.broker.of_each_queue().into_iter().map(subscribe).collect::<Result<_, _>>();
        subscriptions.context("cannot start a broker thread")
    }
}

/// Ends the process on a panic. A panic is a bug, and a worker that has lost a thread would wait for ever; the ledger
/// knows what is done, and a supervisor starts the worker again.
///
/// The message goes through the log, which masks addresses: it may quote the text that a slice panicked over.
fn exit_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let (thread, backtrace) = (std::thread::current(), std::backtrace::Backtrace::capture());
        let name = thread.name().unwrap_or("without a name");
        if name.starts_with(server::THREAD) {
            // Clients of the HTTP server must not be able to end the worker.
            log::error!(
                thread = name;
                "a request was not answered because of a bug in fanmail: {panic}; backtrace: {backtrace}"
            );
            return;
        }
        log::error!(thread = name; "stopping because of a bug in fanmail: thread {name} {panic}; backtrace: {backtrace}");
        exit_at_once(FAILED);
    }));
}

//! `fanmail worker`: consume for ever. The only place that builds concrete things and wires them together.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, ensure};
use crossbeam_channel::{bounded, select};

use crate::broker::consumer;
use crate::broker::watchdog::{CallWatchdog, Limits};
use crate::channels::email::Transport;
use crate::channels::email::compose::Composer;
use crate::channels::email::outbox::Outbox;
use crate::channels::email::smtp::SmtpTransport;
use crate::config::{Config, EmailConfig, Route};
use crate::content::renderer::Templates;
use crate::observe::health;
use crate::observe::health::Monitor;
use crate::shutdown::{self, Shutdown};
use crate::store::{Store, StoreError};
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::delivery::breaker;
use crate::worker::delivery::breaker::Breaker;
use crate::worker::delivery::connection_limit;
use crate::worker::delivery::connection_limit::ConnectionLimit;
use crate::worker::delivery::lane::LaneShared;
use crate::worker::delivery::rate_limit::RateLimiter;
use crate::worker::delivery::retry_policy::RetryPolicy;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::fan_out::context::Context as FanOutContext;
use crate::worker::lease::keeper::ProcessRole;
use crate::worker::threads::Threads;

/// Fan-outs that ask the database at a time. Each has only a few short questions, and a server's connections are
/// not free.
const FAN_OUTS_ASKING: u32 = 8;
/// Who must not wait for them: the recorder and the keeper of leases.
const WRITERS: u32 = 2;

/// Consumes until SIGTERM or SIGINT.
///
/// # Errors
/// When something that only the configuration can mend keeps the worker from starting.
pub fn run(config: &Config) -> anyhow::Result<ExitCode> {
    log::info!("fanmail {} starts", env!("CARGO_PKG_VERSION"));
    let (shutdown, monitor) = stop_on_signals(config)?;
    if let Some(addr) = config.worker.http_addr {
        health::serve(addr, monitor.clone())?;
    }
    let templates = Templates::load(config.email.templates_dir.as_deref())?;
    let database_retry = watched_database_retry(&shutdown, &monitor)?;
    let Some(store) = wait_for_store(config, &shutdown, database_retry.clone())? else {
        log::info!("stopped; the database was not there yet, and nothing was begun");
        return Ok(ExitCode::SUCCESS);
    };
    let (threads, context) =
        assemble(config, templates, store, database_retry, &shutdown, &monitor, ProcessRole::Worker)?;
    let watchdog = CallWatchdog::new(Limits::default());
    watchdog
        .start({
            let shutdown = shutdown.clone();
            move || shutdown::request(&shutdown)
        })
        .context("cannot start the watchdog")?;
    let subscription =
        consumer::subscribe(&config.broker, config.worker.prefetch, &monitor, &watchdog, &shutdown)
            .context("cannot start the broker thread")?;

    Dispatcher::new(Arc::new(context), subscription.inbox, threads.batch_sender.clone())
        .run()
        .context("cannot start a thread")?;
    threads.join();
    ensure!(subscription.thread.join().is_ok() && shutdown.requested(), "the broker thread ended by itself");
    log::info!("stopped; nothing is left undone but what is still in the queue");
    Ok(if watchdog.has_hung() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The wish to stop, which the first SIGTERM or SIGINT expresses, and what there is to tell until then.
///
/// # Errors
/// When signals cannot be caught.
pub(super) fn stop_on_signals(config: &Config) -> anyhow::Result<(Shutdown, Monitor)> {
    let (handle, shutdown) = shutdown::shutdown_pair();
    let monitor = Monitor::default();
    let exit_summary = {
        let monitor = monitor.clone();
        move || monitor.exit_summary()
    };
    shutdown::stop_on_signals(handle, config.worker.shutdown_timeout, exit_summary)
        .context("cannot catch signals")?;
    Ok((shutdown, monitor))
}

/// Patience with the database that notices when it does not answer.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn watched_database_retry(
    shutdown: &Shutdown,
    monitor: &Monitor,
) -> anyhow::Result<DatabaseRetry> {
    let database_retry = DatabaseRetry::new(shutdown.clone(), monitor.health.clone());
    database_retry.watch().context("cannot watch the database")?;
    Ok(database_retry)
}

/// The database with its tables up to date, and connections for the fan-outs.
///
/// # Errors
/// When it is away, or cannot be used as configured.
pub(super) fn open_store(config: &Config) -> Result<Store, StoreError> {
    let store = Store::connect(&config.database, FAN_OUTS_ASKING.min(config.worker.prefetch.into()))?;
    store.migrate()?;
    store.check_schema()?;
    store.check_writable()?;
    Ok(store)
}

/// Waits for a database that is away: after a power cut it may start later than the worker. `None` when the worker
/// is to stop before; that is not kept waiting by a server that says nothing.
///
/// # Errors
/// When waiting does not help.
fn wait_for_store(
    config: &Config,
    shutdown: &Shutdown,
    database_retry: DatabaseRetry,
) -> anyhow::Result<Option<Store>> {
    let (sender, opened) = bounded(1);
    let config = config.clone();
    thread::Builder::new()
        .name("database".to_owned())
        .spawn(move || {
            let store = database_retry.while_transient(|| open_store(&config));
            if sender.send(store).is_err() {
                log::debug!("the database is there, and the worker has stopped");
            }
        })
        .context("cannot start a thread")?;
    select! {
        recv(opened) -> store => match store {
            Ok(Ok(store)) => Ok(Some(store?)),
            _ => Ok(None),
        },
        recv(shutdown.receiver()) -> _ => Ok(None),
    }
}

/// Starts the crew, and prepares what every fan-out needs: for the worker, and for a retry by hand.
///
/// # Errors
/// When the relay cannot be used as configured.
pub(super) fn assemble(
    config: &Config,
    templates: Templates,
    store: Store,
    database_retry: DatabaseRetry,
    shutdown: &Shutdown,
    monitor: &Monitor,
    role: ProcessRole,
) -> anyhow::Result<(Threads, FanOutContext)> {
    stop_on_panic();
    let templates = Arc::new(templates);
    let retry_policy = RetryPolicy::new(&config.worker);
    let shared = Arc::new(LaneShared {
        templates: Arc::clone(&templates),
        composer: Composer::new(&config.email),
        breaker: Breaker::new(breaker::PROBES, monitor.clone()),
        connection_limit: ConnectionLimit::new(
            config.email.connections,
            connection_limit::PROBE_BACKOFF,
            Arc::clone(&monitor.metrics),
        ),
        rate_limiter: RateLimiter::new(config.email.rate_per_second),
        retry_policy,
        monitor: monitor.clone(),
        shutdown: shutdown.clone(),
    });
    let threads = Threads::start(
        &shared,
        transports(&config.email)?,
        &store.with_own_connections(WRITERS),
        &database_retry,
        role,
        config.worker.lease_timeout,
    )
    .context("cannot start the lanes")?;
    let context = FanOutContext {
        store,
        leases: threads.leases.clone(),
        database_retry,
        templates,
        jobs: threads.jobs.clone(),
        retry_policy,
        batch_size: config.worker.batch_size,
        event_lookup_grace: config.worker.event_lookup_grace,
        dummy: matches!(config.email.route, Route::Dummy { .. }),
        metrics: Arc::clone(&monitor.metrics),
        shutdown: shutdown.clone(),
    };
    Ok((threads, context))
}

/// One transport a lane.
fn transports(config: &EmailConfig) -> anyhow::Result<Vec<Box<dyn Transport>>> {
    match &config.route {
        Route::Dummy { outbox } => log::warn!(
            "the dummy is on (EMAIL_DUMMY_MODE=True): NOTHING IS REALLY SENT{}",
            outbox.as_ref().map_or(String::new(), |dir| format!("; mails are written to {}", dir.display()))
        ),
        Route::Smtp(relay) => {
            log::info!(
                "mails go through {}:{} over {} connections",
                relay.host,
                relay.port,
                config.connections
            );
            if relay.is_plaintext_off_host() {
                log::warn!(
                    "SMTP_USE_TLS=False, and the relay is not on this machine: mails, and the password if there is \
                     one, can be read on the way"
                );
            }
        }
    }
    (0..config.connections)
        .map(|_| -> anyhow::Result<Box<dyn Transport>> {
            Ok(match &config.route {
                Route::Dummy { outbox } => Box::new(Outbox::new(outbox.clone())),
                Route::Smtp(relay) => Box::new(SmtpTransport::new(relay, &config.from_email)?),
            })
        })
        .collect()
}

/// A panic is a bug, and a worker that has lost a thread would wait for ever. The process ends instead: the
/// ledger knows what is done, and a supervisor starts the worker again.
///
/// What it says goes through the log, which masks addresses: the text that a slice panicked over is in it.
fn stop_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let (thread, backtrace) = (std::thread::current(), std::backtrace::Backtrace::capture());
        let name = thread.name().unwrap_or("without a name");
        log::error!("stopping because of a bug in fanmail: thread {name} {panic}; backtrace: {backtrace}");
        std::process::exit(1);
    }));
}

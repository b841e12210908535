//! `fanmail worker`: consumes notifications until it is stopped.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, ensure};
use clap::Args;
use crossbeam_channel::Sender;

use crate::app::announcing::Announcing;
use crate::app::{Runtime, channels, database, routes};
use crate::broker::consumer::Subscription;
use crate::broker::error::BrokerError;
use crate::broker::incoming::{Inbox, Incoming};
use crate::broker::liveness::Liveness;
use crate::broker::watchdog::CallWatchdog;
use crate::config::Config;
use crate::config::environment::Environment;
use crate::domain::reminder::ReminderOffset;
use crate::http::database::RequestDatabase;
use crate::observe::events;
use crate::observe::health::Part;
use crate::shutdown;
use crate::version;
use crate::worker::backlog;
use crate::worker::deferral_sweep;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::fan_out::counting;
use crate::worker::lease::presence::ProcessRole;
use crate::worker::outbox;
use crate::worker::reminders;
use crate::worker::set_aside_sweep;

/// Run the worker: consume notifications until stopped
///
/// Needs the database and the broker, and waits for each of them if it is not available. Needs the SMTP relay
/// unless EMAIL_DUMMY_MODE is True. With HTTP_ADDR set, it serves a status page, probes and metrics (docs/http.md). Several workers may share a
/// queue and a database.
///
/// With ROUTES_FILE, messages with any payload are mailed by their routing keys (docs/publishing.md).
///
/// With --dry-run, or EMAIL_DUMMY_MODE=True, it sends no mail. On a system for tests, EMAIL_REDIRECT_TO sends all mails to one address, and
/// EMAIL_ALLOW_DOMAINS lets none go elsewhere than to some domains.
///
/// With OUTBOX=True it also takes messages that your application has written into the table outbox, in its own
/// transactions. With --outbox-only it takes only those, and needs no broker.
///
/// With REPLIES=True it answers messages that have a reply_to, and with EVENTS_EXCHANGE it publishes an event for each completed
/// notification and each failed mail.
///
/// Stop it with SIGTERM, SIGQUIT or SIGINT (Ctrl-C): it finishes the mails in flight and exits with code 0. A second signal, or
/// SHUTDOWN_TIMEOUT, ends it at once with code 1. Nothing is lost in either case.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[command(after_help = "\
Examples:
  HTTP_ADDR=127.0.0.1:9090 fanmail worker
  fanmail worker --outbox-only
  fanmail worker --dry-run")]
pub struct WorkerArgs {
    /// Take messages from the table outbox only; no broker is needed
    #[arg(long)]
    pub outbox_only: bool,
    /// Send no mail (dry-run mode), whatever is configured; the mails count as sent, with a detail that says so
    #[arg(long)]
    pub dry_run: bool,
}

type BrokerThread = (JoinHandle<Result<(), BrokerError>>, Liveness);

/// Where the messages come from, beside the outbox.
struct Source {
    /// One for each queue.
    inboxes: Vec<Inbox>,
    /// The threads of the broker, one for each queue, unless there is none.
    broker: Option<(Vec<BrokerThread>, CallWatchdog)>,
    /// Without a broker: closes the inbox when it is dropped.
    stands_for_broker: Option<Sender<Incoming>>,
}

impl Source {
    /// Without a `watchdog` there is no broker.
    fn new(
        config: &Config,
        runtime: &Runtime,
        watchdog: Option<CallWatchdog>,
        announcing: Option<&Announcing>,
    ) -> anyhow::Result<Self> {
        let Some(watchdog) = watchdog else {
            let (inbox, sender) = Inbox::without_broker();
            return Ok(Self { inboxes: vec![inbox], broker: None, stands_for_broker: Some(sender) });
        };
        let replies = announcing.and_then(|announcing| announcing.replies.as_ref());
        let subscriptions = runtime.subscribe(config, &watchdog, replies)?;
        let parts = |Subscription { inbox, thread, liveness }| (inbox, (thread, liveness));
        let (inboxes, threads) = subscriptions.into_iter().map(parts).unzip();
        Ok(Self { inboxes, broker: Some((threads, watchdog)), stands_for_broker: None })
    }
}

/// Consumes until SIGTERM, SIGINT or SIGQUIT.
///
/// # Errors
/// When the worker cannot start, and only a change of the configuration helps.
pub fn run(args: &WorkerArgs, config: &Config, environment: &Environment) -> anyhow::Result<ExitCode> {
    log::info!(
        "fanmail {} starts; settings: {}; database: {}",
        version::describe(),
        environment.origin(),
        config.database.backend.describe()
    );
    // Before anything else: in a wrong directory, nothing is as it should be.
    database::refuse_missing_default(config)?;
    let runtime = Runtime::start(config)?;
    let routes = routes::load(&config.worker)?;
    let templates = channels::templates_for(&config.content, routes.as_deref())?;
    let request_database = RequestDatabase::default();
    let has_broker = !args.outbox_only;
    runtime.starts(config, has_broker);
    let supervised = runtime.supervised();
    let http =
        runtime.serve_http(config, &templates, &request_database, has_broker, routes.clone(), &supervised)?;
    let registration = runtime.supervise(config, http.as_ref().map(|http| http.addr), &supervised)?;
    let Some((store, installation)) = runtime.wait_for_database(config)? else {
        log::info!("stopped before the database answered; no message was taken");
        return Ok(ExitCode::SUCCESS);
    };
    request_database.open(&store);
    runtime.monitor.health.clear_problem(Part::Database);
    let address_key = channels::address_key(&config.email, &store, &runtime.database_retry)?;
    let channels = channels::email(&config.email, &installation, &templates, address_key.as_ref())?;
    if let Some(reach) = config.email.describe_reach() {
        events::reach::limited(&runtime.monitor.health, reach);
    }
    let (threads, mut context) =
        runtime.start_threads(config, templates, channels, store, ProcessRole::Worker)?;
    let watchdog = if has_broker { Some(runtime.watch_broker()?) } else { None };
    let announcing = if let Some(watchdog) = &watchdog {
        runtime.announce(config, &context.store, &installation, watchdog)?
    } else {
        events::publications::without_broker(&config.broker.publishing.variables());
        None
    };
    context.announcements = announcing.as_ref().map(|announcing| announcing.announcements.clone());
    context.routes = routes;
    if context.dummy {
        // Updates wait for those that send: a dry run neither begins those that wait nor takes their place.
        context.store = context.store.clone().coalescing(None);
    }
    let context = Arc::new(context);
    counting::start(&context).context("cannot start a thread")?;
    let health = &runtime.monitor.health;
    let mut others = vec![
        deferral_sweep::start(&context).context("cannot start a thread")?,
        set_aside_sweep::start(&context, health).context("cannot start a thread")?,
    ];
    if config.http.addr.is_some() {
        others.push(backlog::start(&context).context("cannot start a thread")?);
    }
    let Source { inboxes, broker, stands_for_broker } =
        Source::new(config, &runtime, watchdog, announcing.as_ref())?;
    let broker_threads = broker.iter().flat_map(|(threads, _)| threads);
    supervised.has_started(broker_threads.map(|(_, liveness)| liveness.clone()).collect());
    if args.outbox_only || config.worker.outbox {
        events::outbox::begins(args.outbox_only);
        let stale_after = config.worker.stale_after;
        others
            .push(outbox::start(&context, stale_after, stands_for_broker).context("cannot start a thread")?);
    }
    let offsets = ReminderOffset::all(&config.worker.reminders);
    if !offsets.is_empty() {
        others.push(reminders::start(&context, health, offsets).context("cannot start a thread")?);
    }

    Dispatcher::new(context, inboxes, threads.batch_sender.clone(), &config.worker)
        .context("cannot start a thread")?
        .run()
        .context("cannot start a thread")?;
    let stopping = runtime.shutdown.requested();
    // Otherwise the sweeps would not end, nor would the lanes, which wait for their jobs.
    shutdown::request(&runtime.shutdown);
    let others: Vec<_> = others.into_iter().map(JoinHandle::join).collect();
    threads.join();
    let (broker_threads, has_hung) = match broker {
        Some((threads, watchdog)) => {
            let ended: Vec<_> = threads.into_iter().map(|(thread, _)| thread.join()).collect();
            (ended, watchdog.has_hung())
        }
        None => (Vec::new(), false),
    };
    let all = announcing.is_none_or(Announcing::finish)
        && others.iter().all(Result::is_ok)
        && broker_threads.iter().all(Result::is_ok);
    ensure!(all, "a thread panicked");
    if let Some(unusable_queue) = broker_threads.into_iter().flatten().find_map(Result::err) {
        return Err(unusable_queue.into());
    }
    ensure!(stopping, "the broker thread ended by itself");
    if let Some(registration) = registration {
        registration.finish();
    }
    if let Some(http) = http {
        http.finish();
    }
    log::info!("stopped cleanly");
    Ok(if has_hung { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

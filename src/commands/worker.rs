//! `fanmail worker`: consumes notifications until it is stopped.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, ensure};

use crate::app::{Runtime, channels, database};
use crate::config::Config;
use crate::config::environment::Environment;
use crate::shutdown;
use crate::worker::deferral_sweep;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::lease::keeper::ProcessRole;
use crate::worker::set_aside_sweep;

/// Consumes until SIGTERM, SIGINT or SIGQUIT.
///
/// # Errors
/// When the worker cannot start, and only a change of the configuration helps.
pub fn run(config: &Config, environment: &Environment) -> anyhow::Result<ExitCode> {
    log::info!(
        "fanmail {} starts; settings: {}; database: {}",
        env!("CARGO_PKG_VERSION"),
        environment.origin(),
        config.database.backend.describe()
    );
    // Before anything else: in a wrong directory, nothing is as it should be.
    database::refuse_missing_default(config)?;
    let runtime = Runtime::start(config)?;
    runtime.serve_http(config)?;
    let templates = channels::templates(&config.email)?;
    let Some((store, installation)) = runtime.wait_for_database(config)? else {
        log::info!("stopped before the database answered; no message was taken");
        return Ok(ExitCode::SUCCESS);
    };
    let channels = channels::email(&config.email, &installation, &templates)?;
    let (threads, context) =
        runtime.start_threads(config, templates, channels, store, ProcessRole::Worker)?;
    let context = Arc::new(context);
    let sweeps = [
        deferral_sweep::start(&context).context("cannot start a thread")?,
        set_aside_sweep::start(&context, &runtime.monitor.health).context("cannot start a thread")?,
    ];
    let (subscription, watchdog) = runtime.subscribe(config)?;

    Dispatcher::new(context, subscription.inbox, threads.batch_sender.clone(), &config.worker)
        .context("cannot start a thread")?
        .run()
        .context("cannot start a thread")?;
    let stopping = runtime.shutdown.requested();
    // Otherwise the sweeps would not end, nor would the lanes, which wait for their jobs.
    shutdown::request(&runtime.shutdown);
    let sweeps = sweeps.map(JoinHandle::join);
    threads.join();
    let broker_thread = subscription.thread.join();
    ensure!(broker_thread.is_ok() && sweeps.iter().all(Result::is_ok), "a thread panicked");
    if let Ok(Err(unusable_queue)) = broker_thread {
        return Err(unusable_queue.into());
    }
    ensure!(stopping, "the broker thread ended by itself");
    log::info!("stopped cleanly");
    Ok(if watchdog.has_hung() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

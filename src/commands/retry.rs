//! `fanmail retry`: sends a completed notification again to everyone whose mail failed or is deferred. Sending itself is
//! left to `worker::fan_out`.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::app::{Runtime, channels, database};
use crate::config::Config;
use crate::domain::event::Event;
use crate::domain::ids::NotificationId;
use crate::domain::outcome::Counts;
use crate::observe::health::Health;
use crate::process_id;
use crate::store::Store;
use crate::store::ledger::row::{Holder, NotificationRecord, NotificationState};
use crate::text::count::count;
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::keeper::ProcessRole;

/// How often the progress is drawn again.
const TICK: Duration = Duration::from_millis(500);

/// Arguments of `retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Notification ID, as shown by: fanmail status
    #[arg(long, value_name = "N")]
    pub notification: NotificationId,
    /// Also send to recipients whose failure was permanent, for example after an address was corrected
    #[arg(long)]
    pub permanent_too: bool,
}

/// Sends to everyone of the notification whose mail failed or is deferred, or who has no outcome yet, through the same lanes and with
/// the same Message-IDs as the worker.
///
/// # Errors
/// When there is no such notification, when it is not completed, or when something is not configured.
pub fn run(args: &RetryArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    let record = find_completed(&store, args.notification)?;
    let event = find_event(&store, &record)?;

    let runtime = Runtime::start(config)?;
    let templates = channels::templates(&config.email)?;
    let (worker_store, installation) = database::open(config)?;
    let channels = channels::email(&config.email, &installation, &templates)?;
    let (threads, context) =
        runtime.start_threads(config, templates, channels, worker_store, ProcessRole::Retry)?;
    if wait_for_silent_holder(&record, config, &runtime) == Err(Halt::Stopping) {
        say("interrupted; no mail was sent");
        return Ok(ExitCode::FAILURE);
    }
    let result = with_lease(&context, &record, |held| {
        if store.reopen_failed(held.lease, args.permanent_too)?.is_none() {
            bail!("{}", taken_by_another(&record));
        }
        let notification = record.notification;
        let claim = Claim { notification, event, held, resumed: true, scope: Scope::UndecidedAndDeferred };
        send(&store, &context, &runtime.monitor.health, &claim)
    })?;
    drop(context);
    threads.join();
    finish(&store, &record, result)
}

/// The notification, if it can be sent again.
fn find_completed(store: &Store, id: NotificationId) -> anyhow::Result<NotificationRecord> {
    let Some(record) = store.find_notification(id)? else {
        bail!("there is no notification {id}; list them with: fanmail status");
    };
    if record.state == NotificationState::Running {
        bail!("{}", not_completed(id, record.message_key.as_deref()));
    }
    if let Some(holder) = &record.holder
        && !(holder.expired || process_id::has_exited(&holder.owner))
    {
        let is_worker = store.list_workers()?.iter().any(|worker| worker.name == holder.owner);
        bail!("{}", held_by(id, holder, is_worker));
    }
    Ok(record)
}

/// Another process has the lease: a worker that tries deferred mails, or another retry.
fn held_by(id: NotificationId, holder: &Holder, is_worker: bool) -> String {
    let (name, until) = (process_id::display_name(&holder.owner), holder.until.format("%T"));
    if is_worker {
        return format!(
            "the worker {name} is trying deferred mails of notification {id} at the moment; wait a minute and run the \
             same command again, or after {until}Z if that worker is dead"
        );
    }
    format!(
        "notification {id} is being sent again by {name} already; wait until it has finished, or until {until}Z if that \
         process is dead"
    )
}

/// Without a message id, the message cannot be published as the same notification.
fn not_completed(id: NotificationId, message_key: Option<&str>) -> String {
    let lost = match message_key {
        Some(key) => format!("publish it again with the same --message-id, {key}"),
        None => {
            "do not publish it again: it had no id, so that would open a new notification, which mails everyone again"
                .to_owned()
        }
    };
    format!(
        "notification {id} is not completed: the worker sends to everyone who is pending. If its message was lost, {lost}"
    )
}

fn find_event(store: &Store, record: &NotificationRecord) -> anyhow::Result<Event> {
    let id = record.notification.id;
    let Some(event_id) = record.notification.event_id else {
        bail!("notification {id} is not about an event; this version of fanmail cannot retry it");
    };
    let Some(event) = store.find_event(event_id)? else {
        bail!("event {event_id} of notification {id} is not in the database any more");
    };
    Ok(event)
}

/// Waits for a term if a holder of the lease may be alive. That its lease has expired is not enough: cut off from the
/// database, it may be about to renew it. If it does, the lease is not as it was seen, and is not taken.
fn wait_for_silent_holder(
    record: &NotificationRecord,
    config: &Config,
    runtime: &Runtime,
) -> Result<(), Halt> {
    if record.holder.as_ref().is_none_or(|holder| process_id::has_exited(&holder.owner)) {
        return Ok(());
    }
    let term = config.worker.lease_timeout;
    say(&format!(
        "the last retry of notification {} has stopped renewing its lease; waiting {} s in case it is alive",
        record.notification.id,
        term.as_secs()
    ));
    if runtime.shutdown.wait(term) { Err(Halt::Stopping) } else { Ok(()) }
}

/// Takes the lease of the notification for the time of `step`, and releases it however the step ends.
fn with_lease<T>(
    context: &Context,
    record: &NotificationRecord,
    step: impl FnOnce(Arc<HeldLease>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let Some(held) = context.leases.take_over(record)? else {
        bail!("{}", taken_by_another(record));
    };
    let result = step(Arc::clone(&held));
    context.leases.release(&held);
    result
}

fn taken_by_another(record: &NotificationRecord) -> String {
    format!(
        "another process has started to send notification {} meanwhile; see: fanmail status",
        record.notification.id
    )
}

/// Sends to everyone without an outcome, deferred or not, and shows the progress.
fn send(
    store: &Store,
    context: &Context,
    health: &Health,
    claim: &Claim,
) -> anyhow::Result<Result<Counts, Halt>> {
    let tally = store.tally(&claim.notification)?;
    let recipients = tally.pending + tally.deferred;
    say(&format!(
        "notification {}: {} to retry (Ctrl-C stops; the same command continues)",
        claim.notification.id,
        count(recipients, "recipient")
    ));
    let bar = ProgressBar::new(recipients).with_style(style(health.clone())?);
    bar.enable_steady_tick(TICK);
    let result = fan_out::send_claimed(context, claim, |counts| bar.set_position(counts.total()));
    bar.finish_and_clear();
    Ok(result)
}

/// The numbers, and below them what is wrong at the moment: the bar stands still while the relay is down or refuses everyone,
/// and the log may go to a file.
fn style(health: Health) -> anyhow::Result<ProgressStyle> {
    let problems = move |_: &ProgressState, out: &mut dyn fmt::Write| {
        let problems = health.problems();
        let line_end = if problems.is_empty() { "" } else { "\n" };
        write!(out, "{line_end}{}", problems.trim_end()).unwrap_or_default();
    };
    let template = "{bar:40} {pos}/{len} {per_sec} {eta}{problems}";
    Ok(ProgressStyle::with_template(template)?.with_key("problems", problems))
}

/// Says how the notification adds up now, and what the exit code is.
fn finish(
    store: &Store,
    record: &NotificationRecord,
    result: Result<Counts, Halt>,
) -> anyhow::Result<ExitCode> {
    let after = store.tally(&record.notification)?;
    say(&format!(
        "notification {}: {} participants = {} sent + {} failed + {} skipped + {} deferred + {} pending",
        record.notification.id,
        after.participants,
        after.sent,
        after.failed,
        after.skipped,
        after.deferred,
        after.pending
    ));
    if after.deferred > 0 {
        say(
            "deferred mails are tried again by the worker when they are due; to try them now, run the same command again",
        );
    }
    match result {
        Ok(counts) if counts.failed == 0 => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::FAILURE),
        Err(Halt::Stopping) => {
            say("interrupted; continue with the same command");
            Ok(ExitCode::FAILURE)
        }
        Err(Halt::TakenOver) => bail!(
            "this process was frozen or cut off from the database, and another one sends this notification now"
        ),
    }
}

/// Prints a line. Mails are in flight: a closed standard output must not end the process, as `println!` would.
fn say(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        log::info!("{line} (standard output: {error})");
    }
}

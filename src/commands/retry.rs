//! `fanmail retry`: sends to everyone of a notification whose mail failed or is deferred, or who got none because the
//! notification was abandoned or its message is lost. Which notifications that may be is left to `candidate`, the lease to
//! `lease`, sending to `worker::fan_out`, and the last lines to `summary`.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::app::{Runtime, channels, database};
use crate::commands::output::say;
use crate::commands::retry::events::RetryEvents;
use crate::commands::retry::lease::{LeaseNote, RetryLease};
use crate::commands::retry::summary::{DRY_RUN, Sent, finish};
use crate::config::Config;
use crate::config::email::Route;
use crate::domain::event::Event;
use crate::domain::ids::NotificationId;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::outcome::Counts;
use crate::exit_code::MISCONFIGURED;
use crate::observe::health::Health;
use crate::process_id;
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::text::count::count;
use crate::text::mask::masked_line;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::lease::presence::ProcessRole;

mod candidate;
mod events;
mod lease;
mod missing_event;
mod reopening;
mod summary;
mod superseded;

/// How often the progress is drawn again.
const TICK: Duration = Duration::from_millis(500);

/// How often participants who were added late are looked for.
const PASSES: usize = 5;

/// Send the failed and deferred mails of a notification again
///
/// The notification may be completed, abandoned (its event must be in the database again) or set aside (its data must be
/// readable again); one that is waiting or running only with --message-lost. Sends to recipients whose mail is deferred, to those whose failure was temporary, and to participants without an outcome (pending).
/// With --permanent-too, for example after addresses were corrected or added, it also sends to those whose failure was
/// permanent, to those who were skipped because they had no address and have one now, and to those whose address is suppressed no more. A mail keeps its Message-ID. The command sends by itself, with or
/// without a running worker, and waits for a relay that is down. If it is interrupted, run the same command again: it
/// continues.
///
/// With --dummy-too, it also sends the mails that a worker in dry-run mode (EMAIL_DUMMY_MODE=True) has not sent. In
/// dry-run mode itself, failed and deferred mails stay as they are.
///
/// The exit code is 1 if a mail failed again.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[command(after_help = "\
Example:
  fanmail retry --notification 72")]
pub struct RetryArgs {
    /// Notification ID, as shown by: fanmail status
    #[arg(long, value_name = "N")]
    pub notification: NotificationId,
    /// Also send to recipients whose failure was permanent, to those who were skipped without an address and have one now, and to those
    /// whose address is suppressed no more
    #[arg(long)]
    pub permanent_too: bool,
    /// Also send the mails that a worker in dry-run mode has not sent, although they count as sent
    #[arg(long)]
    pub dummy_too: bool,
    /// Also send a notification that is not completed, because its message is in the queue no more (purged or deleted); if its
    /// event is not in the database, it is closed as abandoned
    #[arg(long)]
    pub message_lost: bool,
}

/// Sends to everyone of the notification whose mail failed or is deferred, or who has no outcome yet, through the same lanes and with
/// the same Message-IDs as the worker.
///
/// # Errors
/// When there is no such notification, when another process sends it, or when something is not configured.
pub fn run(args: &RetryArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let dry_run = matches!(config.email.route, Route::Dummy { .. });
    if dry_run && args.dummy_too {
        eprintln!("error: --dummy-too: {DRY_RUN}, and would send nothing; set EMAIL_DUMMY_MODE=False");
        return Ok(ExitCode::from(MISCONFIGURED));
    }
    let store = database::connect_existing(config)?;
    let record =
        candidate::find(&store, args.notification, args.message_lost, config.worker.silence_limit())?;
    let (event, details) = match candidate::find_event(&store, &record)? {
        Ok(found) => found,
        Err(missing) if args.message_lost && record.state.is_open() => {
            return missing_event::close(&store, &record, &missing, config.worker.lease_timeout);
        }
        Err(missing) => bail!("{}", missing_event::refusal(&record, &missing)),
    };

    let note = LeaseNote::default();
    let on_exit = note.clone();
    let runtime = Runtime::start_with(config, move || on_exit.text())?;
    let templates = channels::templates(&config.content)?;
    let (worker_store, installation) = database::open(config)?;
    let address_key = channels::address_key(&config.email, &worker_store, &runtime.database_retry)?;
    let channels = channels::email(&config.email, &installation, &templates, address_key.as_ref())?;
    let (threads, context) =
        runtime.start_threads(config, templates, channels, worker_store, ProcessRole::Retry)?;
    let events = RetryEvents::start(config, &runtime, &context.store, &installation)?;
    if wait_for_silent_holder(&record, config, &runtime) == Err(Halt::Stopping) {
        say("interrupted; no mail was sent");
        return Ok(ExitCode::FAILURE);
    }
    let sent = retry(&context, &runtime.monitor.health, &record, (event, details), args, &note);
    drop(context);
    threads.join();
    events.publish(&record, sent.as_ref().ok());
    finish(&store, &sent?, dry_run)
}

/// Sends under a lease, which is given up however this ends.
fn retry(
    context: &Context,
    health: &Health,
    record: &NotificationRecord,
    (event, details): (Option<Event>, MessageDetails),
    args: &RetryArgs,
    note: &LeaseNote,
) -> anyhow::Result<Sent> {
    let id = record.notification.id;
    let taken_by_another =
        || anyhow!("another process has started to send notification {id} meanwhile; see: fanmail status");
    let lease = RetryLease::take(context, record, note)?.ok_or_else(taken_by_another)?;
    let held = Arc::clone(lease.held());
    match reopening::is_left_alone(context, id) {
        Ok(false) => {}
        Ok(true) => return Ok(Sent { notification: record.notification, result: Ok(Counts::default()) }),
        Err(Stopped) => return Ok(Sent { notification: record.notification, result: Err(Halt::Stopping) }),
    }
    if let Err(halt) = superseded::check(context, record, &held) {
        let notification = superseded::close(context, &record.notification, &held, &halt);
        return Ok(Sent { notification, result: Err(halt) });
    }
    let notification = match reopening::reopen(context, record, held.lease, args) {
        Ok(reopened) => reopened?.ok_or_else(taken_by_another)?,
        Err(Stopped) => return Ok(Sent { notification: record.notification, result: Err(Halt::Stopping) }),
    };
    let scope = if context.dummy { Scope::Undecided } else { Scope::UndecidedAndDeferred };
    let one_mail_per_address = context.one_mail_per_address;
    let facts = NotificationFacts::new(notification.kind, event, details);
    let mut claim =
        Claim { notification, facts, held, resumed: true, published_at: None, scope, one_mail_per_address };
    let result = send_and_complete(context, health, &mut claim, record.state)?;
    if let Err(halt) = result {
        let notification = superseded::close(context, &notification, &claim.held, &halt);
        return Ok(Sent { notification, result: Err(halt) });
    }
    Ok(Sent { notification, result })
}

/// Sends until everyone is decided or deferred: participants who were added late are sent in another pass.
fn send_and_complete(
    context: &Context,
    health: &Health,
    claim: &mut Claim,
    state: NotificationState,
) -> anyhow::Result<Result<Counts, Halt>> {
    let mut all = Counts::default();
    for _ in 0..PASSES {
        let mut pass = Counts::default();
        match send(context, health, claim, &mut pass)? {
            Ok(counts) => all += counts,
            Err(Halt::Unreadable(what)) if state == NotificationState::Completed => {
                if has_undecided(context, &claim.notification)? {
                    return Ok(Err(Halt::Unreadable(what)));
                }
                // Only keys of several people are left: what was completed is not undone by them.
                let what = masked_line(&what);
                say(&format!("note: {what}; who has a key of their own then is mailed by the same command"));
                all += pass;
            }
            halted => return Ok(halted),
        }
        match complete(context, state, claim) {
            Ok(Completion::Undecided) => {}
            Ok(Completion::Completed) => return Ok(Ok(all)),
            Ok(Completion::LeaseLost) => return Ok(Err(Halt::TakenOver)),
            Err(Stopped) => return Ok(Err(Halt::Stopping)),
        }
    }
    bail!(
        "notification {}: after {PASSES} passes participants are pending: rows are added all the time, or a view returns other \
         rows for each query; look again with: fanmail status",
        claim.notification.id
    )
}

/// Whether someone has no outcome. A shutdown leaves that open.
fn has_undecided(context: &Context, notification: &Notification) -> anyhow::Result<bool> {
    match context.database_retry.while_transient(|| context.store.tally(notification)) {
        Ok(tally) => Ok(tally.map(|tally| tally.pending > 0 || (tally.deferred > 0 && !context.dummy))?),
        Err(Stopped) => Ok(true),
    }
}

/// Completes a notification that was not completed before, if everyone is decided or deferred.
fn complete(context: &Context, state: NotificationState, claim: &Claim) -> Result<Completion, Stopped> {
    let Context { store, database_retry, .. } = context;
    let (lease, listed) = (claim.held.lease, claim.notification.audience.is_listed());
    database_retry.until_ok(|| match state {
        NotificationState::Completed => Ok(Completion::Completed),
        NotificationState::Abandoned if store.tally(&claim.notification)?.pending > 0 => {
            Ok(Completion::Undecided)
        }
        NotificationState::Abandoned if store.complete_abandoned(lease)? => Ok(Completion::Completed),
        NotificationState::Abandoned => Ok(Completion::LeaseLost),
        NotificationState::SetAside => store.complete_set_aside(Completing { lease, after: None, listed }),
        NotificationState::Waiting | NotificationState::Running => {
            let completed = store.complete_notifications(&[Completing { lease, after: None, listed }])?;
            Ok(completed.first().copied().unwrap_or(Completion::LeaseLost))
        }
    })
}

/// Waits for a term if a holder of the lease may be alive. That its lease has expired is not enough: cut off from the
/// database, it may be about to renew it. If it does, the lease is not as it was seen, and is not taken.
fn wait_for_silent_holder(
    record: &NotificationRecord,
    config: &Config,
    runtime: &Runtime,
) -> Result<(), Halt> {
    let alive = record.holder.as_ref().filter(|holder| !process_id::has_exited(&holder.owner));
    let Some(holder) = alive else { return Ok(()) };
    let term = config.worker.lease_timeout;
    say(&format!(
        "{} has stopped renewing its lease of notification {}; waiting {} s in case it is alive",
        process_id::display_name(&holder.owner),
        record.notification.id,
        term.as_secs()
    ));
    if runtime.shutdown.wait(term) { Err(Halt::Stopping) } else { Ok(()) }
}

/// Sends to everyone without an outcome, deferred or not, and shows the progress, which is in `so_far`. A dry run leaves the deferred
/// alone.
fn send(
    context: &Context,
    health: &Health,
    claim: &mut Claim,
    so_far: &mut Counts,
) -> anyhow::Result<Result<Counts, Halt>> {
    let Context { store, database_retry, .. } = context;
    let tally = match database_retry.while_transient(|| store.tally(&claim.notification)) {
        Ok(tally) => tally?,
        Err(Stopped) => return Ok(Err(Halt::Stopping)),
    };
    // People were skipped in favour of others: it goes on as it was begun.
    claim.one_mail_per_address |= tally.same_address > 0;
    let recipients = tally.pending + if context.dummy { 0 } else { tally.deferred };
    let how = if recipients == 0 { "" } else { " (Ctrl-C stops; the same command continues)" };
    let id = claim.notification.id;
    say(&format!("notification {id}: {} to retry{how}", count(recipients, "recipient")));
    let bar = ProgressBar::new(recipients).with_style(style(health.clone())?);
    bar.enable_steady_tick(TICK);
    let result = fan_out::send_claimed(context, claim, |counts| {
        *so_far = counts;
        bar.set_position(counts.total());
    });
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

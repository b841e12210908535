//! `fanmail retry`: send again to the people of a notification whose mail failed.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::{Runtime, channels, database};
use crate::cli::RetryArgs;
use crate::config::Config;
use crate::process_id;
use crate::store::ledger::row::NotificationState;
use crate::worker::fan_out;
use crate::worker::fan_out::context::Halt;
use crate::worker::lease::keeper::ProcessRole;

/// Sends to everyone of the notification who has failed, and to those who have no outcome yet, through the same
/// lanes and with the same Message-IDs as the worker would.
///
/// # Errors
/// When there is no such notification, when its fan-out is not over, or when something is not configured.
pub fn run(args: &RetryArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    let id = args.notification;
    let Some(row) = store.find_notification(id)? else {
        bail!("there is no notification {id}; `fanmail status` lists them");
    };
    if row.state == NotificationState::Running {
        bail!(
            "notification {id} is not over: the worker sends to everyone who is pending. Should its message be \
             lost, publish it once more with the same --message-id{}",
            row.message_key.map_or(String::new(), |key| format!(", {key}"))
        );
    }
    if let Some(holder) = &row.holder
        && !(holder.expired || process_id::is_gone(&holder.owner))
    {
        bail!(
            "notification {id} is being sent again by {} already; let it finish, or wait until {}Z if it is no more",
            process_id::shown(&holder.owner),
            holder.until.format("%T")
        );
    }
    let notification = row.notification;
    let Some(event_id) = notification.event_id else {
        bail!("notification {id} is not about an event; this version of fanmail cannot retry it");
    };
    let Some(event) = store.find_event(event_id)? else {
        bail!("event {event_id} of notification {id} is not in the database any more");
    };

    let runtime = Runtime::start(config)?;
    let (threads, context) = runtime.start_threads(
        config,
        channels::templates(&config.email)?,
        channels::transports(&config.email)?,
        database::open(config)?,
        ProcessRole::Retry,
    )?;
    if row.holder.as_ref().is_some_and(|holder| !process_id::is_gone(&holder.owner)) {
        // That its lease has ended is not enough: cut off from the database, it may be about to renew it. If it
        // does, the lease is not as it was seen.
        let term = config.worker.lease_timeout;
        say(&format!(
            "the last retry of notification {id} has gone silent; waiting {} s for it",
            term.as_secs()
        ));
        if runtime.shutdown.wait(term) {
            say("interrupted; nothing was begun");
            return Ok(ExitCode::FAILURE);
        }
    }
    let taken = context.leases.take_over(&row)?;
    let reopened = match &taken {
        Some(held) => store.reopen_failed(held.lease, args.permanent_too)?,
        None => None,
    };
    let (Some(held), Some(_)) = (taken, reopened) else {
        bail!("somebody else has begun with notification {id} meanwhile; `fanmail status` tells how it is");
    };
    let before = store.tally(&notification)?;
    say(&format!(
        "notification {id}: {} people to send to (Ctrl-C stops; the same command goes on)",
        before.pending
    ));

    let bar = ProgressBar::new(before.pending).with_style(style()?);
    let result = fan_out::send_to_undecided(&context, notification, &held, true, &event, |counts| {
        bar.set_position(counts.sent + counts.failed + counts.skipped);
    });
    bar.finish_and_clear();
    context.leases.release(&held);
    drop(context);
    threads.join();

    let after = store.tally(&notification)?;
    say(&format!(
        "notification {id}: {} participants = {} sent + {} failed + {} skipped + {} pending",
        after.participants, after.sent, after.failed, after.skipped, after.pending
    ));
    let counts = match result {
        Ok(counts) => counts,
        Err(Halt::Stopping) => {
            say("interrupted; the same command goes on where it stopped");
            return Ok(ExitCode::FAILURE);
        }
        Err(Halt::TakenOver) => bail!(
            "this process was frozen, or cut off from the database, and another one sends to these people now"
        ),
    };
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn style() -> anyhow::Result<ProgressStyle> {
    Ok(ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}")?)
}

/// Prints a line. Mails are under way: that nobody reads it is no reason to end, as `println!` would.
fn say(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        log::info!("{line} (standard output: {error})");
    }
}

//! The last lines of `fanmail retry`: how the notification adds up now, and the exit code. Sending is left to `retry`.

use std::process::ExitCode;
use std::thread;

use anyhow::bail;

use crate::commands::output::say;
use crate::commands::retry::lease::BACKOFF;
use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::domain::outcome::{Counts, Tally};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::text::clean::one_line;
use crate::text::count::count;
use crate::text::mask::mask;
use crate::worker::fan_out::context::Halt;

/// Why a retry sends nothing.
pub(super) const DRY_RUN: &str = "this is dry-run mode (EMAIL_DUMMY_MODE=True)";

/// How often the database is asked for the final numbers: for five seconds or so.
const FINAL_ATTEMPTS: u32 = 6;

/// What a retry has done.
pub(super) struct Sent {
    /// As it is now: the audience of an abandoned one may have been frozen just now.
    pub notification: Notification,
    pub result: Result<Counts, Halt>,
}

/// Says how the notification adds up now, and what the exit code is.
pub(super) fn finish(store: &Store, sent: &Sent, dry_run: bool) -> anyhow::Result<ExitCode> {
    let Sent { notification, result } = sent;
    let mut left_alone = 0;
    match read_tally(store, notification) {
        Ok(tally) => {
            say_tally(notification.id, &tally, dry_run);
            left_alone = if dry_run { tally.failed + tally.deferred } else { 0 };
        }
        Err(error) => say(&format!("{error}; see how the notification adds up with: fanmail status")),
    }
    match result {
        Ok(_) if left_alone > 0 => {
            let mails = count(left_alone, "failed or deferred mail");
            say(&format!(
                "{DRY_RUN}: {mails} left as before; to send, set EMAIL_DUMMY_MODE=False and run the same command again"
            ));
            Ok(ExitCode::FAILURE)
        }
        Ok(counts) if counts.failed == 0 => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::FAILURE),
        Err(Halt::Stopping) => {
            say("interrupted; continue with the same command");
            Ok(ExitCode::FAILURE)
        }
        Err(Halt::Unreadable(what)) => bail!(
            "some people got no mail: {}; correct the data or the view, then run the same command again",
            mask(&one_line(what))
        ),
        Err(Halt::TakenOver) => bail!(
            "this process was frozen or cut off from the database, and another one sends this notification now"
        ),
    }
}

/// Everything is sent: a database that is away for a moment is not the end of it, also after a signal.
fn read_tally(store: &Store, notification: &Notification) -> Result<Tally, StoreError> {
    for failures in 1..FINAL_ATTEMPTS {
        match store.tally(notification) {
            Err(error) if error.is_transient() => thread::sleep(BACKOFF.pause(failures, fastrand::f64())),
            result => return result,
        }
    }
    store.tally(notification)
}

fn say_tally(id: NotificationId, tally: &Tally, dry_run: bool) {
    say(&format!(
        "notification {id}: {} participants = {} sent + {} failed + {} skipped + {} deferred + {} pending",
        tally.participants, tally.sent, tally.failed, tally.skipped, tally.deferred, tally.pending
    ));
    if tally.dry_run > 0 {
        let how = if dry_run { "" } else { "; to send to them, run the same command with --dummy-too" };
        say(&format!("{} of those sent are of dry-run mode and got no mail{how}", tally.dry_run));
    }
    if tally.deferred > 0 && !dry_run {
        say(
            "deferred mails are tried again by the worker when they are due; to try them now, run the same command again",
        );
    }
}

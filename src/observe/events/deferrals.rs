//! Deferred mails, which the sweep tries again.

use std::time::Duration;

use log::Level;

use crate::domain::notification::Notification;
use crate::domain::outcome::Counts;
use crate::observe::events::fields::log_about;
use crate::observe::events::mail::how_to_retry;
use crate::text::count::count;
use crate::text::duration::at_most;

/// A run of the sweep has ended. `counts` are those of this run.
pub fn swept(notification: &Notification, counts: Counts) {
    let Counts { sent, failed, skipped, deferred, .. } = counts;
    let others = [(deferred, "deferred again"), (failed, "failed"), (skipped, "skipped")];
    let others: Vec<String> = others
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!(", {number} {what}"))
        .collect();
    log_about!(
        Level::Info, notification, sent = sent, failed = failed, skipped = skipped, deferred = deferred;
        "notification {}: {sent} of {} sent{}{}",
        notification.id,
        count(counts.total(), "deferred mail"),
        others.concat(),
        how_to_retry(notification.id, counts)
    );
}

/// Deferred mails that are due cannot be made, and wait for `pause` more. The relay was not asked.
pub fn postponed(notification: &Notification, mails: usize, reason: &str, pause: Duration) {
    log_about!(
        Level::Info, notification, deferred = mails, reason = reason, seconds = pause.as_secs();
        "notification {}: {} cannot be made now ({reason}); trying again in {}, and no step of DEFER_SCHEDULE is \
         used up. Correct the row or the view",
        notification.id,
        count(mails as u64, "deferred mail"),
        at_most(pause)
    );
}

/// The sweep has lost its lease: another process goes on.
pub fn sweep_taken_over(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {}: its deferred mails were taken over by another worker, because this worker was \
         frozen or cut off from the database; mails in flight at that moment may be sent twice",
        notification.id
    );
}

/// The sweep has lost its lease: the row is not in the ledger any more, or its key belongs to another notification.
pub fn sweep_vanished(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {} is not in the database any more: its rows were deleted, or the database was restored \
         from an older copy. Its deferred mails that were not sent yet are lost, unless the copy has them",
        notification.id
    );
}

/// This process sends no deferred mails.
pub fn not_swept_in_dry_run(deferrals: u64) {
    log::warn!(
        deferred = deferrals;
        "dry-run mode: {} of earlier runs stay deferred, because a dry run would record them as sent; a worker with \
         EMAIL_DUMMY_MODE=False sends them",
        count(deferrals, "mail")
    );
}

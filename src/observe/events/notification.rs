//! One notification: its fan-out starts, proceeds and ends. Single mails are left to `mail`.

use std::time::Duration;

use log::Level;

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::notification::Notification;
use crate::domain::outcome::Counts;
use crate::observe::events::fields::{log_about, seconds};
use crate::observe::events::mail::how_to_retry;
use crate::observe::events::pace::per_time;
use crate::observe::metrics::Metrics;
use crate::observe::progress::FanOutProgress;
use crate::text::count::count;
use crate::text::duration::at_most;

/// A fan-out starts, or resumes what another one has begun.
pub fn started(notification: &Notification, resumed: bool, dry_run: bool) {
    log_about!(
        Level::Info, notification, resumed = resumed, dry_run = dry_run;
        "notification {} ({notification}) {}{}",
        notification.id,
        if resumed { "resumed" } else { "started" },
        if dry_run { "; dry-run mode, NO MAIL IS SENT" } else { "" }
    );
}

/// This dry run does not send it: a worker that sends has begun it.
pub fn left_by_dry_run(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {0} ({notification}) is left to workers with EMAIL_DUMMY_MODE=False: one has sent some of its mails, and a dry run \
         would record the others as sent. Its message is acked, and any such worker sends to the others; at once with: fanmail retry \
         --notification {0}",
        notification.id
    );
}

/// A dry run has left it half done, and this worker sends it.
pub fn dry_run_forgotten(notification: &Notification, outcomes: u64) {
    log_about!(
        Level::Info, notification;
        "notification {} ({notification}) was begun by a dry run: {} that it has recorded are sent now",
        notification.id,
        count(outcomes, "mail")
    );
}

/// How far a fan-out is that takes long. `counts` are those of the whole notification.
pub fn progress(progress: &FanOutProgress, counts: Counts) {
    let FanOutProgress { notification, done, total, rate, .. } = progress;
    let left = progress.left();
    log_about!(
        Level::Info,
        notification,
        done = done,
        total = total,
        sent = counts.sent,
        failed = counts.failed,
        rate = (rate * 10.0).round() / 10.0,
        seconds_left = left.map(|left| left.as_secs());
        "notification {} ({notification}): {done}{} done ({} sent, {} failed), {}{}",
        notification.id,
        total.map_or(String::new(), |total| format!(" of {total}")),
        counts.sent,
        counts.failed,
        per_time(*rate),
        left.map_or(String::new(), |left| format!(", {} left", at_most(left)))
    );
}

/// A fan-out ends because the worker is stopping. `counts` are those of this fan-out.
pub fn interrupted(notification: &Notification, counts: Counts) {
    log_about!(
        Level::Info, notification, sent = counts.sent, failed = counts.failed;
        "notification {} ({notification}) interrupted by the stop: {} sent, {} failed by this worker; a worker sends to the \
         others when the message comes again",
        notification.id,
        counts.sent,
        counts.failed
    );
}

/// What a fan-out has done that completes its notification.
#[derive(Debug, Clone, Copy)]
pub struct CompletedRun {
    /// The outcomes of earlier fan-outs.
    pub before: Counts,
    /// Those of this one.
    pub counts: Counts,
    /// How long it took.
    pub lasted: Duration,
    /// For so long, deferred mails are tried again.
    pub deferred_for: Duration,
}

/// Every participant has an outcome or is deferred.
pub fn completed(metrics: &Metrics, notification: &Notification, run: &CompletedRun) {
    metrics.completed.inc();
    let whole = run.before + run.counts;
    let resumed = run.before.total() > 0;
    let run_only = |number: u64| resumed.then_some(number);
    log_about!(
        Level::Info,
        notification,
        sent = whole.sent,
        failed = whole.failed,
        skipped = whole.skipped,
        deferred = whole.deferred,
        dry_run = whole.dry_run > 0,
        seconds = seconds(run.lasted),
        run_sent = run_only(run.counts.sent),
        run_failed = run_only(run.counts.failed),
        run_skipped = run_only(run.counts.skipped),
        run_deferred = run_only(run.counts.deferred);
        "notification {} ({notification}) completed: {}{} in {:.1} s{}{}",
        notification.id,
        outcomes(whole),
        if resumed { format!("; since it was resumed: {}", outcomes(run.counts)) } else { String::new() },
        run.lasted.as_secs_f64(),
        if whole.deferred > 0 {
            format!("; deferred mails are tried again for up to {}", at_most(run.deferred_for))
        } else {
            String::new()
        },
        how_to_retry(notification.id, whole)
    );
}

fn outcomes(counts: Counts) -> String {
    let Counts { sent, dry_run, failed, skipped, deferred, .. } = counts;
    format!(
        "{sent} sent{}, {failed} failed, {skipped} skipped{}",
        if dry_run > 0 { " (dry-run mode: NO MAIL WAS SENT)" } else { "" },
        if deferred > 0 { format!(", {deferred} deferred") } else { String::new() },
    )
}

/// A notification was completed, and no participant was found.
pub fn without_participants(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {} ({notification}): no mail was sent, because the event has no participants; if people take part, \
         check that their rows in participants have this event_id, then publish a new message (fanmail retry sends nothing: \
         this notification is for no one)",
        notification.id
    );
}

/// What its first mails have told of the event cannot be read.
pub fn unreadable_snapshot(notification: &Notification, reason: &str) {
    log_about!(
        Level::Warn, notification, reason = reason;
        "notification {} ({notification}): its event_snapshot in the ledger cannot be read: {reason}; its other mails show the event \
         as it is now",
        notification.id
    );
}

/// Rows of the event have no key, so nothing could tell what became of them.
pub fn people_without_key(notification_id: NotificationId, event_id: EventId) {
    log::warn!(
        notification = notification_id, event = event_id;
        "notification {notification_id}: rows of participants of event {event_id} have no id (NULL) and get no mail; give \
         each row an id"
    );
}

/// The query for addresses that several participants have has failed, because of this `reason`. `again`: as it did before.
pub fn repeated_addresses_unknown(notification: &Notification, reason: &str, again: bool) {
    log_about!(
        if again { Level::Debug } else { Level::Warn }, notification, reason = reason;
        "notification {} ({notification}): the query for addresses that occur more than once has failed: {reason}. The \
         addresses are compared without it, which takes about 60 bytes of memory for each participant. Correct the data or the \
         view",
        notification.id
    );
}

/// Before a notification is completed: a participant up to its frozen end is neither decided nor deferred.
pub fn found_late(notification: &Notification) {
    log_about!(
        Level::Info, notification;
        "notification {} ({notification}): participants were added after their page was read, or their outcomes are gone \
         from the database; sending to them now",
        notification.id
    );
}

/// The tables contradict themselves. `passes` over the participants have found none.
pub fn completed_unchecked(notification: &Notification, passes: u32) {
    log_about!(
        Level::Error, notification;
        "notification {} ({notification}): the database says that a participant has no outcome yet, and has not returned \
         that participant {passes} times. The notification is completed all the same. If participants is a view, its \
         rows must be the same in every query; fanmail status shows this participant as pending",
        notification.id
    );
}

/// Another worker has the lease.
pub fn taken_over(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {} ({notification}) was taken over by another worker, because this worker was frozen or cut off \
         from the database; mails in flight at that moment may be sent twice",
        notification.id
    );
}

/// The row is not in the ledger any more, or its key belongs to another notification.
pub fn vanished(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {} ({notification}) is not in the database any more: its rows were deleted, or the database was \
         restored from an older copy. Its message is opened anew. Everyone who has no outcome in the database is sent the \
         mail, and people who have got it already may get it again",
        notification.id
    );
}

/// The same for a message that came over a connection that is lost.
pub fn vanished_elsewhere(notification: &Notification) {
    log_about!(
        Level::Warn, notification;
        "notification {} ({notification}) is not in the database any more: its rows were deleted, or the database was \
         restored from an older copy. Its message is opened anew by the worker to which the broker delivers it again. \
         Everyone who has no outcome in the database is sent the mail, and people who have got it already may get it again",
        notification.id
    );
}

/// The event is not in the database yet.
pub fn event_missing(event_id: EventId, grace: Duration) {
    log::info!(
        event = event_id, seconds = grace.as_secs();
        "event {event_id} is not in the database yet; looking it up again for {} s",
        grace.as_secs()
    );
}

//! What a newer notification of an event does to an older one: nobody gets "updated" after "cancelled".
//!
//! - *The older one* looks for a newer one when it begins (`check_newer`). While it runs, it is told: by the dispatcher, when the newer
//!   one has arrived at the same worker, or by the ledger, when that has begun at another one (`superseded_by`, which the lease keeper
//!   reads). Mails in flight finish. Then everyone without an outcome is skipped, and it is completed.
//! - *The newer one* waits until no process sends an older one any more, before it sends its first mail (`end_older`). Those that no
//!   process has, it closes itself: their workers have died, they are set aside, or have deferred mails.
//!
//! One of the two sees the other one whatever their order is: both are committed before either looks. Which kinds supersede which is
//! left to `domain::superseding`.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::domain::audience::{Audience, Listing};
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::lease::Lease;
use crate::domain::message::details::DetailsJson;
use crate::domain::notification::Notification;
use crate::domain::outcome::{Counts, Outcome, Verdict};
use crate::observe::events;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::store::ledger::superseding::{Closing, Related};
use crate::store::ledger::undecided::UndecidedPage;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::{Context, FanOutResult, Halt, PARTICIPANTS, check_lease, read_data};
use crate::worker::fan_out::page::Decided;
use crate::worker::fan_out::turn::Leased;
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::staleness::StalenessWatches;

/// People who are skipped in one transaction.
const SKIPPED_AT_ONCE: u32 = 1_000;
/// How often people may join who are found by the next pass only.
const MAX_PASSES: u32 = 3;
/// The pause between two looks for the end of older notifications.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

impl Leased {
    /// From here on it is told when it is superseded. Returns whether it may supersede older ones itself.
    ///
    /// # Errors
    /// When it is superseded already, or its lease is left to others because of that; when a shutdown is requested first.
    pub(super) fn check_newer(&self, context: &Context) -> Result<bool, Halt> {
        if !self.held.begin() {
            return Err(Halt::TakenOver);
        }
        // A reminder that has not begun has a rule of its own.
        if self.notification.kind == Kind::Reminder && !self.resumed {
            return Ok(false);
        }
        let Related { newer, has_older } = find_related(context, &self.notification, self.details.as_ref())?;
        newer.map_or(Ok(has_older), |newer| Err(Halt::Superseded(newer)))
    }

    /// Returns once nobody gets a mail any more of the older ones that it supersedes, if it `has_older` ones.
    ///
    /// # Errors
    /// As [`end_older`].
    pub(super) fn end_older(&self, context: &Context, has_older: bool) -> Result<(), Halt> {
        if has_older { end_older(context, &self.notification, &self.held) } else { Ok(()) }
    }

    /// Skips everyone without an outcome, and completes it.
    ///
    /// # Errors
    /// When a shutdown is requested first, the lease is lost, or keys of participants cannot be read.
    pub(super) fn close_for(&self, context: &Context, newer: NotificationId) -> Result<FanOutResult, Halt> {
        close(context, &self.notification, &self.held, newer)?;
        Ok(FanOutResult::Completed(self.notification))
    }
}

/// The notification that supersedes this one, if there is one.
///
/// # Errors
/// When a shutdown is requested before the database answers.
pub fn find_newer(
    context: &Context,
    notification: &Notification,
    details: Option<&DetailsJson>,
) -> Result<Option<NotificationId>, Stopped> {
    Ok(find_related(context, notification, details)?.newer)
}

fn find_related(
    context: &Context,
    notification: &Notification,
    details: Option<&DetailsJson>,
) -> Result<Related, Stopped> {
    let Context { store, database_retry, supersede, .. } = context;
    if !supersede {
        return Ok(Related::default());
    }
    database_retry.until_ok(|| store.find_related(notification, details))
}

/// Returns once nobody gets a mail any more of the older notifications that this one supersedes, apart from mails in flight at workers
/// that are frozen.
///
/// # Errors
/// When a shutdown is requested first, or the lease `held` of this one is lost, or it is superseded itself.
pub fn end_older(context: &Context, newer: &Notification, held: &HeldLease) -> Result<(), Halt> {
    let Context { store, database_retry, leases, shutdown, .. } = context;
    // A dry run tells no recipient anything.
    if !context.supersede || context.dummy || !matches!(newer.kind, Kind::Updated | Kind::Cancelled) {
        return Ok(());
    }
    let mut staleness = StalenessWatches::new(LOOK_INTERVAL * 50);
    // Those of which something cannot be read: no process sends them, and they look for a newer one before they are tried again.
    let mut left = HashSet::new();
    loop {
        let mut older = database_retry.until_ok(|| store.list_superseded(newer))?;
        older.retain(|record| !left.contains(&record.notification.id));
        if older.is_empty() {
            return Ok(());
        }
        let unmarked = older.iter().filter(|record| record.superseded_by.is_none());
        let unmarked: Vec<NotificationId> = unmarked.map(|record| record.notification.id).collect();
        database_retry.until_ok(|| store.mark_superseded(&unmarked, newer.id))?;
        leases.look_for_superseded();
        let mut closed = false;
        for record in &older {
            let stale_for = staleness.observe(record, Instant::now());
            if leases.is_free(record, stale_for) {
                closed = true;
                if !take_and_close(context, record, newer.id)? {
                    left.insert(record.notification.id);
                }
            }
        }
        if !closed && shutdown.wait(LOOK_INTERVAL) {
            return Err(Halt::Stopping);
        }
        check_lease(held)?;
    }
}

/// Leases a notification as it was seen, unless another process was quicker, and closes it. `false`: something cannot be read.
fn take_and_close(
    context: &Context,
    record: &NotificationRecord,
    newer: NotificationId,
) -> Result<bool, Halt> {
    let epoch = record.epoch.of_take_over();
    let take_over = || context.leases.take_over(record, epoch);
    let Some(held) = context.database_retry.until_ok(take_over)? else { return Ok(true) };
    let begun = held.begin();
    let closed = close(context, &record.notification, &held, newer);
    context.leases.release(&held);
    match closed {
        Ok(()) => {
            let is_answered = record.acked_at.is_some() || record.coalescing_since.is_some();
            if is_answered && record.state != NotificationState::Completed {
                context.announce_completed(record.notification.id);
            }
            Ok(true)
        }
        Err(Halt::Unreadable(what)) => {
            log::debug!(
                notification = record.notification.id;
                "notification {} is not closed: {what}",
                record.notification.id
            );
            Ok(false)
        }
        Err(Halt::Stopping) => Err(Halt::Stopping),
        Err(Halt::TakenOver | Halt::Superseded(_)) => Ok(begun),
    }
}

/// Skips everyone of the notification without an outcome, deferred or not, and completes it.
///
/// # Errors
/// When a shutdown is requested first, the lease is lost, or keys of participants cannot be read.
pub fn close(
    context: &Context,
    notification: &Notification,
    held: &HeldLease,
    newer: NotificationId,
) -> Result<(), Halt> {
    let Context { store, database_retry, metrics, .. } = context;
    let lease = held.lease;
    match database_retry.until_ok(|| store.close_untouched(lease, newer))? {
        Closing::Closed => {
            events::superseding::before_it_began(metrics, notification, newer);
            return Ok(());
        }
        Closing::Begun => {}
        Closing::LeaseLost => return Err(Halt::TakenOver),
    }
    // Its audience may have been frozen since it was read.
    let record = database_retry.until_ok(|| store.find_notification(notification.id))?;
    let notification = record.ok_or(Halt::TakenOver)?.notification;
    end_list(context, &notification, lease)?;
    let mut skipped = 0;
    for _ in 0..MAX_PASSES {
        let pass = skip_everyone(context, &notification, lease, newer)?;
        skipped += pass;
        if pass == 0 {
            break;
        }
    }
    match database_retry.until_ok(|| store.close_superseded(lease, newer))? {
        Closing::Closed | Closing::Begun => {
            events::superseding::ended(metrics, &notification, newer, skipped);
            Ok(())
        }
        Closing::LeaseLost => Err(Halt::TakenOver),
    }
}

/// Where keys are text: those who are not listed yet are no part of the notification.
fn end_list(context: &Context, notification: &Notification, lease: Lease) -> Result<(), Halt> {
    let Context { store, database_retry, .. } = context;
    let id = notification.id;
    if !matches!(notification.audience, Audience::Recipients { .. })
        || matches!(database_retry.until_ok(|| store.find_listing(id))?, Some(Listing::Frozen(_)) | None)
    {
        return Ok(());
    }
    let last = database_retry.until_ok(|| store.find_last_recipient(id))?;
    let after = last.map_or(ParticipantId(0), |(last, _)| last);
    let listing = Some(Listing::Frozen(after.0));
    let end = NewRecipients { lease, after, keys: &[], listing };
    match database_retry.until_ok(|| store.append_recipients(&end))? {
        Appended::Done | Appended::Moved => Ok(()),
        Appended::LeaseLost => Err(Halt::TakenOver),
    }
}

/// One pass over the people of a notification, a page in each transaction. Returns how many were skipped. Not one statement for all of
/// them: that would hold its locks for seconds, on `MariaDB` also those of the application's rows.
fn skip_everyone(
    context: &Context,
    notification: &Notification,
    lease: Lease,
    newer: NotificationId,
) -> Result<u64, Halt> {
    let Context { store, database_retry, metrics, shutdown, .. } = context;
    let (mut after, mut skipped) = (None, Counts::default());
    loop {
        if shutdown.requested() {
            return Err(Halt::Stopping);
        }
        let read = || store.read_undecided(notification, after, SKIPPED_AT_ONCE);
        let page = read_data(database_retry, PARTICIPANTS, read)?;
        let next_behind = page.next_behind;
        let outcomes = outcomes(page, lease, newer);
        if !database_retry.until_ok(|| store.record_outcomes(&outcomes))?.is_empty() {
            return Err(Halt::TakenOver);
        }
        let mut counts = Counts::default();
        for outcome in &outcomes {
            counts.add(&outcome.verdict);
        }
        metrics.add_outcomes(counts);
        skipped += counts;
        match next_behind {
            Some(last) => after = Some(last),
            None => return Ok(skipped.total()),
        }
    }
}

fn outcomes(page: UndecidedPage, lease: Lease, newer: NotificationId) -> Vec<Outcome> {
    let verdict = || Verdict::superseded_by(newer);
    let undecided = page.undecided.into_iter();
    let undecided = undecided.map(|participant_id| Decided { participant_id, tries: 0, verdict: verdict() });
    let deferred = page.deferred.iter().map(|deferral| Decided::of(deferral, verdict()));
    undecided.chain(deferred).map(|decided| decided.outcome(lease)).collect()
}

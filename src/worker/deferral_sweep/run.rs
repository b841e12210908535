//! One run of the sweep: leases one notification, tries its due mails again as a fan-out does, and releases it. Which
//! notification has its turn is left to the sweep, sending to `fan_out`.

use std::sync::Arc;
use std::time::Instant;

use crate::domain::event::Event;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::outcome::{Counts, Outcome, Permanence, Verdict};
use crate::observe::events;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::Deferral;
use crate::store::ledger::row::NotificationRecord;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::fan_out::due::DuePages;
use crate::worker::fan_out::page::Decided;
use crate::worker::fan_out::superseding;
use crate::worker::lease::held::HeldLease;

/// Runs to its end, or until a shutdown is requested. Does nothing when another worker was quicker.
pub(super) fn sweep_notification(context: &Context, record: &NotificationRecord) {
    let notification = record.notification;
    let epoch = record.epoch.of_take_over();
    let take_over = || context.leases.take_over(record, epoch);
    // Stopped: nothing was leased.
    let Ok(Some(held)) = context.database_retry.until_ok(take_over) else { return };
    if !held.begin() {
        return;
    }
    let begun_at = Instant::now();
    let tried = try_due(context, record, &held);
    // A run that was interrupted may have recorded failures, too.
    let may_have_failures = tried.as_ref().map_or(true, |counts| counts.failed > 0);
    if may_have_failures && let Some(announcements) = &context.announcements {
        announcements.failed_since(notification.id, begun_at);
    }
    match tried {
        Ok(counts) if counts.total() > 0 => events::deferrals::swept(&notification, counts),
        // Deferred mails wait one by one for what cannot be read.
        Ok(_) | Err(Halt::Stopping | Halt::Unreadable(_)) => {}
        Err(Halt::Superseded(newer)) => {
            let closed = superseding::close(context, &notification, &held, newer);
            log::debug!(
                notification = notification.id;
                "notification {}: its deferred mails are superseded: {closed:?}",
                notification.id
            );
        }
        Err(Halt::TakenOver) => tell_of_lost_lease(context, record),
    }
    context.leases.release(&held);
}

fn tell_of_lost_lease(context: &Context, record: &NotificationRecord) {
    match has_vanished(context, record) {
        Ok(true) => events::deferrals::sweep_vanished(&record.notification),
        Ok(false) => events::deferrals::sweep_taken_over(&record.notification),
        Err(stopped) => {
            log::debug!(
                notification = record.notification.id;
                "notification {}: its lease is lost; {stopped:?}",
                record.notification.id
            );
        }
    }
}

/// Whether the row of a notification is gone. Then no other worker has taken it over.
pub(in crate::worker) fn has_vanished(
    context: &Context,
    record: &NotificationRecord,
) -> Result<bool, Stopped> {
    let id = record.notification.id;
    let found = context.database_retry.until_ok(|| context.store.find_notification(id))?;
    Ok(found.is_none_or(|found| {
        (found.notification, found.message_key) != (record.notification, record.message_key.clone())
    }))
}

fn try_due(context: &Context, record: &NotificationRecord, held: &Arc<HeldLease>) -> Result<Counts, Halt> {
    let notification = &record.notification;
    if let Some(newer) = superseding::find_newer(context, notification, record.details.as_ref())? {
        return Err(Halt::Superseded(newer));
    }
    let postpone = |why: &str| {
        postpone_all(context, notification, held, why)?;
        Ok(Counts::default())
    };
    let details = match MessageDetails::read(record.details.as_ref()) {
        Ok(details) => details,
        Err(error) => return postpone(&error.to_string()),
    };
    if let Err(error) = context.templates.check_folder(notification.kind, &details) {
        return postpone(&error.to_string());
    }
    match find_event(context, notification, &details)? {
        Ok(event) if event.is_some() || notification.event_id.is_none() => {
            let (notification, held, resumed) = (*notification, Arc::clone(held), true);
            let (scope, one_mail_per_address) = (Scope::Due, context.one_mail_per_address);
            let facts = NotificationFacts::new(notification.kind, event, details);
            let claim =
                Claim { notification, facts, held, resumed, published_at: None, scope, one_mail_per_address };
            match fan_out::send_claimed(context, &claim, |_| {}) {
                // What is asked for each page, such as the opt-outs of the application.
                Err(Halt::Unreadable(what)) => postpone(&what),
                sent => sent,
            }
        }
        // Without the event there is nothing to render. It may come back: the failure is temporary.
        Ok(_) => fail_all(context, notification, held, "its event is not in the database any more"),
        Err(error) => postpone(&format!("its event cannot be read: {}", error.reason())),
    }
}

fn find_event(
    context: &Context,
    notification: &Notification,
    details: &MessageDetails,
) -> Result<Result<Option<Event>, StoreError>, Stopped> {
    let Some(event_id) = notification.event_id else { return Ok(Ok(None)) };
    match details.event(event_id) {
        None => context.database_retry.while_readable(|| context.store.find_event(event_id)),
        carried => Ok(Ok(carried)),
    }
}

/// Postpones everyone who is due.
fn postpone_all(
    context: &Context,
    notification: &Notification,
    held: &Arc<HeldLease>,
    why: &str,
) -> Result<(), Stopped> {
    let Context { store, database_retry, .. } = context;
    let mut pages = DuePages::new(*notification, Arc::clone(held), context.page_size);
    while !pages.ended() && !held.is_lost() {
        let due = pages.read(store, database_retry)?;
        pages.postpone_all(&due, why, store, database_retry)?;
    }
    Ok(())
}

/// Everyone who is due has failed for a temporary reason, without a mail.
fn fail_all(
    context: &Context,
    notification: &Notification,
    held: &Arc<HeldLease>,
    why: &str,
) -> Result<Counts, Halt> {
    let Context { store, database_retry, metrics, .. } = context;
    let mut pages = DuePages::new(*notification, Arc::clone(held), context.page_size);
    let verdict = Verdict::failed(Permanence::Transient, None, why);
    let mut counts = Counts::default();
    while !pages.ended() {
        let due = pages.read(store, database_retry)?;
        let outcome = |deferral: &Deferral| Decided::of(deferral, verdict.clone()).outcome(held.lease);
        let outcomes: Vec<Outcome> = due.iter().map(outcome).collect();
        // No lane waits for these outcomes, and no mail was sent: the recorder is not needed.
        if !database_retry.until_ok(|| store.record_outcomes(&outcomes))?.is_empty() {
            return Err(Halt::TakenOver);
        }
        let mut page = Counts::default();
        for outcome in &outcomes {
            page.add(&outcome.verdict);
        }
        metrics.add_outcomes(page);
        counts += page;
    }
    Ok(counts)
}

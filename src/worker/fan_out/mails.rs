//! What the mails of a claim tell of its event, and that the ledger keeps it: a fan-out that resumes, a sweep and a retry tell what the
//! first mails have told. Whether the event is still there is left to `event_lookup`, writing the snapshot to the recorder.

use std::borrow::Cow;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::channels::PreparedNotification;
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::kind::Kind;
use crate::domain::notification_facts::NotificationFacts;
use crate::observe::events;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::claim::Claim;
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::fan_out::eligibility::Eligibility;
use crate::worker::fan_out::previous;
use crate::worker::fan_out_handle::{FanOutHandle, Report};

/// What mails tell.
struct Told<'a> {
    facts: Cow<'a, NotificationFacts>,
    /// What the ledger is to keep of it, if it has nothing.
    snapshot: Option<String>,
}

/// The handle of a fan-out, with what its mails have in common, and what decides who gets which of them.
///
/// # Errors
/// When a shutdown is requested before the database answers, or the templates of a route are gone.
pub(super) fn prepare(
    context: &Context,
    claim: &Claim,
    reports: Sender<Report>,
) -> Result<(FanOutHandle, Eligibility), Halt> {
    let Told { facts, snapshot } = told(context, claim)?;
    let prepared = PreparedNotification::new(&claim.notification, &facts, &context.templates)?;
    let previous = previous::find(context, &claim.notification, &facts, &prepared)?;
    let published_at = claim.published_at.filter(|_| !claim.resumed);
    let handle = FanOutHandle::new(Arc::clone(&claim.held), prepared, reports).published_at(published_at);
    let eligibility = Eligibility::new(&claim.notification, previous);
    Ok((handle.with_snapshot(snapshot).listed(claim.notification.audience.is_listed()), eligibility))
}

fn told<'a>(context: &Context, claim: &'a Claim) -> Result<Told<'a>, Stopped> {
    let as_it_is = |snapshot| Told { facts: Cow::Borrowed(&claim.facts), snapshot };
    let Some(event) = &claim.facts.event else { return Ok(as_it_is(None)) };
    let known = if claim.resumed {
        context.database_retry.until_ok(|| context.store.find_snapshot(&claim.notification))?
    } else {
        None
    };
    Ok(match known {
        None => as_it_is(EventSnapshot::of(event).to_json().ok()),
        // A reminder tells what is: when the event was moved, it is not sent.
        Some(_) if claim.notification.kind == Kind::Reminder => as_it_is(None),
        Some(Ok(snapshot)) => {
            let event = Some(snapshot.restore(event.clone()));
            Told { facts: Cow::Owned(NotificationFacts { event, ..claim.facts.clone() }), snapshot: None }
        }
        Some(Err(error)) => {
            events::notification::unreadable_snapshot(&claim.notification, &error);
            as_it_is(None)
        }
    })
}

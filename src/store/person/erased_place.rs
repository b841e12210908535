//! Erases one recipient of one notification who is the person, in a write transaction of the caller.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::audience::Listing;
use crate::domain::ids::ParticipantId;
use crate::domain::lease::Lease;
use crate::domain::outcome::{Outcome, Status, Verdict};
use crate::domain::suppression::SuppressionReason;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::ledger::deliveries::insert_outcomes;
use crate::store::ledger::row::NotificationState;
use crate::store::person::Place;
use crate::store::person::entries::{Entry, NotificationEntry, OutcomeEntry, read_entry};
use crate::store::person::erased_content::erased_content;
use crate::store::person::erasures::Erased;
use crate::store::schema::{deferrals, deliveries, notifications, recipients};

/// Under the lock of the notification, so that no worker leases it meanwhile.
pub(super) fn erase_place(connection: &mut AnyConnection, place: Place, writes: bool) -> QueryResult<Erased> {
    let lease = if writes {
        dispatch::lock_notifications(connection, &[place.notification_id])?.first().copied()
    } else {
        None
    };
    let entry = read_entry(connection, place)?;
    let mut erased = Erased::default();
    if entry.recipient.as_ref().is_some_and(|row| !row.is_empty()) {
        if is_needed(&entry, dispatch::clock(connection)?) {
            erased.left += 1;
            return Ok(erased);
        }
        erased.rows.recipients += 1;
        if writes {
            skip_if_undecided(connection, &entry, lease)?;
            erase_recipient(connection, &entry)?;
        }
    }
    erased.rows.outcomes += erase_words(connection, &entry, writes)?;
    Ok(erased)
}

/// Whether a worker still needs the row of the recipient: it may be sending the mail, or goes on behind the last key of a list that is not
/// complete.
fn is_needed(entry: &Entry, now: NaiveDateTime) -> bool {
    let Some(notification) = &entry.notification else { return false };
    let is_leased = notification.lease_until.is_some_and(|until| until > now);
    let is_open = NotificationState::UNDECIDED.contains(&notification.state.as_str());
    let is_listing = notification.audience == "recipients"
        && !matches!(Listing::from_end(notification.max_participant_id), Listing::Frozen(_));
    // Undecided is also who is sent to by a retry.
    (is_leased && entry.outcome.is_none()) || (is_open && is_listing)
}

/// No worker is sending the mail, and none will.
fn skip_if_undecided(connection: &mut AnyConnection, entry: &Entry, lease: Option<Lease>) -> QueryResult<()> {
    let Some(lease) = lease.filter(|_| entry.outcome.is_none()) else { return Ok(()) };
    let deferrals = entry.deferral.as_ref().map_or(0, |deferral| deferral.tries.unsigned_abs());
    let outcome = Outcome {
        lease,
        participant_id: entry.place.participant_id,
        attempts: deferrals,
        deferrals,
        verdict: Verdict::suppressed(SuppressionReason::Erased),
    };
    insert_outcomes(connection, &[outcome]).map(drop)
}

/// Empties the row, which still counts. Of a message that was for this person alone, also what it says.
fn erase_recipient(connection: &mut AnyConnection, entry: &Entry) -> QueryResult<()> {
    let Place { notification_id, participant_id } = entry.place;
    let none = None::<String>;
    diesel::update(recipients::table.find((notification_id, participant_id)))
        .set((
            recipients::user_key.eq(&none),
            recipients::email.eq(&none),
            recipients::name.eq(&none),
            recipients::locale.eq(&none),
            recipients::data.eq(&none),
        ))
        .execute(connection)?;
    let Some(NotificationEntry { audience, content: Some(content), .. }) = &entry.notification else {
        return Ok(());
    };
    if audience != "given" {
        return Ok(());
    }
    let other: Option<ParticipantId> = recipients::table
        .filter(recipients::notification_id.eq(notification_id))
        .filter(recipients::user_key.is_not_null().or(recipients::email.is_not_null()))
        .select(recipients::id)
        .first(connection)
        .optional()?;
    if other.is_none() {
        diesel::update(notifications::table.find(notification_id))
            .set(notifications::content.eq(erased_content(content)))
            .execute(connection)?;
    }
    Ok(())
}

/// Takes the words of relays away. Words of fanmail's own say nothing about the person, and totals are counted by them.
fn erase_words(connection: &mut AnyConnection, entry: &Entry, writes: bool) -> QueryResult<u64> {
    let Place { notification_id, participant_id } = entry.place;
    let mut changed = 0;
    // An accepted mail has some in the rows of old versions. What fanmail says itself of a mail has no code.
    let has_words = |one: &OutcomeEntry| {
        let is_relays = one.status == Status::Failed.as_str() || one.smtp_code.is_some();
        is_relays && one.detail.is_some()
    };
    if entry.outcome.as_ref().is_some_and(has_words) {
        changed += 1;
        if writes {
            diesel::update(deliveries::table.find((notification_id, participant_id)))
                .set(deliveries::detail.eq(None::<String>))
                .execute(connection)?;
        }
    }
    if entry.deferral.as_ref().is_some_and(|one| one.detail.is_some()) {
        changed += 1;
        if writes {
            diesel::update(deferrals::table.find((notification_id, participant_id)))
                .set(deferrals::detail.eq(None::<String>))
                .execute(connection)?;
        }
    }
    Ok(changed)
}

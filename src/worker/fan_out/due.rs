//! The deferred participants of a notification who are due, a page at a time, in key order: what one run of the sweep tries
//! again. When a notification is swept is left to `deferral_sweep`.

use std::time::{Duration, Instant};

use crate::domain::ids::ParticipantId;
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::store::Store;
use crate::store::ledger::deferrals::{Deferral, DeferredParticipant};
use crate::text::clean::one_line;
use crate::text::mask::mask;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::Claim;
use crate::worker::fan_out::context::Halt;
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::fan_out::unserved::Unserved;
use crate::worker::recipient::Recipient;

/// Most people of one run. Then other notifications have their turn.
const MAX_PEOPLE: u32 = 1_000;

/// After so long, a run begins no further mail. Other notifications have their turn, and the next run reads again who
/// still takes part, and whether the event was cancelled: the relay may have been down for hours.
const MAX_DURATION: Duration = Duration::from_secs(60);

/// When a deferred mail is tried again whose participant or event cannot be read.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(300);

/// The pages of one run, as far as they are read.
#[derive(Debug)]
pub struct DuePages {
    notification: Notification,
    page_size: u32,
    /// The last participant that was read.
    after: Option<ParticipantId>,
    /// How many people more this run may have.
    left: u32,
    ended: bool,
    started_at: Instant,
    /// Those who were skipped in favour of people for whom there is no mail any more.
    unserved: Option<Unserved>,
}

impl DuePages {
    /// The due deferrals of the notification, in pages of `page_size`.
    #[must_use]
    pub fn new(notification: Notification, page_size: u32) -> Self {
        let (after, left, unserved) = (None, MAX_PEOPLE, None);
        Self { notification, page_size, after, left, ended: false, started_at: Instant::now(), unserved }
    }

    /// The same, of a claim under which mails are sent.
    #[must_use]
    pub fn claimed(self, claim: &Claim) -> Self {
        Self { unserved: Some(Unserved::new(claim)), ..self }
    }

    /// Whether there is no further page in this run.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended || self.left == 0 || self.are_outdated()
    }

    /// Whether the run has lasted so long that what it has read may not be true any more.
    #[must_use]
    pub fn are_outdated(&self) -> bool {
        self.started_at.elapsed() >= MAX_DURATION
    }

    /// The next page.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Stopped> {
        let due = self.read(store, database_retry)?;
        let reason =
            if due.is_empty() { None } else { reason_to_skip(&self.notification, store, database_retry)? };
        if let (Some(unserved), None) = (&self.unserved, reason) {
            match unserved.defer_instead_of(&due, store, database_retry) {
                Ok(()) => {}
                Err(Halt::Unreadable(why)) => return Ok(all_postponed(&due, &why)),
                Err(Halt::Stopping | Halt::TakenOver) => return Err(Stopped),
            }
        }
        let mut page = Page::default();
        for DeferredParticipant { deferral, participant, unreadable } in due {
            let verdict = match (reason, unreadable, participant) {
                (None, None, Some(participant)) => {
                    page.recipients.push(Recipient::deferred(participant, &deferral));
                    continue;
                }
                (Some(reason), ..) => Verdict::skipped(reason),
                (None, Some(why), _) => postponed(&deferral, &format!("cannot be read: {why}")),
                (None, None, None) => Verdict::skipped("has left the event"),
            };
            page.decided.push(Decided::of(&deferral, verdict));
        }
        Ok(page)
    }

    /// The due deferrals of the next page. Nothing is decided about them.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn read(
        &mut self,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Vec<DeferredParticipant>, Stopped> {
        let (notification, after, limit) = (self.notification, self.after, self.page_size.min(self.left));
        let due = database_retry.until_ok(|| store.read_due_page(&notification, after, limit))?;
        self.left = self.left.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
        match due.last() {
            Some(last) => self.after = Some(last.deferral.participant_id),
            None => self.ended = true,
        }
        Ok(due)
    }
}

fn all_postponed(due: &[DeferredParticipant], why: &str) -> Page {
    let decided = due.iter().map(|due| Decided::of(&due.deferral, postponed(&due.deferral, why)));
    Page { decided: decided.collect(), ..Page::default() }
}

/// A deferred mail that waits until something can be read. It waits for as long as that takes.
#[must_use]
pub fn postponed(deferral: &Deferral, why: &str) -> Verdict {
    Verdict::deferred(UNREADABLE_PAUSE, deferral.code, &mask(&one_line(why)))
}

/// Why no participant gets the mail any more, if so. An update of an event that does not take place would mislead.
pub(super) fn reason_to_skip(
    notification: &Notification,
    store: &Store,
    database_retry: &DatabaseRetry,
) -> Result<Option<&'static str>, Stopped> {
    let cancelled = match notification.kind {
        Kind::Created | Kind::Updated => {
            database_retry.until_ok(|| store.is_cancelled_since(notification))?
        }
        Kind::Cancelled => false,
    };
    Ok(cancelled.then_some(Verdict::CANCELLED))
}

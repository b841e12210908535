//! The deferred participants of a notification who are due, a page at a time, in key order: what one run of the sweep tries
//! again. When a notification is swept is left to `deferral_sweep`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::ids::ParticipantId;
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;
use crate::observe::events;
use crate::store::Store;
use crate::store::ledger::deferrals::Deferral;
use crate::text::clean::cut;
use crate::text::mask::masked_line;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::Claim;
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::fan_out::people::People;
use crate::worker::fan_out::reminder::has_begun;
use crate::worker::fan_out::unserved::Unserved;
use crate::worker::lease::held::HeldLease;
use crate::worker::recipient::Recipient;

/// Most people of one run. Then other notifications have their turn.
const MAX_PEOPLE: u32 = 1_000;

/// After so long, a run begins no further mail. Other notifications have their turn, and the next run reads again who
/// still takes part, and whether the event was cancelled: the relay may have been down for hours.
pub const MAX_DURATION: Duration = Duration::from_secs(60);

/// When a deferred mail is tried again whose participant or event cannot be read.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(300);

/// Those of a page who take part, or why they cannot be read.
type Found = HashMap<ParticipantId, Result<Participant, String>>;

/// The pages of one run, as far as they are read.
#[derive(Debug)]
pub struct DuePages {
    notification: Notification,
    held: Arc<HeldLease>,
    page_size: u32,
    /// The last participant that was read.
    after: Option<ParticipantId>,
    /// How many people more this run may have.
    left: u32,
    ended: bool,
    started_at: Instant,
    max_duration: Duration,
    /// Those who were skipped in favour of people for whom there is no mail any more.
    unserved: Option<Unserved>,
    /// Whether some of them could not be read so far.
    has_failed: bool,
}

impl DuePages {
    /// The due deferrals of the notification, in pages of `page_size`.
    #[must_use]
    pub fn new(notification: Notification, held: Arc<HeldLease>, page_size: u32) -> Self {
        Self {
            notification,
            held,
            page_size,
            after: None,
            left: MAX_PEOPLE,
            ended: false,
            started_at: Instant::now(),
            max_duration: MAX_DURATION,
            unserved: None,
            has_failed: false,
        }
    }

    /// The same, of a claim under which mails are begun for so long.
    #[must_use]
    pub fn claimed(self, claim: &Claim, max_duration: Duration) -> Self {
        Self { unserved: Some(Unserved::new(claim)), max_duration, ..self }
    }

    /// Whether there is no further page in this run.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended || self.left == 0 || self.are_outdated()
    }

    /// Whether the run has lasted so long that what it has read may not be true any more.
    #[must_use]
    pub fn are_outdated(&self) -> bool {
        self.started_at.elapsed() >= self.max_duration
    }

    /// The next page. Mails that cannot be made now are postponed.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Stopped> {
        let due = self.read(store, database_retry)?;
        if due.is_empty() {
            return Ok(Page::default());
        }
        if let Some(reason) = reason_to_skip(&self.notification, store, database_retry)? {
            let skipped = due.iter().map(|deferral| Decided::of(deferral, Verdict::skipped(reason)));
            return Ok(Page { decided: skipped.collect(), ..Page::default() });
        }
        let people = self.find_people(&due, store, database_retry)?;
        if let Some(unserved) = &mut self.unserved {
            unserved.defer_instead_of(&due, &people, store, database_retry)?;
        }
        self.page(due, people, store, database_retry)
    }

    fn find_people(
        &mut self,
        due: &[Deferral],
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Found, Stopped> {
        let ids: Vec<ParticipantId> = due.iter().map(|deferral| deferral.participant_id).collect();
        let people = People::find(&ids, &self.notification, store, database_retry, !self.has_failed)?;
        self.has_failed |= !people.unreadable.is_empty();
        Ok(people.by_id())
    }

    fn page(
        &self,
        due: Vec<Deferral>,
        mut people: Found,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Stopped> {
        let mut page = Page::default();
        let mut postponed: BTreeMap<String, Vec<ParticipantId>> = BTreeMap::new();
        for deferral in due {
            let id = deferral.participant_id;
            match people.remove(&id) {
                Some(Ok(participant)) => page.recipients.push(Recipient::deferred(participant, &deferral)),
                Some(Err(why)) => postponed.entry(format!("cannot be read: {why}")).or_default().push(id),
                None => page
                    .decided
                    .push(Decided::of(&deferral, Verdict::skipped(self.notification.reason_for_absence()))),
            }
        }
        self.postpone(&postponed, store, database_retry)?;
        Ok(page)
    }

    /// Postpones all of these mails until something can be read, for as long as that takes. No step of `DEFER_SCHEDULE` is used up.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn postpone_all(
        &self,
        due: &[Deferral],
        why: &str,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<(), Stopped> {
        if due.is_empty() {
            return Ok(());
        }
        let ids = due.iter().map(|deferral| deferral.participant_id).collect();
        self.postpone(&BTreeMap::from([(why.to_owned(), ids)]), store, database_retry)
    }

    fn postpone(
        &self,
        reasons: &BTreeMap<String, Vec<ParticipantId>>,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<(), Stopped> {
        // The words of a database may quote what is in a row.
        let detail = |why: &str| cut(masked_line(why), Verdict::DETAIL_MAX);
        let mut details: BTreeMap<String, Vec<ParticipantId>> = BTreeMap::new();
        for (why, ids) in reasons {
            details.entry(detail(why)).or_default().extend(ids);
        }
        let Some((first, _)) = details.first_key_value() else { return Ok(()) };
        let postpone = || store.postpone_deferrals(self.held.lease, UNREADABLE_PAUSE, &details);
        if database_retry.until_ok(postpone)? {
            let mails = details.values().map(Vec::len).sum();
            events::deferrals::postponed(&self.notification, mails, first, UNREADABLE_PAUSE);
        } else {
            self.held.mark_lost();
        }
        Ok(())
    }

    /// The due deferrals of the next page. Nothing is decided about them.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn read(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Vec<Deferral>, Stopped> {
        let (id, after, limit) = (self.notification.id, self.after, self.page_size.min(self.left));
        let due = database_retry.until_ok(|| store.read_due_page(id, after, limit))?;
        self.left = self.left.saturating_sub(u32::try_from(due.len()).unwrap_or(u32::MAX));
        match due.last() {
            Some(last) => self.after = Some(last.participant_id),
            None => self.ended = true,
        }
        Ok(due)
    }
}

/// Why no participant gets the mail any more, if so. An update of an event that does not take place would mislead.
pub(super) fn reason_to_skip(
    notification: &Notification,
    store: &Store,
    database_retry: &DatabaseRetry,
) -> Result<Option<&'static str>, Stopped> {
    let cancelled = match notification.kind {
        Kind::Created | Kind::Updated | Kind::Reminder => {
            database_retry.until_ok(|| store.is_cancelled_since(notification))?
        }
        Kind::Cancelled | Kind::Notice | Kind::Routed => false,
    };
    if cancelled {
        return Ok(Some(Verdict::CANCELLED));
    }
    let has_begun = notification.kind == Kind::Reminder && has_begun(notification, store, database_retry)?;
    Ok(has_begun.then_some(Verdict::HAS_BEGUN))
}

//! The undecided participants of a notification, a page at a time, in key order. Their keys are whole numbers: those that are text
//! are left to `listed`. What is read is left to the store, and to
//! `row_by_row` when some of it cannot be read.

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt, PARTICIPANTS};
use crate::worker::fan_out::due::reason_to_skip;
use crate::worker::fan_out::one_mail_per_address::OneMailPerAddress;
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::fan_out::row_by_row::{PageRange, ReadPage};
use crate::worker::fan_out::unreadable::UnreadablePeople;
use crate::worker::recipient::Recipient;

/// The pages of one notification, as far as they are read.
#[derive(Debug)]
pub struct AudiencePages {
    notification: Notification,
    event_id: EventId,
    up_to: ParticipantId,
    page_size: u32,
    /// Whether an earlier run may have decided or deferred some participants.
    resumed: bool,
    scope: Scope,
    /// The last participant that was read.
    after: Option<ParticipantId>,
    unreadable: UnreadablePeople,
    ended: bool,
    /// Only when participants who have one address get one mail together.
    one_mail_per_address: Option<Box<OneMailPerAddress>>,
}

impl AudiencePages {
    /// The participants of this event up to this key, for the claimed notification, from the first page on. A dry run reopens no
    /// outcome.
    #[must_use]
    pub fn new(claim: &Claim, context: &Context, event_id: EventId, up_to: ParticipantId) -> Self {
        let one_mail_per_address = OneMailPerAddress::of_claim(claim, context);
        Self {
            notification: claim.notification,
            event_id,
            up_to,
            page_size: context.page_size,
            resumed: claim.resumed,
            scope: claim.scope,
            after: None,
            unreadable: UnreadablePeople::up_to(up_to),
            ended: false,
            one_mail_per_address,
        }
    }

    /// Whether there is no further page, or none that can be read.
    #[must_use]
    pub fn ended(&self) -> bool {
        let has_postponed = self.one_mail_per_address.as_ref().is_some_and(|one| one.has_postponed());
        self.unreadable.are_too_many() || (self.ended && !has_postponed)
    }

    /// Who cannot be read, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.describe()
    }

    /// The undecided participants of the next page; possibly none.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Stopped> {
        let page = self.read(store, database_retry);
        self.unreadable.take_from(page)
    }

    fn read(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        if self.ended
            && let Some(one) = &mut self.one_mail_per_address
        {
            return one.next_postponed(store, database_retry);
        }
        let after = self.after;
        let range = PageRange { event_id: self.event_id, after, up_to: self.up_to, limit: self.page_size };
        let page = range.read(store, database_retry, self.unreadable.is_empty())?;
        let page = page.map_err(|error| Halt::unreadable(PARTICIPANTS, &error))?;
        self.ended = page.is_last;
        let Some(last) = page.last else { return Ok(Page::default()) };
        self.after = Some(last);
        if self.resumed {
            return self.undecided(page, after, last, store, database_retry);
        }
        if self.one_mail_per_address.is_some() {
            return self.one_for_each_address(page, after, store, database_retry);
        }
        let recipients = page.people.into_iter().map(Recipient::new).collect();
        Ok(Page { recipients, decided: Vec::new(), unreadable: page.unreadable, doubled: page.doubled })
    }

    /// Those of the page who get a mail or are skipped, with one mail for each address.
    fn one_for_each_address(
        &mut self,
        page: ReadPage,
        after: Option<ParticipantId>,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        let is_only_page = after.is_none() && self.ended;
        let Some(one) = &mut self.one_mail_per_address else { return Ok(Page::default()) };
        let selected = one.select(page.people, after, is_only_page, store, database_retry)?;
        Ok(Page { unreadable: page.unreadable, doubled: page.doubled, ..selected })
    }

    /// Those of the page, whose keys follow `after`, that an earlier run has not decided. Range queries and no join: on
    /// PostgreSQL with stale statistics a join was measured going quadratic (27 s for 500 pages, against 0.1 s).
    fn undecided(
        &mut self,
        mut page: ReadPage,
        after: Option<ParticipantId>,
        last: ParticipantId,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        let reason = self.reason_to_skip(store, database_retry)?;
        let by_address = self.one_mail_per_address.is_some() && reason.is_none();
        if by_address && page.unreadable.is_empty() {
            return self.one_for_each_address(page, after, store, database_retry);
        }
        let id = self.notification.id;
        // In this order: a decision deletes the deferral.
        let deferrals = database_retry.until_ok(|| store.deferrals_between(id, after, last))?;
        let decided = database_retry.until_ok(|| store.decided_between(id, after, last))?;
        let is_left_to_sweep =
            |id: &ParticipantId| self.scope != Scope::UndecidedAndDeferred && deferrals.contains_key(id);
        let is_undecided = |id: &ParticipantId| !decided.contains(id) && !is_left_to_sweep(id);
        page.unreadable.retain(|(id, _)| is_undecided(id));
        if by_address {
            return self.one_for_each_address(page, after, store, database_retry);
        }
        page.people.retain(|participant| is_undecided(&participant.id));
        if let Some(reason) = reason {
            return Ok(skipped(&page, reason));
        }
        let recipient = |participant: Participant| {
            let deferral = deferrals.get(&participant.id);
            Recipient::undecided(participant, deferral)
        };
        let recipients = page.people.into_iter().map(recipient).collect();
        Ok(Page { recipients, decided: Vec::new(), unreadable: page.unreadable, doubled: page.doubled })
    }

    /// Why no undecided participant gets the mail any more, if so. Later notifications of the event do not wait for one that is
    /// set aside.
    fn reason_to_skip(
        &self,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Option<&'static str>, Stopped> {
        match self.scope {
            Scope::SetAside => reason_to_skip(&self.notification, store, database_retry),
            Scope::Undecided | Scope::UndecidedAndDeferred | Scope::Due => Ok(None),
        }
    }
}

/// Everyone of the page is skipped.
fn skipped(page: &ReadPage, reason: &str) -> Page {
    let readable = page.people.iter().map(|participant| participant.id);
    let ids = readable.chain(page.unreadable.iter().map(|(id, _)| *id));
    let decided = ids.map(|participant_id| {
        let verdict = Verdict::skipped(reason);
        Decided { participant_id, tries: 0, verdict }
    });
    Page { decided: decided.collect(), ..Page::default() }
}

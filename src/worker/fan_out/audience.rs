//! The undecided participants of a notification, a page at a time, in key order. What is read is left to the store.

use crate::domain::audience::Audience;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::one_mail_per_address::OneMailPerAddress;
use crate::worker::fan_out::page::Page;
use crate::worker::recipient::Recipient;

/// The pages of one notification, as far as they are read.
#[derive(Debug)]
pub struct AudiencePages {
    notification_id: NotificationId,
    audience: Audience,
    page_size: u32,
    /// Whether an earlier run may have decided or deferred some participants.
    resumed: bool,
    /// Whether deferred participants are left out: the sweep has them.
    without_deferred: bool,
    /// The last participant that was read.
    after: Option<ParticipantId>,
    ended: bool,
    /// Only when participants who have one address get one mail together.
    one_mail_per_address: Option<Box<OneMailPerAddress>>,
}

impl AudiencePages {
    /// The audience of the claimed notification, from the first page on, in pages of `page_size`. A `dummy` run reopens no
    /// outcome.
    #[must_use]
    pub fn new(claim: &Claim, page_size: u32, dummy: bool) -> Self {
        let one_mail_per_address =
            claim.one_mail_per_address.then(|| Box::new(OneMailPerAddress::new(claim, page_size, dummy)));
        Self {
            notification_id: claim.notification.id,
            audience: claim.notification.audience,
            page_size,
            resumed: claim.resumed,
            without_deferred: claim.scope != Scope::UndecidedAndDeferred,
            after: None,
            ended: false,
            one_mail_per_address,
        }
    }

    /// Whether there is no further page.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended && self.one_mail_per_address.as_ref().is_none_or(|one| !one.has_postponed())
    }

    /// The undecided participants of the next page; possibly none.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Stopped> {
        if self.ended
            && let Some(one) = &mut self.one_mail_per_address
        {
            return one.next_postponed(store, database_retry);
        }
        let (after, limit) = (self.after, self.page_size);
        let Audience::Event { id: event_id, up_to } = self.audience;
        let mut page = database_retry.until_ok(|| store.read_page(event_id, after, up_to, limit))?;
        self.ended = page.len() < limit as usize || page.last().is_some_and(|last| last.id == up_to);
        // A view over a join may return a participant twice.
        page.dedup_by_key(|participant| participant.id);
        let Some(last) = page.last() else { return Ok(Page::default()) };
        self.after = Some(last.id);
        if let Some(one) = &mut self.one_mail_per_address {
            let is_only_page = after.is_none() && self.ended;
            return one.select(page, after, is_only_page, store, database_retry);
        }
        let recipients = if self.resumed {
            self.undecided(page, after, store, database_retry)?
        } else {
            page.into_iter().map(Recipient::new).collect()
        };
        Ok(Page { recipients, decided: Vec::new() })
    }

    /// Those of the page, whose keys follow `after`, that an earlier run has not decided. Range queries and no join: on
    /// PostgreSQL with stale statistics a join was measured going quadratic (27 s for 500 pages, against 0.1 s).
    fn undecided(
        &self,
        page: Vec<Participant>,
        after: Option<ParticipantId>,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Vec<Recipient>, Stopped> {
        let (id, Some(up_to)) = (self.notification_id, self.after) else { return Ok(Vec::new()) };
        // In this order: a decision deletes the deferral.
        let deferrals = database_retry.until_ok(|| store.deferrals_between(id, after, up_to))?;
        let decided = database_retry.until_ok(|| store.decided_between(id, after, up_to))?;
        let undecided = page.into_iter().filter(|participant| !decided.contains(&participant.id));
        Ok(undecided
            .filter_map(|participant| match deferrals.get(&participant.id) {
                Some(_) if self.without_deferred => None,
                Some(deferral) => {
                    Some(Recipient { by_hand: true, ..Recipient::deferred(participant, deferral) })
                }
                None => Some(Recipient::new(participant)),
            })
            .collect())
    }
}

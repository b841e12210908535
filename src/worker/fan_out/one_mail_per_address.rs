//! One mail for all participants who have one address (`ONE_MAIL_PER_ADDRESS`): who of a page gets it, and who is skipped.
//!
//! The mail goes to the participant who has got it, has failed or is deferred, or else to the one with the smallest key. So a
//! fan-out that is resumed decides as before, and people who were added late do not get a second one. Therefore a resumed fan-out
//! first reads all pages for those who are decided, and keeps back the undecided whose addresses may occur more than once.
//!
//! Which addresses are one is left to `shared_addresses`, people who were skipped in favour of someone who got none to `unserved`.

use std::collections::VecDeque;

use crate::domain::audience::Audience;
use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;
use crate::observe::events;
use crate::store::Store;
use crate::store::ledger::deferrals::Deferral;
use crate::text::mask::masked_line;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::fan_out::people::People;
use crate::worker::fan_out::shared_addresses::SharedAddresses;
use crate::worker::fan_out::unserved::Unserved;
use crate::worker::recipient::Recipient;

/// What is known of the addresses of one audience, as far as its pages are read.
#[derive(Debug)]
pub(super) struct OneMailPerAddress {
    notification: Notification,
    page_size: u32,
    resumed: bool,
    scope: Scope,
    /// Those who were skipped before; `None` in a dry run, which reopens no outcome.
    unserved: Option<Unserved>,
    /// `None` before the first page.
    addresses: Option<SharedAddresses>,
    /// In key order.
    postponed: VecDeque<Postponed>,
    /// How many of them could not be read so far.
    failed: usize,
}

/// An undecided participant whose address may occur more than once.
#[derive(Debug)]
struct Postponed {
    id: ParticipantId,
    deferral: Option<Box<Deferral>>,
}

impl OneMailPerAddress {
    /// `None` if each participant of the claim gets a mail.
    pub(super) fn of_claim(claim: &Claim, context: &Context) -> Option<Box<Self>> {
        claim.one_mail_per_address.then(|| Box::new(Self::new(claim, context.page_size, context.dummy)))
    }

    fn new(claim: &Claim, page_size: u32, dummy: bool) -> Self {
        Self {
            notification: claim.notification,
            page_size,
            resumed: claim.resumed,
            scope: claim.scope,
            unserved: (!dummy).then(|| Unserved::new(claim)),
            addresses: None,
            postponed: VecDeque::new(),
            failed: 0,
        }
    }

    /// Whether people are left who were kept back until all pages were read.
    pub(super) fn has_postponed(&self) -> bool {
        !self.postponed.is_empty()
    }

    /// Those of a page, whose keys follow `after`, who get a mail or are skipped.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers, or participants cannot be read.
    pub(super) fn select(
        &mut self,
        page: Vec<Participant>,
        after: Option<ParticipantId>,
        is_only_page: bool,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        if self.addresses.is_none() {
            if let (true, Some(unserved)) = (self.resumed, &mut self.unserved) {
                unserved.reopen(store, database_retry)?;
            }
            self.addresses = Some(self.find_repeated(is_only_page, store, database_retry)?);
        }
        if self.resumed {
            return self.select_undecided(page, after, store, database_retry);
        }
        let mut selected = Page::default();
        for participant in page {
            self.add(&mut selected, participant, None);
        }
        Ok(selected)
    }

    /// One query over the whole audience, unless that is in one page. If a row cannot be read, the query says nothing about the
    /// others: then any address may occur more than once.
    fn find_repeated(
        &self,
        is_only_page: bool,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<SharedAddresses, Stopped> {
        if is_only_page {
            return Ok(SharedAddresses::any());
        }
        let (event_id, up_to) = match self.notification.audience {
            Audience::Event { id, up_to } => (id, Some(up_to)),
            Audience::Recipients { id } => (id, None),
            // They are few, and with them any user may have the address of another one.
            Audience::Given { .. } => return Ok(SharedAddresses::any()),
        };
        let found = database_retry.while_readable(|| {
            let mut addresses = SharedAddresses::only_repeated();
            store.find_repeated_addresses(event_id, up_to, |address| addresses.add_repeated(address))?;
            Ok(addresses)
        })?;
        Ok(found.unwrap_or_else(|error| {
            // The words of a database may quote what is in a row.
            let reason = masked_line(&error.reason());
            // What is set aside was tried before, and that has told it.
            let again = self.scope == Scope::SetAside;
            events::notification::repeated_addresses_unknown(&self.notification, &reason, again);
            SharedAddresses::any()
        }))
    }

    /// The same of a fan-out that is resumed. People with an address that others may have are kept back.
    fn select_undecided(
        &mut self,
        page: Vec<Participant>,
        after: Option<ParticipantId>,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        let (id, Some(up_to)) = (self.notification.id, page.last().map(|last| last.id)) else {
            return Ok(Page::default());
        };
        // In this order: a decision deletes the deferral.
        let mut deferrals = database_retry.until_ok(|| store.deferrals_between(id, after, up_to))?;
        let outcomes = database_retry.until_ok(|| store.address_outcomes_between(id, after, up_to))?;
        let without_deferred = self.scope != Scope::UndecidedAndDeferred;
        let mut selected = Page::default();
        for participant in page {
            let Some(addresses) = &mut self.addresses else { break };
            let (id, key) = (participant.id, addresses.key(&participant));
            match (outcomes.get(&id), deferrals.remove(&id), key) {
                (Some(outcome), _, Some(key)) => {
                    if let Some(with_mail) = outcome.participant_with_mail(id) {
                        addresses.note(key, with_mail);
                    }
                }
                (None, Some(_), Some(key)) if without_deferred => addresses.note(key, id),
                (Some(_), ..) => {}
                (None, Some(_), _) if without_deferred => {}
                (None, deferral, Some(_)) => {
                    self.postponed.push_back(Postponed { id, deferral: deferral.map(Box::new) });
                }
                (None, deferral, None) => {
                    selected.recipients.push(Recipient::undecided(participant, deferral.as_ref()));
                }
            }
        }
        Ok(selected)
    }

    /// The next page of those who were kept back.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers, or participants cannot be read.
    pub(super) fn next_postponed(
        &mut self,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        let notification = &self.notification;
        let number = self.postponed.len().min(self.page_size as usize);
        let ids: Vec<ParticipantId> = self.postponed.iter().take(number).map(|one| one.id).collect();
        let people = People::find(&ids, notification, store, database_retry, self.failed == 0)?;
        self.failed += people.unreadable.len();
        let mut found = people.by_id();
        let postponed: Vec<Postponed> = self.postponed.drain(..number).collect();
        let mut selected = Page::default();
        for Postponed { id, deferral } in postponed {
            match found.remove(&id) {
                Some(Ok(participant)) => self.add(&mut selected, participant, deferral.as_deref()),
                Some(Err(reason)) => selected.unreadable.push((id, reason)),
                None if self.notification.audience.is_listed() => {
                    let tries = deferral.map_or(0, |deferral| deferral.tries);
                    let verdict = Verdict::skipped(self.notification.reason_for_absence());
                    selected.decided.push(Decided { participant_id: id, tries, verdict });
                }
                // The sweep decides about a deferred one, and nothing else is known of the others.
                None => {}
            }
        }
        Ok(selected)
    }

    fn add(&mut self, page: &mut Page, participant: Participant, deferral: Option<&Deferral>) {
        let other = self.addresses.as_mut().and_then(|addresses| addresses.other_with_mail(&participant));
        match other {
            None => page.recipients.push(Recipient::undecided(participant, deferral)),
            Some(other) => page.decided.push(Decided {
                participant_id: participant.id,
                tries: deferral.map_or(0, |deferral| deferral.tries),
                verdict: Verdict::same_address(other),
            }),
        }
    }
}

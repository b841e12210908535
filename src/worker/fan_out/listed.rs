//! The undecided participants of a notification whose keys are text, a page at a time. Each page is listed in the ledger before
//! anyone of it gets a mail, which gives each key the number that outcomes name. The list is left to the store
//! (`ledger::recipients`), the SQL for the keys to `source::listed`.
//!
//! A fan-out that resumes goes over the list first, then reads on behind its last key. When all keys were read, it looks once
//! more for people who joined meanwhile with a lower key; then the list is frozen, and who joins later is not part of it.
//!
//! With one mail for each address, everyone is listed before anyone is mailed, unless one page has them all: so the query for
//! addresses that occur more than once sees everyone on the list.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::audience::Listing;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;
use crate::observe::events;
use crate::store::Store;
use crate::store::ledger::deferrals::Deferral;
use crate::store::source::keys::KeyExpressions;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt, PARTICIPANTS, read_data};
use crate::worker::fan_out::due::reason_to_skip;
use crate::worker::fan_out::one_mail_per_address::OneMailPerAddress;
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::lease::held::HeldLease;
use crate::worker::recipient::Recipient;

mod listing;

/// How many pages of people are read and listed at once. Listing them costs a transaction.
const PAGES_AT_ONCE: u32 = 10;

/// Most people that are read and listed at once, if that is not less than a page.
const PEOPLE_AT_ONCE: u32 = 1000;

/// The pages of one notification, as far as they are read.
#[derive(Debug)]
pub struct ListedPages {
    notification: Notification,
    event_id: EventId,
    held: Arc<HeldLease>,
    page_size: u32,
    scope: Scope,
    /// The largest number of the list that was read or listed here.
    last: ParticipantId,
    /// Its key.
    last_key: Option<String>,
    next: Next,
    /// Whether nobody is mailed before the list is frozen. `false` from then on.
    lists_first: bool,
    /// What cannot be read, and why. Then no further page is.
    unreadable: Option<String>,
    /// Only when participants who have one address get one mail together.
    one_mail_per_address: Option<Box<OneMailPerAddress>>,
    /// How the keys are written.
    key: Option<KeyExpressions>,
}

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The end of the list, which an earlier run or the reply that was lost has moved.
    EndOfList,
    /// The list, behind the last number.
    List,
    /// The participants, behind the last key.
    Participants,
    /// Participants who joined while the others were read.
    Late,
    /// Nothing: the list is frozen, and everyone on it was read.
    Nothing,
}

impl ListedPages {
    /// The participants of this event for the claimed notification, from the first page on.
    #[must_use]
    pub fn new(claim: &Claim, context: &Context, event_id: EventId) -> Self {
        let one_mail_per_address = OneMailPerAddress::of_claim(claim, context);
        let lists_first = one_mail_per_address.is_some();
        Self {
            notification: claim.notification,
            event_id,
            held: Arc::clone(&claim.held),
            page_size: context.page_size,
            scope: claim.scope,
            last: ParticipantId(0),
            last_key: None,
            next: match (claim.resumed, lists_first) {
                (false, _) => Next::Participants,
                (true, false) => Next::List,
                (true, true) => Next::EndOfList,
            },
            lists_first,
            unreadable: None,
            one_mail_per_address,
            key: None,
        }
    }

    /// Whether there is no further page.
    #[must_use]
    pub fn ended(&self) -> bool {
        let has_postponed = self.one_mail_per_address.as_ref().is_some_and(|one| one.has_postponed());
        self.unreadable.is_some() || (self.next == Next::Nothing && !has_postponed)
    }

    /// What cannot be read, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.clone()
    }

    /// The undecided participants of the next page; possibly none. Those on the list who have left are decided.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Stopped> {
        let page = match self.next {
            Next::EndOfList => self.go_to_end(store, database_retry),
            Next::List => self.read_list(store, database_retry),
            Next::Participants => self.read_participants(store, database_retry),
            Next::Late => self.list_late(store, database_retry),
            Next::Nothing => match &mut self.one_mail_per_address {
                Some(one) => one.next_postponed(store, database_retry),
                None => Ok(Page::default()),
            },
        };
        match page {
            Err(Halt::Unreadable(what)) => {
                self.unreadable = Some(what);
                Ok(Page::default())
            }
            Err(_) => Err(Stopped),
            Ok(page) => self.skip_after_cancellation(page, store, database_retry),
        }
    }

    /// Later notifications of the event do not wait for one that is set aside.
    fn skip_after_cancellation(
        &self,
        page: Page,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Stopped> {
        if self.scope == Scope::SetAside
            && !page.recipients.is_empty()
            && let Some(reason) = reason_to_skip(&self.notification, store, database_retry)?
        {
            return Ok(page.without_recipients(reason));
        }
        Ok(page)
    }

    fn text_key(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<KeyExpressions, Halt> {
        if let Some(key) = self.key {
            return Ok(key);
        }
        let key = read_data(database_retry, PARTICIPANTS, || store.text_key(self.event_id))?;
        self.key = Some(key);
        Ok(key)
    }

    fn read_list(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        let (id, after, limit) = (self.notification.id, self.last, self.page_size);
        let listed = database_retry.until_ok(|| store.read_recipients(id, after, limit))?;
        let Some((last, key)) = listed.last() else {
            self.next = self.behind_list(store, database_retry)?;
            return Ok(Page::default());
        };
        (self.last, self.last_key) = (*last, Some(key.clone()));
        let people = read_data(database_retry, PARTICIPANTS, || store.find_keyed(self.event_id, &listed))?;
        let mut people: BTreeMap<ParticipantId, Participant> =
            people.into_iter().map(|person| (person.id, person)).collect();
        let mut ids: Vec<ParticipantId> = listed.iter().map(|(id, _)| *id).collect();
        let mut page = match &mut self.one_mail_per_address {
            None => Page::default(),
            Some(one) => {
                ids.retain(|id| !people.contains_key(id));
                let people = std::mem::take(&mut people).into_values().collect();
                one.select(people, Some(after), false, store, database_retry)?
            }
        };
        if ids.is_empty() {
            return Ok(page);
        }
        // In this order: a decision deletes the deferral.
        let mut deferrals = database_retry.until_ok(|| store.deferrals_between(id, after, self.last))?;
        let decided = database_retry.until_ok(|| store.decided_between(id, after, self.last))?;
        for id in ids.into_iter().filter(|id| !decided.contains(id)) {
            self.add(&mut page, id, people.remove(&id), deferrals.remove(&id));
        }
        Ok(page)
    }

    /// Adds a recipient of the list who has no outcome.
    fn add(
        &self,
        page: &mut Page,
        id: ParticipantId,
        participant: Option<Participant>,
        deferral: Option<Deferral>,
    ) {
        match (participant, deferral) {
            // The sweep has them.
            (_, Some(_)) if self.scope != Scope::UndecidedAndDeferred => {}
            (Some(participant), deferral) => {
                page.recipients.push(Recipient::undecided(participant, deferral.as_ref()));
            }
            (None, deferral) => {
                let tries = deferral.map_or(0, |deferral| deferral.tries);
                let verdict = Verdict::skipped("has left the event");
                page.decided.push(Decided { participant_id: id, tries, verdict });
            }
        }
    }

    fn read_participants(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        let key = self.text_key(store, database_retry)?;
        let (event_id, after) = (self.event_id, self.last_key.as_deref());
        let limit = self.page_size.saturating_mul(PAGES_AT_ONCE).min(PEOPLE_AT_ONCE).max(self.page_size);
        let page =
            read_data(database_retry, PARTICIPANTS, || store.read_keyed_page(key, event_id, after, limit))?;
        let keys: Vec<&str> = page.people.iter().map(|person| person.key.as_str()).collect();
        let listing = match (page.is_last, self.last_key.is_some()) {
            (false, _) => None,
            // One query saw everyone at one time.
            (true, false) => Some(Listing::Frozen(self.number_behind(keys.len()))),
            (true, true) => Some(Listing::ReadOnce),
        };
        if page.is_last && read_data(database_retry, PARTICIPANTS, || store.has_people_without_key(event_id))?
        {
            events::notification::people_without_key(self.notification.id, event_id);
        }
        if !self.append(store, database_retry, &keys, listing)? {
            return Ok(Page::default());
        }
        self.next = match listing {
            None => Next::Participants,
            Some(Listing::Frozen(_)) => Next::Nothing,
            Some(_) => Next::Late,
        };
        let before = self.last;
        let mut people = Vec::with_capacity(page.people.len());
        for person in page.people {
            self.last = ParticipantId(self.number_behind(1));
            self.last_key = Some(person.key.clone());
            people.push(person.numbered(self.last));
        }
        let is_only_page = matches!(listing, Some(Listing::Frozen(_)));
        if self.lists_first && !is_only_page {
            return Ok(Page::default());
        }
        match &mut self.one_mail_per_address {
            Some(one) => one.select(people, Some(before), is_only_page, store, database_retry),
            None => {
                Ok(Page { recipients: people.into_iter().map(Recipient::new).collect(), ..Page::default() })
            }
        }
    }
}

//! The undecided participants of a notification whose keys are text, a page at a time. Each page is listed in the ledger before
//! anyone of it gets a mail, which gives each key the number that outcomes name. Reading people is left to `reading`, writing the list
//! to `listing`, the SQL to the store (`ledger::recipients`, `source::keyed_pages`, `source::listed`).
//!
//! A fan-out that resumes goes over the list first, then reads on behind its last key. When all keys were read, it looks once
//! more for people who joined meanwhile with a lower key; then the list is frozen, and who joins later is not part of it.
//!
//! With one mail for each address, everyone is listed before anyone is mailed, unless one page has them all: so the query for
//! addresses that occur more than once sees everyone on the list.
//!
//! A row that cannot be read is listed by its key alone, and waits with its number. A key that cannot be listed keeps the list from
//! being frozen. Neither holds up anyone else, and the notification is set aside at the end.

use std::sync::Arc;

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::source::keyed_pages::KeyPosition;
use crate::store::source::keys::KeyExpressions;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt, PARTICIPANTS, read_data};
use crate::worker::fan_out::due::reason_to_skip;
use crate::worker::fan_out::one_mail_per_address::OneMailPerAddress;
use crate::worker::fan_out::page::Page;
use crate::worker::fan_out::unreadable::UnreadablePeople;
use crate::worker::lease::held::HeldLease;

mod listing;
mod reading;

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
    /// How far the participants were read, in the order of their keys.
    position: KeyPosition,
    next: Next,
    /// Whether no mail is sent before the list is frozen. `false` from then on.
    lists_first: bool,
    /// Who cannot be read or listed.
    unreadable: UnreadablePeople,
    /// Whether some of them have failed so far.
    has_failed: bool,
    /// How many keys are asked for that are not on the list.
    late_limit: u32,
    /// Whether only keys that cannot be listed are left.
    are_all_listed: bool,
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
            position: KeyPosition::default(),
            next: match (claim.resumed, lists_first) {
                (false, _) => Next::Participants,
                (true, false) => Next::List,
                (true, true) => Next::EndOfList,
            },
            lists_first,
            unreadable: UnreadablePeople::listed(),
            has_failed: false,
            late_limit: PEOPLE_AT_ONCE,
            are_all_listed: false,
            one_mail_per_address,
            key: None,
        }
    }

    /// Whether there is no further page, or none that can be read.
    #[must_use]
    pub fn ended(&self) -> bool {
        let has_postponed = self.one_mail_per_address.as_ref().is_some_and(|one| one.has_postponed());
        self.unreadable.are_too_many() || (self.next == Next::Nothing && !has_postponed)
    }

    /// Who cannot be read or listed, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.describe()
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
        let page = page.and_then(|page| Ok(self.skip_after_cancellation(page, store, database_retry)?));
        self.unreadable.take_from(page)
    }

    /// Later notifications of the event do not wait for one that is set aside.
    fn skip_after_cancellation(
        &self,
        page: Page,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Stopped> {
        if self.scope == Scope::SetAside
            && !(page.recipients.is_empty() && page.unreadable.is_empty())
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
}

//! The undecided recipients of a notice, a page at a time, in the order in which its message names them. The ledger has had their list
//! since the message arrived; addresses of users are read with their page. With one mail for each address, two recipients get one mail if
//! the message says the same to both.

use std::collections::{HashMap, HashSet};

use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::ledger::recipients::numbers_behind;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt};
use crate::worker::fan_out::one_mail_per_address::OneMailPerAddress;
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::fan_out::people::People;
use crate::worker::fan_out::unreadable::UnreadablePeople;
use crate::worker::recipient::Recipient;

/// The pages of one notice, as far as they are read.
#[derive(Debug)]
pub struct GivenPages {
    notification: Notification,
    /// How many recipients there are.
    count: i64,
    page_size: u32,
    scope: Scope,
    /// Whether an earlier run may have decided or deferred some of them.
    resumed: bool,
    /// The last one that was read.
    after: Option<ParticipantId>,
    unreadable: UnreadablePeople,
    /// Only when recipients who have one address get one mail together.
    one_mail_per_address: Option<Box<OneMailPerAddress>>,
}

impl GivenPages {
    /// The recipients of the claimed notification, from the first page on.
    #[must_use]
    pub fn new(claim: &Claim, context: &Context, count: i64) -> Self {
        Self {
            notification: claim.notification,
            count,
            page_size: context.page_size,
            scope: claim.scope,
            resumed: claim.resumed,
            after: None,
            unreadable: UnreadablePeople::up_to(ParticipantId(count)),
            one_mail_per_address: OneMailPerAddress::of_claim(claim, context),
        }
    }

    /// Whether there is no further page, or none that can be read.
    #[must_use]
    pub fn ended(&self) -> bool {
        let has_postponed = self.one_mail_per_address.as_ref().is_some_and(|one| one.has_postponed());
        self.unreadable.are_too_many() || (self.are_all_read() && !has_postponed)
    }

    fn are_all_read(&self) -> bool {
        self.after.map_or(0, |after| after.0) >= self.count
    }

    /// Who cannot be read, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.describe()
    }

    /// The undecided recipients of the next page; possibly none.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Stopped> {
        let are_all_read = self.are_all_read();
        let page = match &mut self.one_mail_per_address {
            Some(one) if are_all_read => one.next_postponed(store, database_retry),
            _ => self.read(store, database_retry),
        };
        self.unreadable.take_from(page)
    }

    fn read(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        let (id, after) = (self.notification.id, self.after);
        let mut numbers = numbers_behind(after, self.count, self.page_size);
        let Some(last) = numbers.last().copied() else { return Ok(Page::default()) };
        self.after = Some(last);
        // The addresses of those who are decided may be those of others.
        let everyone = self.one_mail_per_address.as_ref().map(|_| numbers.clone());
        // In this order: a decision deletes the deferral.
        let mut deferrals = if self.resumed {
            let deferrals = database_retry.until_ok(|| store.deferrals_between(id, after, last))?;
            let decided = database_retry.until_ok(|| store.decided_between(id, after, last))?;
            numbers.retain(|number| !decided.contains(number));
            deferrals
        } else {
            HashMap::new()
        };
        if self.scope != Scope::UndecidedAndDeferred {
            // The sweep has them.
            numbers.retain(|number| !deferrals.contains_key(number));
        }
        let (ids, again) = (everyone.as_ref().unwrap_or(&numbers), self.unreadable.is_empty());
        let mut people = People::find(ids, &self.notification, store, database_retry, again)?;
        let mut page = Page::default();
        if let Some(one) = &mut self.one_mail_per_address {
            let mut found: Vec<Participant> = std::mem::take(&mut people.found);
            found.sort_unstable_by_key(|person| person.id);
            let selected: HashSet<ParticipantId> = found.iter().map(|person| person.id).collect();
            numbers.retain(|number| !selected.contains(number));
            page = one.select(found, after, false, store, database_retry)?;
        }
        let mut people = people.by_id();
        for number in numbers {
            let deferral = deferrals.remove(&number);
            match people.remove(&number) {
                Some(Ok(person)) => page.recipients.push(Recipient::undecided(person, deferral.as_ref())),
                Some(Err(why)) => page.unreadable.push((number, why)),
                None => {
                    let tries = deferral.map_or(0, |deferral| deferral.tries);
                    let verdict = Verdict::skipped(self.notification.reason_for_absence());
                    page.decided.push(Decided { participant_id: number, tries, verdict });
                }
            }
        }
        Ok(page)
    }
}

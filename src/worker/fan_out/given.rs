//! The undecided recipients of a notice, a page at a time, in the order in which its message names them. The ledger has had their list
//! since the message arrived; addresses of users are read with their page.

use std::collections::HashMap;

use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::store::Store;
use crate::store::ledger::recipients::numbers_behind;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::Context;
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
        }
    }

    /// Whether there is no further page, or none that can be read.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.unreadable.are_too_many() || self.after.map_or(0, |after| after.0) >= self.count
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
        let (id, after) = (self.notification.id, self.after);
        let mut numbers = numbers_behind(after, self.count, self.page_size);
        let Some(last) = numbers.last().copied() else { return Ok(Page::default()) };
        self.after = Some(last);
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
        let again = self.unreadable.is_empty();
        let people = People::find(&numbers, &self.notification, store, database_retry, again)?;
        let mut people = people.by_id();
        let mut page = Page::default();
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
        self.unreadable.add(std::mem::take(&mut page.unreadable));
        Ok(page)
    }
}

//! Reads people whose keys are text: those on the list, and those whose keys are about to be listed. Rows that cannot be read are
//! kept apart, each with its number on the list. Writing the list is left to `listing`.

use std::collections::BTreeMap;

use crate::domain::audience::Listing;
use crate::domain::ids::ParticipantId;
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;
use crate::observe::events;
use crate::store::Store;
use crate::store::ledger::deferrals::Deferral;
use crate::store::source::keyed_pages::{KeyPosition, KeyedPage};
use crate::store::source::keys::KeyExpressions;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::fan_out::claim::Scope;
use crate::worker::fan_out::context::{Halt, PARTICIPANTS, read_data};
use crate::worker::fan_out::listed::{ListedPages, Next, PAGES_AT_ONCE, PEOPLE_AT_ONCE};
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::fan_out::people::People;
use crate::worker::recipient::Recipient;

/// Numbers on the list, each with its key.
type Numbered = [(ParticipantId, String)];

/// A participant, or why it cannot be read. Without either it has left the event.
type Person = Option<Result<Participant, String>>;

impl ListedPages {
    /// The undecided of the next page of the list.
    pub(super) fn read_list(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        let (id, after, limit) = (self.notification.id, self.last, self.page_size);
        let listed = database_retry.until_ok(|| store.read_recipients(id, after, limit))?;
        let Some((last, key)) = listed.last() else {
            self.next = self.behind_list(store, database_retry)?;
            return Ok(Page::default());
        };
        (self.last, self.position) = (*last, KeyPosition::behind(key.clone()));
        let People { found, unreadable } = self.find_listed(&listed, store, database_retry)?;
        let mut people: BTreeMap<ParticipantId, Participant> =
            found.into_iter().map(|person| (person.id, person)).collect();
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
        let mut unreadable: BTreeMap<ParticipantId, String> = unreadable.into_iter().collect();
        for id in ids.into_iter().filter(|id| !decided.contains(id)) {
            let person = people.remove(&id).map(Ok).or_else(|| unreadable.remove(&id).map(Err));
            self.add(&mut page, id, person, deferrals.remove(&id));
        }
        Ok(page)
    }

    /// Adds a recipient of the list who has no outcome.
    fn add(&self, page: &mut Page, id: ParticipantId, person: Person, deferral: Option<Deferral>) {
        match (person, deferral) {
            // The sweep has them.
            (_, Some(_)) if self.scope != Scope::UndecidedAndDeferred => {}
            (Some(Ok(participant)), deferral) => {
                page.recipients.push(Recipient::undecided(participant, deferral.as_ref()));
            }
            (Some(Err(why)), _) => page.unreadable.push((id, why)),
            (None, deferral) => {
                let tries = deferral.map_or(0, |deferral| deferral.tries);
                let verdict = Verdict::skipped(self.notification.reason_for_absence());
                page.decided.push(Decided { participant_id: id, tries, verdict });
            }
        }
    }

    /// Those of the list who take part in the event.
    fn find_listed(
        &mut self,
        listed: &Numbered,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<People, Halt> {
        let event_id = self.event_id;
        let read = |listed: &Numbered| store.find_keyed(event_id, listed);
        let people = People::read(listed, !self.has_failed, database_retry, |(id, _)| *id, read)?;
        if !people.unreadable.is_empty() {
            self.has_failed = true;
            if people.found.is_empty() {
                // It may be more than the rows that fails.
                let (key, start) = (self.text_key(store, database_retry)?, KeyPosition::default());
                read_data(database_retry, PARTICIPANTS, || store.read_page_keys(key, event_id, &start, 1))?;
            }
        }
        Ok(people)
    }

    /// Lists a page of participants. Those who get a mail are in the page that is returned.
    pub(super) fn read_participants(
        &mut self,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        let key = self.text_key(store, database_retry)?;
        let event_id = self.event_id;
        let (page, has_people) = self.read_page(key, store, database_retry)?;
        let keys: Vec<&str> = page.people.iter().map(|person| person.key.as_str()).collect();
        let listing = match (
            page.is_last,
            self.position.is_start() && page.unlistable.is_none() && !page.has_doubled,
        ) {
            (false, _) => None,
            // One query saw everyone at one time.
            (true, true) => Some(Listing::Frozen(self.number_behind(keys.len()))),
            (true, false) => Some(Listing::ReadOnce),
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
        self.position = page.end;
        self.last = ParticipantId(self.number_behind(page.people.len()));
        let is_only_page = matches!(listing, Some(Listing::Frozen(_)));
        if self.lists_first && !is_only_page {
            return Ok(Page::default());
        }
        let numbers = (before.0 + 1..).map(ParticipantId);
        if has_people {
            let people = numbers.zip(page.people).map(|(id, person)| person.numbered(id)).collect();
            return self.newly_listed(people, before, is_only_page, store, database_retry);
        }
        let listed: Vec<_> = numbers.zip(page.people.into_iter().map(|person| person.key)).collect();
        self.read_newly_listed(&listed, is_only_page, store, database_retry)
    }

    /// The next page of participants, and whether more than their keys could be read.
    fn read_page(
        &mut self,
        key: KeyExpressions,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<(KeyedPage, bool), Halt> {
        let limit = self.page_size.saturating_mul(PAGES_AT_ONCE).min(PEOPLE_AT_ONCE).max(self.page_size);
        let read = || store.read_keyed_page(key, self.event_id, &self.position, limit);
        let whole = if self.has_failed {
            database_retry.if_readable(read)?
        } else {
            database_retry.while_readable(read)?
        };
        if let Ok(page) = whole {
            return Ok((page, true));
        }
        self.has_failed = true;
        let read = || store.read_page_keys(key, self.event_id, &self.position, limit);
        Ok((read_data(database_retry, PARTICIPANTS, read)?, false))
    }

    /// People who were listed a moment ago by their keys alone.
    fn read_newly_listed(
        &mut self,
        listed: &Numbered,
        is_only_page: bool,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        let Some((first, _)) = listed.first() else { return Ok(Page::default()) };
        let before = ParticipantId(first.0 - 1);
        let mut people = self.find_listed(listed, store, database_retry)?.by_id();
        let (mut found, mut rest) = (Vec::with_capacity(people.len()), Page::default());
        for (id, _) in listed {
            match people.remove(id) {
                Some(Ok(participant)) => found.push(participant),
                person => self.add(&mut rest, *id, person, None),
            }
        }
        let mut page = self.newly_listed(found, before, is_only_page, store, database_retry)?;
        page.decided.append(&mut rest.decided);
        page.unreadable = rest.unreadable;
        Ok(page)
    }

    /// People with numbers behind `before` who were listed a moment ago: nothing is decided about them.
    fn newly_listed(
        &mut self,
        people: Vec<Participant>,
        before: ParticipantId,
        is_only_page: bool,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Page, Halt> {
        Ok(match &mut self.one_mail_per_address {
            Some(one) => one.select(people, Some(before), is_only_page, store, database_retry)?,
            None => Page { recipients: people.into_iter().map(Recipient::new).collect(), ..Page::default() },
        })
    }
}

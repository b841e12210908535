//! Writes the list of a notification whose keys are text: pages, then those who joined meanwhile, until it is frozen. Reading
//! the people is left to `listed`.

use crate::domain::audience::Listing;
use crate::domain::ids::ParticipantId;
use crate::store::Store;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::context::{Halt, PARTICIPANTS, read_data};
use crate::worker::fan_out::listed::{ListedPages, Next, PEOPLE_AT_ONCE};
use crate::worker::fan_out::page::Page;

impl ListedPages {
    /// Goes on behind the list, or with a frozen one at its beginning.
    pub(super) fn go_to_end(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        let id = self.notification.id;
        if let Some((last, key)) = database_retry.until_ok(|| store.find_last_recipient(id))? {
            (self.last, self.last_key) = (last, Some(key));
        }
        self.next = self.behind_list(store, database_retry)?;
        if self.next == Next::Nothing {
            (self.lists_first, self.next) = (false, Next::List);
            (self.last, self.last_key) = (ParticipantId(0), None);
        }
        Ok(Page::default())
    }

    /// What follows when the whole list was read.
    pub(super) fn behind_list(&self, store: &Store, database_retry: &DatabaseRetry) -> Result<Next, Stopped> {
        let listing = database_retry.until_ok(|| store.find_listing(self.notification.id))?;
        Ok(match listing {
            Some(Listing::Reading) => Next::Participants,
            Some(Listing::ReadOnce) => Next::Late,
            Some(Listing::Frozen(_)) | None => Next::Nothing,
        })
    }

    /// Lists those who joined meanwhile. They are read from the list then.
    pub(super) fn list_late(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        // With SQLite, a row that was added may have a key of another type.
        self.key = None;
        let key = self.text_key(store, database_retry)?;
        let (id, event_id) = (self.notification.id, self.event_id);
        let late = read_data(database_retry, PARTICIPANTS, || {
            store.find_unlisted_keys(key, id, event_id, PEOPLE_AT_ONCE)
        })?;
        let keys: Vec<&str> = late.iter().map(String::as_str).collect();
        let listing = if keys.len() < PEOPLE_AT_ONCE as usize {
            Listing::Frozen(self.number_behind(keys.len()))
        } else {
            Listing::ReadOnce
        };
        if self.append(store, database_retry, &keys, Some(listing))? {
            self.next = match (keys.is_empty(), self.lists_first) {
                (_, true) => Next::EndOfList,
                (true, false) => Next::Nothing,
                (false, false) => Next::List,
            };
        }
        Ok(Page::default())
    }

    /// Lists these keys behind the last number. `false`: they are not listed like that. Then the list is read again, or the lease is
    /// lost.
    pub(super) fn append(
        &mut self,
        store: &Store,
        database_retry: &DatabaseRetry,
        keys: &[&str],
        listing: Option<Listing>,
    ) -> Result<bool, Halt> {
        let new = NewRecipients { lease: self.held.lease, after: self.last, keys, listing };
        match database_retry.until_ok(|| store.append_recipients(&new))? {
            Appended::Done => return Ok(true),
            // Only the reply to an earlier call was lost.
            Appended::Moved if self.lists_first => self.next = Next::EndOfList,
            Appended::Moved => self.next = Next::List,
            Appended::LeaseLost => self.held.mark_lost(),
        }
        Ok(false)
    }

    /// The number that is `count` behind the last one.
    pub(super) fn number_behind(&self, count: usize) -> i64 {
        self.last.0.saturating_add(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

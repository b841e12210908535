//! Writes the list of a notification whose keys are text: pages, then those who joined meanwhile, until it is frozen. Reading
//! the people is left to `listed`.

use crate::domain::audience::Listing;
use crate::domain::ids::ParticipantId;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::source::doubled::DoubledRows;
use crate::store::source::keyed_pages::KeyPosition;
use crate::store::source::listed::UnlistedKeys;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::Scope;
use crate::worker::fan_out::context::{Halt, PARTICIPANTS, read_data};
use crate::worker::fan_out::due::reason_to_skip;
use crate::worker::fan_out::listed::{ListedPages, Next, PEOPLE_AT_ONCE};
use crate::worker::fan_out::page::Page;

impl ListedPages {
    /// Goes on behind the list, or with a frozen one at its beginning.
    pub(super) fn go_to_end(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        let id = self.notification.id;
        if let Some((last, key)) = database_retry.until_ok(|| store.find_last_recipient(id))? {
            (self.last, self.position) = (last, KeyPosition::behind(key));
        }
        self.next = self.behind_list(store, database_retry)?;
        if self.next == Next::Nothing {
            self.go_over_list();
        }
        Ok(Page::default())
    }

    /// Everyone is listed, and gets a mail now.
    fn go_over_list(&mut self) {
        (self.lists_first, self.next) = (false, Next::List);
        (self.last, self.position) = (ParticipantId(0), KeyPosition::default());
    }

    /// What follows when the whole list was read.
    pub(super) fn behind_list(&self, store: &Store, database_retry: &DatabaseRetry) -> Result<Next, Stopped> {
        let listing = database_retry.until_ok(|| store.find_listing(self.notification.id))?;
        Ok(match listing {
            Some(Listing::Reading) => Next::Participants,
            Some(Listing::ReadOnce) if self.are_all_listed => Next::Nothing,
            Some(Listing::ReadOnce) => Next::Late,
            Some(Listing::Frozen(_)) | None => Next::Nothing,
        })
    }

    /// Lists those who joined meanwhile. They are read from the list then. As long as keys cannot be listed, the list is not frozen.
    pub(super) fn list_late(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<Page, Halt> {
        // With SQLite, a row that was added may have a key of another type.
        self.key = None;
        let key = self.text_key(store, database_retry)?;
        let (id, event_id, limit) = (self.notification.id, self.event_id, self.late_limit);
        let find = || store.find_unlisted_keys(key, id, event_id, limit);
        let late = read_data(database_retry, PARTICIPANTS, find)?;
        let keys: Vec<&str> = late.keys.iter().map(String::as_str).collect();
        let find = |rows| store.find_doubled_recipients(key, id, event_id, rows);
        let doubled = if late.are_all { find_doubled(database_retry, find)? } else { None };
        let has_bad_keys = late.unlistable > 0 || doubled.is_some();
        let is_complete = late.are_all && !self.waits_for_keys(has_bad_keys, store, database_retry)?;
        let listing =
            if is_complete { Listing::Frozen(self.number_behind(keys.len())) } else { Listing::ReadOnce };
        if self.append(store, database_retry, &keys, Some(listing))? {
            self.go_behind_late(late, &doubled.unwrap_or_default(), is_complete);
        }
        Ok(Page::default())
    }

    /// Whether keys that cannot be listed, or those of rows with several addresses, keep the list from being frozen: not when nobody gets
    /// the mail any more.
    fn waits_for_keys(
        &self,
        has_bad_keys: bool,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<bool, Stopped> {
        let may_be_cancelled = has_bad_keys && self.scope == Scope::SetAside;
        let is_cancelled =
            may_be_cancelled && reason_to_skip(&self.notification, store, database_retry)?.is_some();
        Ok(has_bad_keys && !is_cancelled)
    }

    fn go_behind_late(&mut self, late: UnlistedKeys, doubled: &[ParticipantId], is_complete: bool) {
        let is_over = late.are_all && late.keys.is_empty();
        if is_over && !is_complete {
            self.are_all_listed = true;
            self.unreadable.add_doubled(doubled);
            if let Some(why) = late.why {
                self.unreadable.set_unlistable(late.unlistable, why);
            }
        }
        // Keys that cannot be listed must not hide the others.
        let unlistable = u32::try_from(late.unlistable).unwrap_or(u32::MAX);
        self.late_limit = self.late_limit.max(unlistable.saturating_mul(2).saturating_add(PEOPLE_AT_ONCE));
        match (late.keys.is_empty(), self.lists_first) {
            (true, _) if !late.are_all => {}
            (true, true) if !is_complete => self.go_over_list(),
            (_, true) => self.next = Next::EndOfList,
            (true, false) => self.next = Next::Nothing,
            (false, false) => self.next = Next::List,
        }
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

/// The recipients whose keys rows with several addresses have. If an address cannot be read, nothing tells which these are, and each key
/// of several rows counts.
fn find_doubled<T>(
    database_retry: &DatabaseRetry,
    mut find: impl FnMut(DoubledRows) -> Result<T, StoreError>,
) -> Result<T, Halt> {
    match database_retry.while_readable(|| find(DoubledRows::WithAddresses))? {
        Ok(found) => Ok(found),
        Err(error) => {
            log::debug!("{error}");
            read_data(database_retry, PARTICIPANTS, || find(DoubledRows::Any))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::health::Health;
    use crate::shutdown::shutdown_pair;

    /// What is asked for while the first answers are these errors.
    fn asked(errors: Vec<StoreError>) -> Vec<DoubledRows> {
        let (_trigger, shutdown) = shutdown_pair();
        let database_retry = DatabaseRetry::new(shutdown, Health::default());
        let (mut asked, mut errors) = (Vec::new(), errors.into_iter());
        let found = find_doubled(&database_retry, |rows| {
            asked.push(rows);
            errors.next().map_or(Ok(()), Err)
        });
        assert_eq!(found, Ok(()));
        asked
    }

    #[test]
    fn addresses_are_looked_at_again_unless_they_cannot_be_read() {
        let locked = || StoreError::new("test", &"database is locked");
        assert_eq!(asked(vec![locked(), locked()]), [DoubledRows::WithAddresses; 3]);
        let unreadable = || StoreError::unreadable("test", &"integer overflow");
        let [first, second, third, last] = asked((0..3).map(|_| unreadable()).collect()).try_into().unwrap();
        assert_eq!([first, second, third], [DoubledRows::WithAddresses; 3]);
        assert_eq!(last, DoubledRows::Any);
    }
}

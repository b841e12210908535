//! Reads people some of whom cannot be read: all at once, or else in halves until each of those is alone. One of them costs about
//! two queries for each doubling of the number of people. Who is asked for, and what becomes of the others, is left to the callers.
//!
//! Words of an error that are not known may be about the database and not about a row. So only what has failed a few times is read in
//! halves.

use std::collections::HashMap;

use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::worker::database_retry::{DatabaseRetry, Stopped};

/// People, as far as they can be read.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Those who can be read. Who has left the event is not among them.
    pub found: Vec<Participant>,
    /// Those who cannot, with the reason.
    pub unreadable: Vec<(ParticipantId, String)>,
}

impl People {
    /// The people of the notification with these numbers or keys. `again`: whether a failure over all of them is tried again first.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn find(
        ids: &[ParticipantId],
        notification: &Notification,
        store: &Store,
        database_retry: &DatabaseRetry,
        again: bool,
    ) -> Result<Self, Stopped> {
        let read = |ids: &[ParticipantId]| store.find_participants(notification, ids);
        Self::read(ids, again, database_retry, |id| *id, read)
    }

    /// Those whom `read` finds for these keys.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn read<Key>(
        keys: &[Key],
        again: bool,
        database_retry: &DatabaseRetry,
        id: impl Fn(&Key) -> ParticipantId,
        mut read: impl FnMut(&[Key]) -> Result<Vec<Participant>, StoreError>,
    ) -> Result<Self, Stopped> {
        let mut people = Self::default();
        let all = || read(keys);
        match if again { database_retry.while_readable(all)? } else { database_retry.if_readable(all)? } {
            Ok(found) => people.found = found,
            Err(error) => people.split(keys, &error, database_retry, &id, &mut read)?,
        }
        Ok(people)
    }

    /// Adds those of these people who can be read. They have failed together.
    fn split<Key>(
        &mut self,
        keys: &[Key],
        error: &StoreError,
        database_retry: &DatabaseRetry,
        id: &impl Fn(&Key) -> ParticipantId,
        read: &mut impl FnMut(&[Key]) -> Result<Vec<Participant>, StoreError>,
    ) -> Result<(), Stopped> {
        if let [alone] = keys {
            self.unreadable.push((id(alone), error.reason()));
            return Ok(());
        }
        let (lower, upper) = keys.split_at(keys.len() / 2);
        for half in [lower, upper].into_iter().filter(|half| !half.is_empty()) {
            match database_retry.if_readable(|| read(half))? {
                Ok(mut found) => self.found.append(&mut found),
                Err(error) => self.split(half, &error, database_retry, id, read)?,
            }
        }
        Ok(())
    }

    /// Each of them by number or key.
    pub fn by_id(self) -> HashMap<ParticipantId, Result<Participant, String>> {
        let unreadable = self.unreadable.into_iter().map(|(id, reason)| (id, Err(reason)));
        self.found.into_iter().map(|person| (person.id, Ok(person))).chain(unreadable).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;
    use crate::observe::health::Health;
    use crate::shutdown::shutdown_pair;

    /// Reads keys from 1 on, with a table that fails over `bad`, and the first `failures` times over anything. Returns what was found,
    /// what was not, and how many queries that took.
    fn read(keys: i64, bad: &[i64], failures: u32, again: bool) -> (Vec<i64>, Vec<i64>, u32) {
        let (_trigger, shutdown) = shutdown_pair();
        let database_retry = DatabaseRetry::new(shutdown, Health::default());
        let keys: Vec<i64> = (1..=keys).collect();
        let mut queries = 0;
        let people = People::read(
            &keys,
            again,
            &database_retry,
            |key| ParticipantId(*key),
            |keys| {
                queries += 1;
                if queries <= failures || keys.iter().any(|key| bad.contains(key)) {
                    return Err(StoreError::unreadable("test", &"words that are not known"));
                }
                let person = |key: &i64| Participant { id: ParticipantId(*key), ..sample::ada() };
                Ok(keys.iter().map(person).collect())
            },
        );
        let people = people.unwrap();
        let found = people.found.iter().map(|person| person.id.0).collect();
        (found, people.unreadable.iter().map(|(id, _)| id.0).collect(), queries)
    }

    #[test]
    fn only_those_who_cannot_be_read_are_left_out() {
        let (found, unreadable, queries) = read(100, &[17, 18, 64], 0, false);
        let expected: Vec<i64> = (1..=100).filter(|key| ![17, 18, 64].contains(key)).collect();
        assert_eq!((found, unreadable), (expected, vec![17, 18, 64]));
        assert!(queries < 40, "{queries}");
        assert_eq!(read(1, &[1], 0, false), (vec![], vec![1], 1));
        assert_eq!(read(3, &[1, 2, 3], 0, false).1, [1, 2, 3]);
    }

    #[test]
    fn words_that_are_not_known_are_tried_three_times_before_they_are_those_of_a_row() {
        for people in [1, 4] {
            let everyone: Vec<i64> = (1..=people).collect();
            assert_eq!(read(people, &[], 2, true), (everyone, vec![], 3));
        }
        assert_eq!(read(1, &[1], 0, true), (vec![], vec![1], 3));
    }
}

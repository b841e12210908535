//! What `fanmail check` looks at before the first mail does: the newest events and the first participants of each. A row that
//! cannot be read is named, and does not hide the others. What is odd about a row that can be read is left to `check`.

use std::collections::BTreeSet;

use diesel::dsl::{exists, max};
use diesel::prelude::*;
use diesel::result::Error;

use crate::domain::event_key::BadEventKey;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::{events, participants};
use crate::store::source::columns::{AppKey, AppText, LargestKey};
use crate::store::source::doubled::{
    Doubled, find_differing_numbers, find_differing_texts, find_doubled_numbers, find_doubled_texts,
};
use crate::store::source::event_keys::AppEvent;
use crate::store::source::keyed_pages::KeyPosition;
use crate::store::source::keys::ParticipantKeys;
use crate::store::source::listed::lookup_key;
use crate::store::source::participants::{find_largest_key, find_page_ids, read_rows};

/// Longest run of one statement. A server ends it then; SQLite has no such limit.
const STATEMENT_SECONDS: u32 = 10;
/// Most participants of an event that are found unreadable one by one.
const UNREADABLE_MAX: u64 = 20;

/// The first participants of an event, in key order.
#[derive(Debug, PartialEq, Eq)]
pub struct ParticipantSample {
    /// Those that can be read. Where keys are text, they have numbers from 1 on instead.
    pub readable: Vec<Participant>,
    /// Their keys, where these are text.
    pub text_keys: Option<TextKeys>,
    /// Whether there are rows without a key (NULL), of which nothing else is known.
    pub lacks_keys: bool,
    /// How many cannot be read, up to 20. Behind these nothing was looked at.
    pub unreadable: u64,
    /// One of these, with the database's words.
    pub example: Option<(ParticipantId, String)>,
}

/// Keys of participants that are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextKeys {
    /// What people call such keys.
    pub name: &'static str,
    /// That of each participant.
    pub keys: Vec<String>,
}

/// Keys that more than one row of an event has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubledKeys {
    /// All of them.
    pub all: SomeKeys,
    /// Those of rows with several addresses.
    pub differing: Option<SomeKeys>,
}

/// Keys of participants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SomeKeys {
    /// How many, up to 1,000.
    pub count: u64,
    /// The smallest of them, as the database writes it.
    pub first: String,
}

impl SomeKeys {
    /// Of these, in order; `None` of none.
    pub fn of<Key: ToString>(keys: &[Key]) -> Option<Self> {
        let count = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        keys.first().map(|first| Self { count, first: first.to_string() })
    }
}

impl Store {
    /// The events with the largest keys, from the largest on, each once. Of texts, those that the database sorts behind the
    /// others.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be read.
    pub fn newest_events(&self, limit: u32) -> Result<Vec<EventId>, StoreError> {
        let newest = self.load_newest(limit, false)?;
        let mut known = BTreeSet::new();
        let events: Vec<EventId> = newest.iter().copied().filter(|id| known.insert(*id)).collect();
        if events.len() < newest.len() && newest.len() >= limit as usize {
            // A view may repeat an event for each of its participants.
            return self.load_newest(limit, true);
        }
        Ok(events)
    }

    /// Keys that the database takes for one are one, if they are to be grouped.
    fn load_newest(&self, limit: u32, grouped: bool) -> Result<Vec<EventId>, StoreError> {
        let limit: i64 = limit.into();
        let keys = self.event_keys()?;
        self.run_limited("read the newest events", |connection| {
            let newest = events::table.order(events::id.desc()).limit(limit);
            if keys.key_type == EventKeyType::Number {
                let ids: Vec<AppKey> = if grouped {
                    newest.group_by(events::id).select(events::id).load(connection)?
                } else {
                    newest.select(events::id).load(connection)?
                };
                return Ok(ids.into_iter().map(|AppKey(id)| EventId::Number(id)).collect());
            }
            let ids: Vec<AppText> = if grouped {
                newest.group_by(events::id).select(keys.events_id_as_text()).load(connection)?
            } else {
                newest.select(keys.events_id_as_text()).load(connection)?
            };
            let bad_key = |reason: BadEventKey| {
                let text = format!("events.id has a key that fanmail cannot use: {reason}");
                Error::DeserializationError(text.into())
            };
            ids.iter().map(|AppText(id)| EventId::from_text(id).map_err(bad_key)).collect()
        })
    }

    /// How many rows of `events` have this key.
    ///
    /// # Errors
    /// When the database does not answer, or takes too long.
    pub fn count_event_rows(&self, event_id: EventId) -> Result<u64, StoreError> {
        let keys = self.event_keys()?;
        self.run_limited("count the rows of an event", |connection| match keys.in_events(event_id) {
            AppEvent::Number(id) => {
                let number: i64 = events::table.find(id).count().get_result(connection)?;
                Ok(u64::try_from(number).unwrap_or_default())
            }
            AppEvent::Text(condition) => {
                let same: Vec<AppText> =
                    events::table.filter(condition).select(keys.events_id_as_text()).load(connection)?;
                let is_event = |AppText(key): &&AppText| EventId::from_text(key) == Ok(event_id);
                Ok(same.iter().filter(is_event).count() as u64)
            }
        })
    }

    /// Up to `limit` participants of the event, from the smallest key on: all in one query, or each alone if that fails.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be read.
    pub fn sample_participants(
        &self,
        event_id: EventId,
        limit: u32,
    ) -> Result<ParticipantSample, StoreError> {
        let operation = "read a sample of participants";
        let lacks_keys = self.has_people_without_key(event_id)?;
        if self.has_text_keys(Some(event_id))? {
            let key = self.text_key(event_id)?;
            let mut page = self.read_keyed_page(key, event_id, &KeyPosition::default(), limit)?;
            if let Some(why) = page.unlistable {
                return Err(StoreError::unreadable(operation, &why));
            }
            page.people.truncate(limit as usize);
            let keys = page.people.iter().map(|person| person.key.clone()).collect();
            let numbered =
                (1..).zip(page.people).map(|(number, person)| person.numbered(ParticipantId(number)));
            return Ok(ParticipantSample {
                readable: numbered.collect(),
                text_keys: Some(TextKeys { name: key.name, keys }),
                lacks_keys,
                unreadable: 0,
                example: None,
            });
        }
        let readable = Vec::new();
        let mut sample =
            ParticipantSample { readable, text_keys: None, lacks_keys, unreadable: 0, example: None };
        let keys = self.app_keys()?;
        let event = keys.events.in_participants(event_id);
        let rows = self.run_limited(operation, |connection| {
            read_rows(connection, keys.zones, event, ParticipantId::MIN, ParticipantId::MAX, limit)
        });
        if let Ok(readable) = rows {
            return Ok(ParticipantSample { readable, ..sample });
        }
        let find_ids = |connection: &mut AnyConnection| {
            find_page_ids(connection, event, None, ParticipantId::MAX, limit)
        };
        for id in self.run_limited(operation, find_ids)? {
            // Each on its own: after some errors MariaDB's library waits for ever on the same connection.
            let read = |connection: &mut AnyConnection| read_rows(connection, keys.zones, event, id, id, 1);
            match self.run_limited("read a participant", read) {
                Ok(participant) => sample.readable.extend(participant),
                Err(error) => {
                    sample.unreadable += 1;
                    sample.example.get_or_insert_with(|| (id, error.to_string()));
                }
            }
            if sample.unreadable >= UNREADABLE_MAX {
                break;
            }
        }
        Ok(sample)
    }

    /// The keys that more than one row of the event has. Reads all keys of the event, and addresses only if some keys are doubled.
    ///
    /// # Errors
    /// When the database does not answer, or takes too long.
    pub fn find_doubled_keys(&self, event_id: EventId) -> Result<Option<DoubledKeys>, StoreError> {
        let (keys, operation) = (self.app_keys()?, "look for doubled keys");
        let event = keys.events.in_participants(event_id);
        if !self.has_text_keys(Some(event_id))? {
            return self.run_limited(operation, |connection| {
                let doubled = find_doubled_numbers(connection, event, Doubled::Any)?;
                Ok(match SomeKeys::of(&doubled) {
                    None => None,
                    Some(all) => {
                        let differing = SomeKeys::of(&find_differing_numbers(connection, event)?);
                        Some(DoubledKeys { all, differing })
                    }
                })
            });
        }
        let key = self.text_key(event_id)?;
        self.run_limited(operation, |connection| {
            let doubled = find_doubled_texts(connection, key, event, Doubled::Any)?;
            Ok(match SomeKeys::of(&doubled) {
                None => None,
                Some(all) => {
                    let differing = find_differing_texts(connection, key, lookup_key(keys)?, event)?;
                    Some(DoubledKeys { all, differing: SomeKeys::of(&differing) })
                }
            })
        })
    }

    /// Whether there is any participant, of whichever event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_participants(&self) -> Result<bool, StoreError> {
        self.run_limited("look for participants", |connection| {
            diesel::select(exists(participants::table.select(participants::event_id))).get_result(connection)
        })
    }

    /// Whether keys of participants are text: of this event, or of any. SQLite tells it by the rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_text_keys(&self, event_id: Option<EventId>) -> Result<bool, StoreError> {
        let keys = self.participant_keys()?;
        if keys != ParticipantKeys::OfEachRow {
            return Ok(keys != ParticipantKeys::Numbers);
        }
        let event_keys = self.event_keys()?;
        let largest: Option<LargestKey> = self.run("read the type of keys", |connection| match event_id {
            Some(id) => find_largest_key(connection, event_keys.in_participants(id)),
            None => participants::table.select(max(participants::id)).first(connection),
        })?;
        Ok(largest == Some(LargestKey::Text))
    }

    fn run_limited<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.run(operation, |connection| {
            dispatch::limit_statements(connection, STATEMENT_SECONDS)?;
            work(connection)
        })
    }
}

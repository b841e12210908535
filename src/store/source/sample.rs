//! What `fanmail check` looks at before the first mail does: the newest events and the first participants of each. A row that
//! cannot be read is named, and does not hide the others. What is odd about a row that can be read is left to `check`.

use diesel::dsl::count_star;
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
use crate::store::source::columns::{AppKey, AppText};
use crate::store::source::event_keys::of_event;
use crate::store::source::participants::{find_page_ids, read_rows};

/// Longest run of one statement. A server ends it then; SQLite has no such limit.
const STATEMENT_SECONDS: u32 = 10;
/// Most participants of an event that are found unreadable one by one.
const UNREADABLE_MAX: u64 = 20;
/// Most doubled keys of an event that are counted.
const DOUBLED_MAX: i64 = 1000;

/// The first participants of an event, in key order.
#[derive(Debug, PartialEq, Eq)]
pub struct ParticipantSample {
    /// Those that can be read.
    pub readable: Vec<Participant>,
    /// How many cannot be read, up to 20. Behind these nothing was looked at.
    pub unreadable: u64,
    /// One of these, with the database's words.
    pub example: Option<(ParticipantId, String)>,
}

/// Keys that more than one participant of an event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoubledKeys {
    /// How many, up to 1,000.
    pub count: u64,
    /// The smallest of them.
    pub first: ParticipantId,
}

impl Store {
    /// The events with the largest keys, from the largest on. Of texts, those that the database sorts behind the others.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be read.
    pub fn newest_events(&self, limit: u32) -> Result<Vec<EventId>, StoreError> {
        let limit: i64 = limit.into();
        let keys = self.event_keys()?;
        self.run_limited("read the newest events", |connection| {
            let newest = events::table.order(events::id.desc()).limit(limit);
            if keys.key_type == EventKeyType::Number {
                let ids: Vec<AppKey> = newest.select(events::id).load(connection)?;
                return Ok(ids.into_iter().map(|AppKey(id)| EventId::Number(id)).collect());
            }
            let ids: Vec<AppText> = newest.select(keys.events_id_as_text()).load(connection)?;
            let bad_key = |reason: BadEventKey| {
                let text = format!("events.id has a key that fanmail cannot use: {reason}");
                Error::DeserializationError(text.into())
            };
            ids.iter().map(|AppText(id)| EventId::from_text(id).map_err(bad_key)).collect()
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
        let event = self.event_keys()?.in_participants(event_id);
        let rows = self.run_limited(operation, |connection| {
            read_rows(connection, event, ParticipantId::MIN, ParticipantId::MAX, limit)
        });
        if let Ok(readable) = rows {
            return Ok(ParticipantSample { readable, unreadable: 0, example: None });
        }
        let find_ids = |connection: &mut AnyConnection| {
            find_page_ids(connection, event, None, ParticipantId::MAX, limit)
        };
        let mut sample = ParticipantSample { readable: Vec::new(), unreadable: 0, example: None };
        for id in self.run_limited(operation, find_ids)? {
            // Each on its own: after some errors MariaDB's library waits for ever on the same connection.
            match self.run_limited("read a participant", |connection| read_rows(connection, event, id, id, 1))
            {
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

    /// The keys that more than one participant of the event has. Reads all keys of the event.
    ///
    /// # Errors
    /// When the database does not answer, or takes too long.
    pub fn find_doubled_keys(&self, event_id: EventId) -> Result<Option<DoubledKeys>, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        let keys: Vec<AppKey> = self.run_limited("look for doubled keys", |connection| {
            of_event!(event, participants::event_id, is_of_event => {
                participants::table
                    .filter(is_of_event)
                    .group_by(participants::id)
                    .having(count_star().gt(1))
                    .select(participants::id)
                    .order(participants::id)
                    .limit(DOUBLED_MAX)
                    .load(connection)
            })
        })?;
        let count = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        Ok(keys.first().map(|AppKey(id)| DoubledKeys { count, first: ParticipantId(*id) }))
    }

    /// Whether there is any participant, of whichever event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_participants(&self) -> Result<bool, StoreError> {
        let any: Option<AppKey> = self.run_limited("look for participants", |connection| {
            participants::table.select(participants::id).limit(1).first(connection).optional()
        })?;
        Ok(any.is_some())
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

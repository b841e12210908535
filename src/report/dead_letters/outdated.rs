//! Dead letters whose mails would say that an event takes place that was cancelled since. Replaying the others is left to `broker`.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::broker::dead_letters::view::DeadLetterView;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::superseding::supersedes;
use crate::routes::Routes;
use crate::routes::decoder::Decoder;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::cancellations::Cancellation;
use crate::text::timestamp::to_the_second;

/// Finds out which dead letters are outdated.
pub struct OutdatedLetters<'a> {
    store: &'a Store,
    decoder: Decoder,
    known: HashMap<EventId, Option<Cancellation>>,
}

impl<'a> OutdatedLetters<'a> {
    /// Reads messages as a worker with these routes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn new(store: &'a Store, routes: Option<Arc<Routes>>) -> Result<Self, StoreError> {
        let decoder = Decoder::new(store.event_key_type()?, routes);
        Ok(Self { store, decoder, known: HashMap::new() })
    }

    /// Why a dead letter must not be replayed, if its event was cancelled after it: a sentence. One that cannot be read is mailed to nobody
    /// in any case.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn why_outdated(&mut self, letter: &DeadLetterView) -> Result<Option<String>, StoreError> {
        let incoming = letter.as_incoming();
        let Ok(decoded) = self.decoder.read(&letter.body, &incoming.beside()) else { return Ok(None) };
        let message = decoded.message;
        let Some(event_id) = message.event_id else { return Ok(None) };
        if !supersedes(Kind::Cancelled, message.kind, message.details.as_ref()) {
            return Ok(None);
        }
        let of_envelope = decoded.origin.published_at.ok().flatten();
        let published_at = of_envelope.or(incoming.published_at).or(letter.at);
        let Some(cancellation) = self.cancellation(event_id)? else { return Ok(None) };
        Ok(is_older(published_at, &cancellation).then(|| {
            format!(
                "event {event_id} was cancelled after this {} (notification {}, {}), and its mails would say that the event takes place; \
                 purge it, or replay it all the same with --force",
                message.kind,
                cancellation.id,
                to_the_second(cancellation.received_at.and_utc())
            )
        }))
    }

    fn cancellation(&mut self, event_id: EventId) -> Result<Option<Cancellation>, StoreError> {
        if let Some(known) = self.known.get(&event_id) {
            return Ok(*known);
        }
        let found = self.store.find_cancellation(event_id)?;
        self.known.insert(event_id, found);
        Ok(found)
    }
}

/// One whose time is not known counts as older.
fn is_older(published_at: Option<DateTime<Utc>>, cancellation: &Cancellation) -> bool {
    published_at.is_none_or(|at| at < cancellation.received_at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::NotificationId;

    #[test]
    fn what_was_published_after_the_cancellation_is_news() {
        let at = DateTime::from_timestamp(1_767_355_200, 0).unwrap();
        let cancellation = Cancellation { id: NotificationId(7), received_at: at.naive_utc() };
        let before = |seconds| Some(at - chrono::TimeDelta::seconds(seconds));
        assert!(is_older(before(1), &cancellation) && is_older(None, &cancellation));
        assert!(!is_older(before(0), &cancellation) && !is_older(before(-1), &cancellation));
    }
}

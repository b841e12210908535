//! Time zones of events that fanmail does not know: each event is told once in the log, and `check` counts them. Which
//! zones are known is left to `domain`.

use std::collections::BTreeSet;
use std::sync::Mutex;

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::domain::event::Event;
use crate::domain::time_zone::TimeZone;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::error::StoreError;
use crate::store::schema::events;
use crate::store::source::columns::{AppText, not_blank};
use crate::sync::lock;

/// Events whose zone this process has told. An event is read for each of its notifications.
static TOLD: Told = Told(Mutex::new(BTreeSet::new()));

struct Told(Mutex<BTreeSet<String>>);

impl Told {
    /// When so many are remembered, all are forgotten, and may be told again.
    const LIMIT: usize = 10_000;

    fn is_first(&self, event: String) -> bool {
        let mut told = lock(&self.0);
        if told.len() >= Self::LIMIT {
            told.clear();
        }
        told.insert(event)
    }
}

/// Logs that the zone of an event is not known, once. The zone itself is not shown: a view may have put anything there.
pub(super) fn tell_if_unknown(event: &Event) {
    if TimeZone::parse(&event.timezone).is_none() && TOLD.is_first(event.id.to_string()) {
        log::warn!(
            "event {}: timezone is not a time zone that fanmail knows, so its mails show UTC (UTC+00:00); \
             store a name such as Europe/Berlin",
            event.id
        );
    }
}

/// Events with a zone that fanmail does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownZones {
    /// How many events.
    pub events: u64,
    /// The zone that most of them have.
    pub example: String,
}

impl Store {
    /// Counts the events with a zone that fanmail does not know; `None` if there are none. Reads the whole table `events` once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn count_unknown_zones(&self) -> Result<Option<UnknownZones>, StoreError> {
        let zones = self.run("count the time zones of events", count_zones)?;
        let unknown = || zones.iter().filter(|(zone, _)| TimeZone::parse(zone).is_none());
        let example = unknown().max_by_key(|(_, events)| events).map(|(zone, _)| zone.clone());
        let events = unknown().map(|(_, events)| events).sum();
        Ok(example.map(|example| UnknownZones { events, example }))
    }
}

fn count_zones(connection: &mut AnyConnection) -> QueryResult<Vec<(String, u64)>> {
    let zone = AsText(events::timezone);
    let rows: Vec<(Option<AppText>, i64)> =
        events::table.group_by(zone).select((zone, count_star())).load(connection)?;
    let count = |(zone, events): (Option<AppText>, i64)| Some((not_blank(zone)?, events.unsigned_abs()));
    Ok(rows.into_iter().filter_map(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_once_and_memory_is_bounded() {
        let told = Told(Mutex::new(BTreeSet::new()));
        assert!(told.is_first("1".to_owned()) && told.is_first("2".to_owned()));
        assert!(!told.is_first("1".to_owned()) && !told.is_first("2".to_owned()));
        for id in 0..3 * Told::LIMIT {
            told.is_first(id.to_string());
        }
        assert!(lock(&told.0).len() <= Told::LIMIT);
    }
}

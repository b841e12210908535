//! Lines about participants.

use std::collections::BTreeSet;

use crate::commands::import::bad_lines::BadLines;
use crate::commands::import::events::read_zone;
use crate::commands::import::fields::{Fields, Reasons};
use crate::commands::import::key_set::KeySet;
use crate::commands::import::known_people::KnownPeople;
use crate::commands::import::target::{Target, collect};
use crate::domain::address;
use crate::domain::ids::ParticipantId;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::source::import_rows::{Given, ParticipantImport, ParticipantKey, ParticipantValues};
use crate::store::source::importing::{ImportMode, Imported};
use crate::text::count::count;

/// Imports participants.
pub struct Participants<'a> {
    /// The event of all lines.
    event: Option<i64>,
    /// Events that are imported before.
    planned_events: &'a KeySet,
    known_events: KeySet,
    keys: KeySet,
    people: KnownPeople,
    without_address: u64,
}

impl<'a> Participants<'a> {
    /// With an `event`, the file has no column for it. `planned_events` may be missing in the database.
    pub fn new(event: Option<i64>, planned_events: &'a KeySet) -> Self {
        Self {
            event,
            planned_events,
            known_events: KeySet::default(),
            keys: KeySet::default(),
            people: KnownPeople::default(),
            without_address: 0,
        }
    }

    fn values(&self, fields: Fields<'_>, has_key: bool) -> Result<ParticipantValues, Reasons> {
        let mut reasons = Vec::new();
        let event_id = match self.event {
            Some(event) => Some(event),
            None => collect(&mut reasons, fields.key("event_id")).flatten(),
        };
        let email = collect(&mut reasons, address_of(fields, has_key)).flatten();
        let name = collect(&mut reasons, fields.text("name")).flatten().map(Option::unwrap_or_default);
        let locale = collect(&mut reasons, fields.text("locale")).flatten();
        let timezone = collect(&mut reasons, zone_of(fields)).flatten();
        match event_id {
            Some(event_id) if reasons.is_empty() => {
                Ok(ParticipantValues { event_id, email, name, locale, timezone })
            }
            _ => Err(reasons),
        }
    }

    /// Finds those of these events that the database has, or is going to have.
    fn find_events(&mut self, store: &Store, rows: &[(u64, ParticipantImport)]) -> Result<(), StoreError> {
        let unknown = |id: &i64| !self.known_events.contains(*id) && !self.planned_events.contains(*id);
        let ids: BTreeSet<i64> = rows.iter().map(|(_, row)| row.values.event_id).filter(unknown).collect();
        if !ids.is_empty() {
            let ids: Vec<i64> = ids.into_iter().collect();
            for id in store.find_known_events(&ids)? {
                self.known_events.insert(id);
            }
        }
        Ok(())
    }
}

/// A zone that mails can show, or none.
fn zone_of(fields: Fields<'_>) -> Result<Given<Option<String>>, String> {
    let given = fields.text("timezone")?;
    given.iter().flatten().try_for_each(|zone| read_zone(zone).map(drop))?;
    Ok(given)
}

/// An address that can be written to. Only a participant with a key may have none.
fn address_of(fields: Fields<'_>, has_key: bool) -> Result<Option<String>, String> {
    let Some(email) = fields.text("email")?.flatten() else {
        return if has_key {
            Ok(None)
        } else {
            Err("email is empty; without a column id, the address tells the participants of an event apart"
                .to_owned())
        };
    };
    match address::parse(&email) {
        Ok(_) => Ok(Some(email)),
        Err(error) => Err(format!("email: {error}")),
    }
}

impl Target for Participants<'_> {
    type Row = ParticipantImport;

    fn read(&mut self, fields: Fields<'_>) -> Result<ParticipantImport, Reasons> {
        let (id, reason) = match fields.key("id") {
            Ok(id) => (id, None),
            Err(reason) => (None, Some(reason)),
        };
        let values = self.values(fields, id.is_some() || reason.is_some());
        let values = match (values, reason) {
            (Ok(values), None) => values,
            (values, reason) => {
                return Err(reason.into_iter().chain(values.err().unwrap_or_default()).collect());
            }
        };
        let Some(id) = id else { return Ok(ParticipantImport { key: ParticipantKey::None, values }) };
        if !self.keys.insert(id) {
            return Err(vec![format!("id {id} is on an earlier line, too")]);
        }
        self.without_address += u64::from(values.email.is_none());
        Ok(ParticipantImport { key: ParticipantKey::Given(ParticipantId(id)), values })
    }

    fn check(
        &mut self,
        store: &Store,
        rows: Vec<(u64, ParticipantImport)>,
        bad: &mut BadLines,
    ) -> Result<Vec<ParticipantImport>, StoreError> {
        self.find_events(store, &rows)?;
        let mut good = Vec::with_capacity(rows.len());
        for (line, mut row) in rows {
            let event = row.values.event_id;
            if !self.known_events.contains(event) && !self.planned_events.contains(event) {
                bad.add(line, &[format!("event {event} is not in the database; import the events first")]);
                continue;
            }
            if let (ParticipantKey::None, Some(email)) = (row.key, &row.values.email) {
                let Some(key) = self.people.find(store, row.values.event_id, email)? else {
                    let reason = "the address is on an earlier line of this event, too; give such participants a column id";
                    bad.add(line, &[reason.to_owned()]);
                    continue;
                };
                row.key = key;
            }
            good.push(row);
        }
        Ok(good)
    }

    fn import(
        &self,
        store: &Store,
        rows: &[ParticipantImport],
        mode: ImportMode,
    ) -> Result<Imported, StoreError> {
        store.import_participants(rows, mode)
    }

    fn notes(&self) -> Vec<String> {
        let note = || {
            format!(
                "{} without an address: no mail is sent to them",
                count(self.without_address, "participant")
            )
        };
        (self.without_address > 0).then(note).into_iter().collect()
    }
}

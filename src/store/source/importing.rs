//! Adds and changes rows of `events` and `participants` when they are fanmail's own tables: what a file says about them. Reading
//! the file is left to `commands::import`.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;
use diesel::QueryResult;
use diesel::prelude::*;

use crate::domain::event::Event;
use crate::domain::ids::ParticipantId;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::{events, participants, zoned_participants};
use crate::store::source::columns::{AppKey, AppText, not_blank};
use crate::store::source::events::find_events_by_ids;
use crate::store::source::import_rows::{EventImport, ParticipantImport, ParticipantKey, ParticipantValues};
use crate::store::source::zone_column::ZoneColumn;

/// Whether rows are written, or only compared with the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// Nothing is changed.
    Compare,
    /// New rows are added, and changed ones updated.
    Write,
}

/// How rows of a file compare with the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows that the table did not have.
    pub new: u64,
    /// Rows with another value.
    pub changed: u64,
    /// Rows that say the same.
    pub same: u64,
}

impl std::ops::AddAssign for Imported {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.same += other.same;
    }
}

/// What is to be done, and how many rows say the same already.
struct Plan<N, C> {
    new: Vec<N>,
    changed: Vec<C>,
    same: u64,
}

impl<N, C> Plan<N, C> {
    fn counts(&self) -> Imported {
        Imported { new: self.new.len() as u64, changed: self.changed.len() as u64, same: self.same }
    }
}

impl Store {
    /// Those of these events that the database has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_known_events(&self, ids: &[i64]) -> Result<BTreeSet<i64>, StoreError> {
        self.run("look for events", |connection| {
            let found: Vec<AppKey> =
                events::table.filter(events::id.eq_any(ids)).select(events::id).load(connection)?;
            Ok(found.into_iter().map(|AppKey(id)| id).collect())
        })
    }

    /// Adds or updates events, all or none. At most 1,000, each with another key. `now` is the time of the change, where the
    /// file has none.
    ///
    /// # Errors
    /// When the database does not answer or refuses a row.
    pub fn import_events(
        &self,
        rows: &[EventImport],
        now: NaiveDateTime,
        mode: ImportMode,
    ) -> Result<Imported, StoreError> {
        self.import("import events", mode, |connection| {
            let plan = plan_events(connection, rows, now)?;
            if mode == ImportMode::Write && !(plan.new.is_empty() && plan.changed.is_empty()) {
                let new: Vec<_> = plan.new.iter().map(|event| (*event).clone().into_new()).collect();
                dispatch::insert_events(connection, &new)?;
                dispatch::choose_larger_keys(connection, "events")?;
                for event in &plan.changed {
                    diesel::update(events::table.find(event.id)).set(event).execute(connection)?;
                }
            }
            Ok(plan.counts())
        })
    }

    /// Adds or updates participants, all or none. At most 1,000, each with another key.
    ///
    /// # Errors
    /// When the database does not answer or refuses a row.
    pub fn import_participants(
        &self,
        rows: &[ParticipantImport],
        mode: ImportMode,
    ) -> Result<Imported, StoreError> {
        let zones = self.app_keys()?.zones;
        self.import("import participants", mode, |connection| {
            let plan = plan_participants(connection, zones, rows)?;
            if mode == ImportMode::Write {
                add_participants(connection, &plan.new)?;
                for (id, values) in &plan.changed {
                    diesel::update(participants::table.find(id)).set(*values).execute(connection)?;
                    set_zone(connection, *id, values)?;
                }
            }
            Ok(plan.counts())
        })
    }

    fn import<T>(
        &self,
        operation: &str,
        mode: ImportMode,
        work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        match mode {
            ImportMode::Compare => self.run(operation, work),
            ImportMode::Write => self.write(operation, work),
        }
    }
}

fn plan_events(
    connection: &mut AnyConnection,
    rows: &[EventImport],
    now: NaiveDateTime,
) -> QueryResult<Plan<EventImport, EventImport>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let existing: HashMap<i64, Event> = find_events_by_ids(connection, &ids)?.into_iter().collect();
    let mut plan = Plan { new: Vec::new(), changed: Vec::new(), same: 0 };
    for row in rows {
        match existing.get(&row.id) {
            None => plan.new.push(row.changed_at(now)),
            Some(event) if row.is_same(event) => plan.same += 1,
            Some(_) => plan.changed.push(row.changed_at(now)),
        }
    }
    Ok(plan)
}

/// A participant to be added, and its key if the file has one.
type NewRow<'a> = (Option<ParticipantId>, &'a ParticipantValues);

fn plan_participants<'a>(
    connection: &mut AnyConnection,
    zones: ZoneColumn,
    rows: &'a [ParticipantImport],
) -> QueryResult<Plan<NewRow<'a>, (ParticipantId, &'a ParticipantValues)>> {
    let existing = find_participants(connection, zones, rows)?;
    let mut plan = Plan { new: Vec::new(), changed: Vec::new(), same: 0 };
    for ParticipantImport { key, values } in rows {
        let found = key.id().and_then(|id| existing.get(&id).map(|found| (id, found)));
        match (key, found) {
            (ParticipantKey::Found(_), Some((_, found))) if !values.has_same_address(found) => {
                plan.new.push((None, values));
            }
            (_, Some((_, found))) if values.is_same(found) => plan.same += 1,
            (_, Some((id, _))) => plan.changed.push((id, values)),
            (ParticipantKey::Given(id), None) => plan.new.push((Some(*id), values)),
            (ParticipantKey::Found(_) | ParticipantKey::None, None) => plan.new.push((None, values)),
        }
    }
    Ok(plan)
}

/// The rows of the table that these are about.
fn find_participants(
    connection: &mut AnyConnection,
    zones: ZoneColumn,
    rows: &[ParticipantImport],
) -> QueryResult<HashMap<ParticipantId, ParticipantValues>> {
    type Row = (AppKey, AppKey, Option<AppText>, Option<AppText>, Option<AppText>, Option<AppText>);
    let ids: Vec<ParticipantId> = rows.iter().filter_map(|row| row.key.id()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<Row> = participants::table
        .filter(participants::id.eq_any(ids))
        .select((
            participants::id,
            participants::event_id,
            AsText(participants::email),
            AsText(participants::name),
            AsText(participants::locale),
            zones,
        ))
        .load(connection)?;
    let values = |(id, event_id, email, name, locale, timezone): Row| {
        let values = ParticipantValues {
            event_id: event_id.0,
            email: not_blank(email),
            name: Some(not_blank(name).unwrap_or_default()),
            locale: Some(not_blank(locale)),
            timezone: Some(not_blank(timezone)),
        };
        (ParticipantId(id.0), values)
    };
    Ok(found.into_iter().map(values).collect())
}

/// Those with keys first: the database has to choose larger ones for the others. Rows without a zone do without its column: their table may
/// be older than it.
fn add_participants(connection: &mut AnyConnection, rows: &[NewRow<'_>]) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let with_key = |(id, values): &NewRow<'_>| Some((*values).clone().into_keyed((*id)?));
    let keyed: Vec<_> = rows.iter().filter_map(with_key).collect();
    dispatch::insert_keyed_participants(connection, &keyed)?;
    for (id, values) in rows.iter().filter(|(_, values)| values.zone().is_some()) {
        id.map_or(Ok(()), |id| set_zone(connection, id, values))?;
    }
    dispatch::choose_larger_keys(connection, "participants")?;
    let (mut unkeyed, mut zoned) = (Vec::new(), Vec::new());
    for (_, values) in rows.iter().filter(|(id, _)| id.is_none()) {
        match values.zone() {
            Some(zone) => zoned.push((*values).clone().into_zoned(zone.to_owned())),
            None => unkeyed.push((*values).clone().into_new()),
        }
    }
    dispatch::insert_participants(connection, &unkeyed)?;
    dispatch::insert_zoned_participants(connection, &zoned)
}

/// The zone of a row that is there, if the file has one: its table may be older than its column.
fn set_zone(
    connection: &mut AnyConnection,
    id: ParticipantId,
    values: &ParticipantValues,
) -> QueryResult<()> {
    let Some(zone) = &values.timezone else { return Ok(()) };
    diesel::update(zoned_participants::table.find(id))
        .set(zoned_participants::timezone.eq(zone.as_deref()))
        .execute(connection)
        .map(drop)
}

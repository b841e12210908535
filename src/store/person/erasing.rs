//! Erases what fanmail keeps about a person, in short transactions, each of which also counts in the log what it has changed. A process that
//! is killed leaves the rest to the next run, and a run over what is erased changes nothing.
//!
//! The suppression comes first: a worker that reads a page of recipients from then on skips the person. Mails that no worker is sending now
//! are decided here, as `skipped`. What a worker has leased is left to it where it may still need the row: it is named, and another run
//! erases it.

use diesel::prelude::*;

use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::person::entries::read_entry;
use crate::store::person::erased_place::erase_place;
use crate::store::person::erasures::{self, Begun, Erased, ErasedRows};
use crate::store::person::mentions::{Mention, MentionTable, erase_mention};
use crate::store::person::{Person, Place, outbox_rows};
use crate::store::schema::{recipients, soft_bounces, suppressions};
use crate::store::suppressions::{NewSuppression, bytes, insert_suppressions};

/// Recipients in one transaction: few enough that workers do not wait.
pub const PLACES_PER_STEP: usize = 50;

/// An erasure that is running, or one that only counts.
#[derive(Debug, Clone, Copy)]
pub struct ErasureRun {
    /// `None`: it changes nothing.
    begun: Option<Begun>,
}

impl Store {
    /// Begins an erasure: from now on the address gets no mail. With `dry_run` nothing is changed by any step.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn begin_erasure(
        &self,
        person: &Person,
        run_by: Option<&str>,
        dry_run: bool,
    ) -> Result<(ErasureRun, Erased), StoreError> {
        if dry_run {
            let rows = self.run("count suppressions", |connection| {
                let named: i64 = named_suppressions(person).count().get_result(connection)?;
                let soft: i64 = soft_bounces_of(person).count().get_result(connection)?;
                Ok(ErasedRows { suppressions: (named + soft).unsigned_abs(), ..ErasedRows::default() })
            })?;
            return Ok((ErasureRun { begun: None }, Erased { rows, left: 0 }));
        }
        self.write("begin an erasure", |connection| {
            let begun = erasures::begin(connection, person.hash, run_by)?;
            let new = NewSuppression {
                hash: person.hash,
                address: None,
                scope: SuppressionScope::Everything,
                reason: SuppressionReason::Erased,
                source: SuppressionSource::Command,
            };
            insert_suppressions(connection, &[new])?;
            let unnamed = diesel::update(named_suppressions(person))
                .set(suppressions::address.eq(None::<String>))
                .execute(connection)?;
            let soft = diesel::delete(soft_bounces_of(person)).execute(connection)?;
            let rows = ErasedRows { suppressions: (unnamed + soft) as u64, ..ErasedRows::default() };
            erasures::add(connection, begun, rows)?;
            Ok((ErasureRun { begun: Some(begun) }, Erased { rows, left: 0 }))
        })
    }

    /// Erases recipients who are the person.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn erase_places(&self, run: ErasureRun, places: &[Place]) -> Result<Erased, StoreError> {
        self.erasure_step(run, |connection| {
            let mut erased = Erased::default();
            for place in places {
                erased += erase_place(connection, *place, run.writes())?;
            }
            Ok(erased)
        })
    }

    /// Takes the address out of the rows of other recipients.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn erase_in_others(
        &self,
        run: ErasureRun,
        person: &Person,
        places: &[Place],
    ) -> Result<Erased, StoreError> {
        self.erasure_step(run, |connection| {
            let mut erased = Erased::default();
            for place in places {
                let Some(row) = read_entry(connection, *place)?.recipient else { continue };
                let name = row.name.as_deref().and_then(|name| person.address.erase(name));
                let data = row.data.as_deref().and_then(|data| person.address.erase_in_json(data));
                if name.is_none() && data.is_none() {
                    continue;
                }
                erased.rows.recipients += 1;
                if run.writes() {
                    diesel::update(recipients::table.find((place.notification_id, place.participant_id)))
                        .set((recipients::name.eq(name.or(row.name)), recipients::data.eq(data.or(row.data))))
                        .execute(connection)?;
                }
            }
            Ok(erased)
        })
    }

    /// Takes the address out of the texts of a table, behind `after`. Returns the last row that was looked at; `None` at the end. Texts about
    /// recipients that `is_own` names are left to [`Self::erase_places`].
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn erase_mentions(
        &self,
        run: ErasureRun,
        person: &Person,
        table: MentionTable,
        after: Place,
        is_own: impl Fn(&Place) -> bool,
    ) -> Result<(Erased, Option<Place>), StoreError> {
        // Read apart: SQLite has one writer, and workers wait for it.
        let page = self.find_mentions(&person.address, table, after)?;
        let is_others = |mention: &&Mention| {
            let notification_id = mention.notification_id;
            let place =
                mention.participant_id.map(|participant_id| Place { notification_id, participant_id });
            !place.is_some_and(|place| is_own(&place))
        };
        let mentions: Vec<&Mention> = page.mentions.iter().filter(is_others).collect();
        let erased = self.erasure_step(run, |connection| {
            let mut erased = Erased::default();
            for mention in &mentions {
                if mention.erased.is_none() {
                    erased.left += 1;
                    continue;
                }
                let rows = match table {
                    MentionTable::Notifications => &mut erased.rows.notifications,
                    MentionTable::Outcomes | MentionTable::Deferrals => &mut erased.rows.outcomes,
                };
                *rows += if run.writes() { erase_mention(connection, mention)? as u64 } else { 1 };
            }
            Ok(erased)
        })?;
        Ok((erased, page.last))
    }

    /// Takes messages of the outbox away, behind `after`. Returns the last row that was looked at; `None` at the end.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn erase_outbox_rows(
        &self,
        run: ErasureRun,
        person: &Person,
        after: i64,
    ) -> Result<(Erased, Option<i64>), StoreError> {
        let (found, last) = self.find_outbox_rows(&person.address, after)?;
        let erased = self.erasure_step(run, |connection| {
            let mut erased = Erased::default();
            for entry in &found {
                match (entry.is_taken, run.writes()) {
                    (false, _) => erased.left += 1,
                    (true, false) => erased.rows.outbox_rows += 1,
                    (true, true) => {
                        erased.rows.outbox_rows +=
                            outbox_rows::erase(connection, &person.address, entry)? as u64;
                    }
                }
            }
            Ok(erased)
        })?;
        Ok((erased, last))
    }

    /// Says in the log that nothing is left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn end_erasure(&self, run: ErasureRun) -> Result<(), StoreError> {
        let Some(begun) = run.begun else { return Ok(()) };
        self.write("end an erasure", |connection| erasures::end(connection, begun))
    }

    fn erasure_step(
        &self,
        run: ErasureRun,
        mut work: impl FnMut(&mut AnyConnection) -> QueryResult<Erased>,
    ) -> Result<Erased, StoreError> {
        let Some(begun) = run.begun else {
            return self.read("count what is kept about a person", work);
        };
        self.write("erase what is kept about a person", |connection| {
            let erased = work(connection)?;
            erasures::add(connection, begun, erased.rows)?;
            Ok(erased)
        })
    }
}

impl ErasureRun {
    fn writes(self) -> bool {
        self.begun.is_some()
    }
}

/// The suppressions of the person that have the address.
#[diesel::dsl::auto_type]
fn named_suppressions<'a>(person: &'a Person) -> _ {
    let hash: &'a [u8] = bytes(&person.hash);
    suppressions::table
        .filter(suppressions::address_hash.eq(hash))
        .filter(suppressions::address.is_not_null())
}

#[diesel::dsl::auto_type]
fn soft_bounces_of<'a>(person: &'a Person) -> _ {
    let hash: &'a [u8] = bytes(&person.hash);
    soft_bounces::table.filter(soft_bounces::address_hash.eq(hash))
}

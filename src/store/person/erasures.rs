//! The log of erasures (table `erasures`): when, whose hash, and how many rows were changed. It has no address. What is erased is left to
//! `erasing`.

use std::ops::AddAssign;

use chrono::{NaiveDateTime, SubsecRound as _, TimeDelta};
use diesel::prelude::*;

use crate::domain::address_hash::AddressHash;
use crate::store::Store;
use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::erasures;
use crate::store::suppressions::{bytes, read_hash};

/// How long an erasure stays in the log at least: three years, after which claims usually lapse.
pub(crate) const KEPT_FOR: TimeDelta = TimeDelta::days(3 * 366);

/// How many rows an erasure has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErasedRows {
    /// Outcomes and deferrals whose words were taken away, and mails that are not sent any more.
    pub outcomes: u64,
    /// Rows on lists of recipients.
    pub recipients: u64,
    /// Notifications with texts about the person.
    pub notifications: u64,
    /// Suppressions whose address was taken away, and soft bounces that were deleted.
    pub suppressions: u64,
    /// Rows of the outbox whose message was taken away.
    pub outbox_rows: u64,
}

/// What a step has changed, or would change, and what it has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Changed rows.
    pub rows: ErasedRows,
    /// Rows that are left, because a worker is sending now, a message may come again, or the application has just written them.
    pub left: u64,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose.
    pub hash: AddressHash,
    /// When it began, UTC.
    pub begun_at: NaiveDateTime,
    /// When nothing was left, UTC. `None`: it was interrupted, or something was left.
    pub ended_at: Option<NaiveDateTime>,
    /// Who has said so.
    pub run_by: Option<String>,
    /// What was changed.
    pub rows: ErasedRows,
}

/// An erasure that has begun: its row in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub hash: AddressHash,
    pub begun_at: NaiveDateTime,
}

type Columns = (Vec<u8>, NaiveDateTime, Option<NaiveDateTime>, Option<String>, i64, i64, i64, i64, i64);

impl Store {
    /// The newest erasures first, up to `limit`: of this address, or all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_erasures(&self, of: Option<&AddressHash>, limit: u32) -> Result<Vec<Erasure>, StoreError> {
        self.run("list erasures", |connection| {
            let mut rows = erasures::table.into_boxed();
            if let Some(hash) = of {
                rows = rows.filter(erasures::address_hash.eq(bytes(hash)));
            }
            let newest = (erasures::begun_at.desc(), erasures::address_hash);
            let rows: Vec<Columns> = rows.order(newest).limit(limit.into()).load(connection)?;
            rows.into_iter().map(read_row).collect()
        })
    }
}

/// Begins a row of the log, or continues the newest one of the address that has not ended. In a write transaction of the caller.
pub(crate) fn begin(
    connection: &mut AnyConnection,
    hash: AddressHash,
    run_by: Option<&str>,
) -> QueryResult<Begun> {
    let unfinished: Option<NaiveDateTime> = erasures::table
        .filter(erasures::address_hash.eq(bytes(&hash)))
        .filter(erasures::ended_at.is_null())
        .order(erasures::begun_at.desc())
        .select(erasures::begun_at)
        .first(connection)
        .optional()?;
    let begun_at = match unfinished {
        Some(begun_at) => begun_at,
        None => insert(connection, hash, run_by)?,
    };
    Ok(Begun { hash, begun_at })
}

fn insert(
    connection: &mut AnyConnection,
    hash: AddressHash,
    run_by: Option<&str>,
) -> QueryResult<NaiveDateTime> {
    let begun_at = dispatch::clock(connection)?.trunc_subsecs(3);
    let row = (
        erasures::address_hash.eq(bytes(&hash)),
        erasures::begun_at.eq(begun_at),
        erasures::run_by.eq(run_by),
        erasures::outcomes.eq(0),
        erasures::recipients.eq(0),
        erasures::notifications.eq(0),
        erasures::suppressions.eq(0),
        erasures::outbox_rows.eq(0),
    );
    dispatch!(connection, AnyConnection(own) => {
        diesel::insert_into(erasures::table).values(row).execute(own).map(drop)
    })?;
    Ok(begun_at)
}

/// Adds to the numbers, in the transaction that has changed the rows.
pub(crate) fn add(connection: &mut AnyConnection, begun: Begun, more: ErasedRows) -> QueryResult<()> {
    if more == ErasedRows::default() {
        return Ok(());
    }
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    diesel::update(erasures::table.find((bytes(&begun.hash), begun.begun_at)))
        .set((
            erasures::outcomes.eq(erasures::outcomes + number(more.outcomes)),
            erasures::recipients.eq(erasures::recipients + number(more.recipients)),
            erasures::notifications.eq(erasures::notifications + number(more.notifications)),
            erasures::suppressions.eq(erasures::suppressions + number(more.suppressions)),
            erasures::outbox_rows.eq(erasures::outbox_rows + number(more.outbox_rows)),
        ))
        .execute(connection)
        .map(drop)
}

/// Says that nothing is left.
pub(crate) fn end(connection: &mut AnyConnection, begun: Begun) -> QueryResult<()> {
    let now = dispatch::clock(connection)?;
    diesel::update(erasures::table.find((bytes(&begun.hash), begun.begun_at)))
        .set(erasures::ended_at.eq(now))
        .execute(connection)
        .map(drop)
}

fn read_row(
    (hash, begun_at, ended_at, run_by, outcomes, recipients, notifications, suppressions, outbox_rows): Columns,
) -> QueryResult<Erasure> {
    let rows = ErasedRows {
        outcomes: outcomes.unsigned_abs(),
        recipients: recipients.unsigned_abs(),
        notifications: notifications.unsigned_abs(),
        suppressions: suppressions.unsigned_abs(),
        outbox_rows: outbox_rows.unsigned_abs(),
    };
    Ok(Erasure { hash: read_hash(&hash)?, begun_at, ended_at, run_by, rows })
}

impl AddAssign for ErasedRows {
    fn add_assign(&mut self, more: Self) {
        self.outcomes += more.outcomes;
        self.recipients += more.recipients;
        self.notifications += more.notifications;
        self.suppressions += more.suppressions;
        self.outbox_rows += more.outbox_rows;
    }
}

impl AddAssign for Erased {
    fn add_assign(&mut self, more: Self) {
        self.rows += more.rows;
        self.left += more.left;
    }
}

//! The outbox: messages that the application writes in its own transactions. A worker takes a row and opens its notification in one
//! transaction, so that there is a notification if and only if the row was committed, and it is opened once. Rows that were taken stay
//! until a purge deletes them. A row that cannot be decoded, or is too old, is taken with its problem, and holds up no other. When to
//! look is left to the worker, noticing new rows to `watch`.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::domain::message::Message;
use crate::domain::priority::Priority;
use crate::routes::decoder::Decoder;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::without_message::{
    Audiences, OpenedWanted, Wanted, find_known_keys, open,
};
use crate::store::ledger::outbox::decoding::{Decoding, decode};
use crate::store::ledger::outbox::row::{NewOutboxRow, WaitingRow};
use crate::store::schema::{INSERT_ROWS, outbox};

mod decoding;
pub(crate) mod row;
pub mod watch;

/// What was taken from the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// The messages that were decoded, and what their notifications turned out to be.
    pub messages: Vec<TakenMessage>,
    /// Rows with a problem, and what it is.
    pub problems: Vec<(i64, String)>,
    /// The routing keys of rows that no route is for.
    pub ignored: Vec<String>,
}

/// A message of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenMessage {
    /// The message.
    pub message: Message,
    /// The key of its notification.
    pub key: String,
    /// Its notification.
    pub opened: OpenedWanted,
}

/// The outbox, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxSummary {
    /// Rows that no worker has taken, without those that are to wait.
    pub waiting: u64,
    /// When the oldest of them was written, UTC.
    pub waiting_since: Option<NaiveDateTime>,
    /// Rows that are to wait.
    pub scheduled: u64,
    /// Rows with a problem.
    pub problems: u64,
    /// The newest of them, and why.
    pub newest_problems: Vec<(i64, String)>,
}

impl Taken {
    /// Whether no row was waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.problems.is_empty() && self.ignored.is_empty()
    }
}

impl Store {
    /// Takes up to `most` rows that are due, and opens and leases their notifications. Those of which another worker takes some are
    /// left out, where the database has such a thing. A row that is older than `stale_after`, and that no notification has, gets a
    /// problem.
    ///
    /// # Errors
    /// When the database does not answer, or the participants of an event cannot be read; then none is taken, or only the reply to
    /// the commit was lost: the sweep of notifications without a message finds those within seconds.
    pub fn take_from_outbox(
        &self,
        most: usize,
        stale_after: Option<Duration>,
        decoder: &Decoder,
        audiences: Audiences,
        lease_request: &LeaseRequest,
    ) -> Result<Taken, StoreError> {
        let keys = (self.app_keys()?, self.coalescing);
        self.write("take rows of the outbox", |connection| {
            let clock = dispatch::clock(connection)?;
            let (mut wanted, mut ids, mut ignored, mut taken) =
                (Vec::new(), Vec::new(), Vec::new(), Taken::default());
            let locked = lock_rows(connection, most.min(INSERT_ROWS), clock, stale_after)?;
            let mut rows: Vec<_> = locked.iter().map(|row| (row, decode(row, decoder))).collect();
            if let Some(limit) = stale_after {
                refuse_stale(connection, &mut rows, limit)?;
            }
            for (row, decoding) in rows {
                match decoding {
                    Ok(Decoding::Ignored { routing_key }) => {
                        ignored.push(row.id);
                        taken.ignored.push(routing_key);
                    }
                    Ok(Decoding::Wanted(one)) => {
                        ids.push(row.id);
                        let is_first = |other: &Wanted| other.message.event_id != one.message.event_id;
                        let starts_at_once = wanted.iter().all(is_first);
                        wanted.push(Wanted { starts_at_once, ..*one });
                    }
                    Err(problem) => taken.problems.push((row.id, problem)),
                }
            }
            let opened = open(connection, keys, &wanted, lease_request, audiences)?;
            let mut done = ignored;
            for ((id, Wanted { message, key, .. }), opened) in ids.into_iter().zip(wanted).zip(opened) {
                match &opened {
                    OpenedWanted::Conflict(first) => {
                        let reason = first.used_before("its message_id");
                        taken.problems.push((id, reason));
                    }
                    OpenedWanted::Ours { .. }
                    | OpenedWanted::LeftToLedger { .. }
                    | OpenedWanted::Known(_) => done.push(id),
                }
                taken.messages.push(TakenMessage { message, key, opened });
            }
            mark(connection, &done, None, clock, &lease_request.owner)?;
            for (id, problem) in &taken.problems {
                mark(connection, &[*id], Some(problem), clock, &lease_request.owner)?;
            }
            Ok(taken)
        })
    }

    /// Writes a row, as an application does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn add_to_outbox(
        &self,
        message_id: &str,
        body: &str,
        routing_key: Option<&str>,
        priority: Priority,
    ) -> Result<(), StoreError> {
        let row = NewOutboxRow { message_id, body, routing_key, priority: priority.number() };
        self.write_once("write to the outbox", |connection| {
            diesel::insert_into(row::new_rows::table).values(&row).execute(connection).map(drop)
        })
    }

    /// What is in the outbox, with the newest problems, `most` of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn summarize_outbox(&self, most: u32) -> Result<OutboxSummary, StoreError> {
        self.run("read the outbox", |connection| {
            let clock = dispatch::clock(connection)?;
            let untaken = || outbox::table.filter(outbox::taken_at.is_null());
            let is_due = outbox::not_before.is_null().or(outbox::not_before.le(clock));
            let (waiting, waiting_since): (i64, Option<NaiveDateTime>) = untaken()
                .filter(is_due.assume_not_null())
                .select((count_star(), diesel::dsl::min(outbox::created_at)))
                .first(connection)?;
            let scheduled: i64 =
                untaken().filter(outbox::not_before.gt(clock)).count().get_result(connection)?;
            let with_problem = || outbox::table.filter(outbox::problem.is_not_null());
            let problems: i64 = with_problem().count().get_result(connection)?;
            let newest: Vec<(i64, Option<String>)> = with_problem()
                .order(outbox::id.desc())
                .limit(most.into())
                .select((outbox::id, outbox::problem))
                .load(connection)?;
            Ok(OutboxSummary {
                waiting: waiting.unsigned_abs(),
                waiting_since,
                scheduled: scheduled.unsigned_abs(),
                problems: problems.unsigned_abs(),
                newest_problems: newest
                    .into_iter()
                    .map(|(id, problem)| (id, problem.unwrap_or_default()))
                    .collect(),
            })
        })
    }
}

/// The rows to take: those first that have waited for their time.
fn lock_rows(
    connection: &mut AnyConnection,
    most: usize,
    now: NaiveDateTime,
    stale_after: Option<Duration>,
) -> QueryResult<Vec<WaitingRow>> {
    let before = stale_after
        .and_then(|limit| now.checked_sub_signed(TimeDelta::from_std(limit).ok()?))
        // Nothing is older. A TIMESTAMP of MariaDB has no time before 1970.
        .unwrap_or_else(|| NaiveDate::from_ymd_opt(1971, 1, 1).unwrap_or_default().into());
    let limit = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    let mut rows = dispatch::lock_due_of_outbox(connection, now, before, limit(most))?;
    if rows.len() < most {
        let left = limit(most - rows.len());
        rows.extend(dispatch::lock_waiting_of_outbox(connection, before, left)?);
    }
    Ok(rows)
}

/// Gives a problem to rows that are too old, unless a notification has them already: some people may have their mails, and the others
/// are to get theirs.
fn refuse_stale(
    connection: &mut AnyConnection,
    rows: &mut [(&WaitingRow, Result<Decoding, String>)],
    limit: Duration,
) -> QueryResult<()> {
    let key_of = |decoded: &Result<Decoding, String>| match decoded {
        Ok(Decoding::Wanted(one)) => Some(one.key.clone()),
        Ok(Decoding::Ignored { .. }) | Err(_) => None,
    };
    let older = rows.iter().filter(|(row, _)| row.is_older());
    let stale: Vec<String> = older.filter_map(|(_, decoded)| key_of(decoded)).collect();
    let known: HashSet<String> =
        if stale.is_empty() { HashSet::new() } else { find_known_keys(connection, &stale)? };
    for (row, decoded) in rows {
        if row.is_older() && key_of(decoded).is_some_and(|key| !known.contains(&key)) {
            *decoded = Err(format!(
                "it is stale: it has waited for longer than STALE_AFTER ({} s); if its mails are still wanted, set its created_at to \
                 now, and its not_before to NULL",
                limit.as_secs_f64()
            ));
        }
    }
    Ok(())
}

fn mark(
    connection: &mut AnyConnection,
    ids: &[i64],
    problem: Option<&str>,
    clock: NaiveDateTime,
    owner: &str,
) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::update(outbox::table.filter(outbox::id.eq_any(ids)))
        .set((outbox::taken_by.eq(owner), outbox::taken_at.eq(clock), outbox::problem.eq(problem)))
        .execute(connection)
        .map(drop)
}

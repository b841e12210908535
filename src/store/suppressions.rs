//! The table `suppressions`: addresses that get no mail, or none of some kinds or events. Who is in it and
//! why is left to its callers, looking addresses up before they are mailed to `lookup`, the key of the hashes to `ledger::installation`.
//!
//! A row is found by the hash of an address alone. The address stands beside it for people, and may be deleted.

#![expect(clippy::ref_option_ref, reason = "the code that `Insertable` generates")]

use std::collections::HashSet;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::result::Error;

use crate::domain::address_hash::AddressHash;
use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::store::Store;
use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::backend::clock::DatabaseTime;
use crate::store::error::StoreError;
use crate::store::schema::{INSERT_ROWS, suppressions};

pub mod lookup;

/// An address that gets no mail from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSuppression {
    /// Whose.
    pub hash: AddressHash,
    /// The address, for people who look at the list. `None`: it is not kept.
    pub address: Option<String>,
    /// Which mails.
    pub scope: SuppressionScope,
    /// Why.
    pub reason: SuppressionReason,
    /// Where that is known from.
    pub source: SuppressionSource,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Whose.
    pub hash: AddressHash,
    /// The word of the scope.
    pub scope: String,
    /// The address, if it is kept.
    pub address: Option<String>,
    /// The word of the reason.
    pub reason: String,
    /// The word of the source.
    pub source: String,
    /// When it was added, by the clock of the database.
    pub created_at: NaiveDateTime,
}

/// Which rows of the list are wanted: those for which all that is given here is true.
#[derive(Debug, Clone, Copy, Default)]
pub struct SuppressionFilter {
    /// Of this address.
    pub hash: Option<AddressHash>,
    /// With this scope.
    pub scope: Option<SuppressionScope>,
    /// For this reason.
    pub reason: Option<SuppressionReason>,
}

/// A row of `suppressions` to be.
#[derive(Insertable)]
#[diesel(table_name = suppressions, treat_none_as_default_value = false)]
struct Row<'a> {
    address_hash: &'a [u8],
    scope: String,
    address: Option<&'a str>,
    reason: &'static str,
    source: &'static str,
    created_at: DatabaseTime,
}

/// A query or a deletion of the rows that fit.
macro_rules! filtered {
    ($statement:expr, $filter:expr) => {{
        let mut statement = $statement.into_boxed();
        if let Some(hash) = &$filter.hash {
            statement = statement.filter(suppressions::address_hash.eq(bytes(hash)));
        }
        if let Some(scope) = $filter.scope {
            statement = statement.filter(suppressions::scope.eq(scope.word()));
        }
        if let Some(reason) = $filter.reason {
            statement = statement.filter(suppressions::reason.eq(reason.as_str()));
        }
        statement
    }};
}

type Columns = (Vec<u8>, String, Option<String>, String, String, NaiveDateTime);

impl Store {
    /// Adds those that are not on the list, all or none, and returns their number. A row that is there already stays as it is.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn add_suppressions(&self, new: &[NewSuppression]) -> Result<usize, StoreError> {
        if new.is_empty() {
            return Ok(0);
        }
        self.write("add suppressions", |connection| insert_suppressions(connection, new))
    }

    /// How many of these are not on the list.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn count_new_suppressions(&self, new: &[NewSuppression]) -> Result<usize, StoreError> {
        self.run("look for suppressions", |connection| {
            let mut count = 0;
            for new in new.chunks(INSERT_ROWS) {
                count += missing(connection, new)?.len();
            }
            Ok(count)
        })
    }

    /// Removes all that fit, and returns their number.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn remove_suppressions(&self, filter: SuppressionFilter) -> Result<usize, StoreError> {
        self.write("remove suppressions", |connection| {
            filtered!(diesel::delete(suppressions::table), filter).execute(connection)
        })
    }

    /// Up to `limit` rows that fit, behind `after`, in the order of hash and scope.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_suppressions(
        &self,
        filter: SuppressionFilter,
        after: Option<&Suppression>,
        limit: u32,
    ) -> Result<Vec<Suppression>, StoreError> {
        self.run("list suppressions", |connection| {
            let mut rows = filtered!(suppressions::table, filter);
            if let Some(after) = after {
                let hash = bytes(&after.hash);
                let is_behind = suppressions::address_hash.gt(hash).or(suppressions::scope.gt(&after.scope));
                // The first condition alone lets the database begin at the hash.
                rows = rows.filter(suppressions::address_hash.ge(hash)).filter(is_behind);
            }
            let rows: Vec<Columns> = rows
                .order((suppressions::address_hash, suppressions::scope))
                .limit(limit.into())
                .load(connection)?;
            rows.into_iter().map(read_row).collect()
        })
    }
}

/// Adds those that are not on the list in a write transaction of the caller, and returns their number.
pub(crate) fn insert_suppressions(
    connection: &mut AnyConnection,
    new: &[NewSuppression],
) -> QueryResult<usize> {
    let (mut count, created_at) = (0, DatabaseTime::now());
    for new in new.chunks(INSERT_ROWS) {
        let rows: Vec<Row> =
            missing(connection, new)?.into_iter().map(|one| Row::new(one, created_at)).collect();
        if rows.is_empty() {
            continue;
        }
        count += rows.len();
        // If another process adds one of them meanwhile, the whole transaction is repeated.
        dispatch!(connection, AnyConnection(own) => {
            diesel::insert_into(suppressions::table).values(rows).execute(own).map(drop)
        })?;
    }
    Ok(count)
}

/// Those that are not on the list, each once.
fn missing<'a>(
    connection: &mut AnyConnection,
    new: &'a [NewSuppression],
) -> QueryResult<Vec<&'a NewSuppression>> {
    let mut known: HashSet<(Vec<u8>, String)> = suppressions::table
        .filter(suppressions::address_hash.eq_any(new.iter().map(|one| bytes(&one.hash))))
        .select((suppressions::address_hash, suppressions::scope))
        .load_iter::<(Vec<u8>, String), _>(connection)?
        .collect::<QueryResult<_>>()?;
    let is_new = |one: &&NewSuppression| known.insert((bytes(&one.hash).to_vec(), one.scope.word()));
    Ok(new.iter().filter(is_new).collect())
}

impl<'a> Row<'a> {
    fn new(new: &'a NewSuppression, created_at: DatabaseTime) -> Self {
        Self {
            address_hash: bytes(&new.hash),
            scope: new.scope.word(),
            address: new.address.as_deref(),
            reason: new.reason.as_str(),
            source: new.source.as_str(),
            created_at,
        }
    }
}

pub(crate) fn bytes(hash: &AddressHash) -> &[u8] {
    hash.as_bytes()
}

pub(crate) fn read_hash(bytes: &[u8]) -> QueryResult<AddressHash> {
    let bad =
        || Error::DeserializationError("suppressions.address_hash has another length than 16 bytes".into());
    AddressHash::from_bytes(bytes).ok_or_else(bad)
}

fn read_row((hash, scope, address, reason, source, created_at): Columns) -> QueryResult<Suppression> {
    Ok(Suppression { hash: read_hash(&hash)?, scope, address, reason, source, created_at })
}

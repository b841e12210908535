//! The application's table or view `optouts` (`OPTOUTS`): who wants no mail, by address. What it says is added to the list of
//! suppressions, which is left to `store::suppressions`.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::domain::address_hash::normalized;
use crate::domain::suppression::SuppressionScope;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::optouts;
use crate::store::source::columns::{AppText, not_blank};

/// Most addresses in one query, as for users.
const ADDRESSES_PER_QUERY: usize = 100;

/// The columns that the application gives.
const COLUMNS: [&str; 2] = ["email", "scope"];

const EMAIL: AsText<optouts::email> = AsText(optouts::email);
const SCOPE: AsText<optouts::scope> = AsText(optouts::scope);

type Row = (Option<AppText>, Option<AppText>);
type Columns = (Nullable<Text>, Nullable<Text>);

/// What `check` finds in `optouts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptoutsSample {
    /// How many of the first rows were looked at.
    pub rows: usize,
    /// A word of theirs that is no scope.
    pub bad_scope: Option<String>,
    /// How many of them have no address to which mail can be sent.
    pub without_address: usize,
    /// How many of them have blanks or capitals in the address, and are not found for the address without them.
    pub not_found: usize,
}

impl Store {
    /// What the application has in `optouts` about these addresses: normalised ones, and what each wants none of. The view has an address
    /// in one of the ways that it is written here; a database whose collation knows no capitals also finds others.
    ///
    /// # Errors
    /// When there is no such table or view, or it lacks a column: the error is unreadable data. When the database does not answer.
    pub fn find_optouts(&self, addresses: &[&str]) -> Result<Vec<(String, SuppressionScope)>, StoreError> {
        let found = self.run("read optouts", |connection| {
            let mut found = Vec::new();
            for addresses in addresses.chunks(ADDRESSES_PER_QUERY) {
                let rows: Vec<Row> = select(addresses).load(connection)?;
                found.extend(
                    rows.into_iter()
                        .filter_map(read)
                        .map(|(address, word)| (address, scope(word.as_deref()))),
                );
            }
            Ok(found)
        });
        found.map_err(|error| self.find_missing_columns(error, "optouts", &COLUMNS))
    }

    /// Looks at the first `limit` rows.
    ///
    /// # Errors
    /// When there is no such table or view, it cannot be read, or the database does not answer.
    pub fn sample_optouts(&self, limit: u32) -> Result<OptoutsSample, StoreError> {
        let sampled = self.run("read optouts", |connection| {
            let rows: Vec<Row> =
                optouts::table.select((EMAIL, SCOPE)).limit(limit.into()).load(connection)?;
            let is_bad = |word: &String| SuppressionScope::from_word(word).is_err();
            Ok(OptoutsSample {
                rows: rows.len(),
                not_found: count_not_found(connection, &rows)?,
                without_address: rows.iter().filter(|row| read((*row).clone()).is_none()).count(),
                bad_scope: rows.into_iter().filter_map(|(_, scope)| not_blank(scope)).find(is_bad),
            })
        });
        sampled.map_err(|error| self.find_missing_columns(error, "optouts", &COLUMNS))
    }
}

/// The normalised address and the word of the scope; `None` without an address.
fn read((email, scope): Row) -> Option<(String, Option<String>)> {
    Some((normalized(&not_blank(email)?)?, not_blank(scope)))
}

/// How many of the first rows with blanks or capitals in the address are not found for the address without them: databases differ.
fn count_not_found(connection: &mut AnyConnection, rows: &[Row]) -> QueryResult<usize> {
    let usual = |(email, _): &Row| {
        let AppText(written) = email.as_ref()?;
        let usual = written.trim().to_lowercase();
        (usual != *written && normalized(&usual).is_some()).then_some(usual)
    };
    let odd: Vec<String> = rows.iter().filter_map(usual).take(ADDRESSES_PER_QUERY).collect();
    if odd.is_empty() {
        return Ok(0);
    }
    let asked: Vec<&str> = odd.iter().map(String::as_str).collect();
    let found: Vec<Row> = select(&asked).load(connection)?;
    let found: HashSet<String> =
        found.into_iter().filter_map(|(email, _)| Some(not_blank(email)?.to_lowercase())).collect();
    Ok(odd.iter().filter(|address| !found.contains(*address)).count())
}

/// Without a word, or with one that is none, the person wants no mail at all: better none than one that is not wanted.
fn scope(word: Option<&str>) -> SuppressionScope {
    word.and_then(|word| SuppressionScope::from_word(word).ok()).unwrap_or(SuppressionScope::All)
}

/// The number of values is a power of two, with the last address again, so that few statements are prepared.
fn select<'a>(addresses: &[&'a str]) -> Statement<'a, Columns> {
    let mut statement = Statement::new("SELECT ")
        .fragment(&EMAIL)
        .sql(", ")
        .fragment(&SCOPE)
        .sql(" FROM optouts WHERE email IN (");
    let last = addresses.last().copied().unwrap_or_default();
    for index in 0..addresses.len().next_power_of_two() {
        let address = addresses.get(index).copied().unwrap_or(last);
        statement = if index == 0 { statement } else { statement.sql(", ") }.text(address);
    }
    statement.sql(")")
}

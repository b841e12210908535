//! Values of the application's tables, which may be views over anything. A value is read as well as it can be, so that one
//! odd row does not hold up everyone's mail. How a database sends it is left to `backend`.

use std::ops::RangeInclusive;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::sql_types::{BigInt, Text, Timestamp};

use crate::domain::event::DateOrTime;
use crate::store::backend::any::{MultiBackend, MultiRawValue};
use crate::store::backend::dispatch;

/// A key, of any type of whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub struct AppKey(pub i64);

impl FromSql<BigInt, MultiBackend> for AppKey {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        dispatch::read_key(value).map(Self)
    }
}

/// The largest key of some participants, which is text if any of them is: SQLite sorts every text behind every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub enum LargestKey {
    /// A whole number.
    Number(i64),
    /// Text, or bytes.
    Text,
}

impl FromSql<BigInt, MultiBackend> for LargestKey {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        Ok(dispatch::read_largest_key(value)?.map_or(Self::Text, Self::Number))
    }
}

/// A text. What is not UTF-8 in it was replaced (U+FFFD): SQLite and PostgreSQL's `SQL_ASCII` keep any bytes as text. A column
/// that may be of another type is selected as [`crate::store::backend::as_text::AsText`].
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct AppText(pub String);

impl FromSql<Text, MultiBackend> for AppText {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        dispatch::read_text(value).map(Self)
    }
}

/// The text without blanks around it; `None` if nothing is left.
pub(crate) fn not_blank(text: Option<AppText>) -> Option<String> {
    text.map(|AppText(text)| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The years that a mail can show in every zone, without the year 1: .NET and Go write 0001-01-01 for "not set".
const YEARS: RangeInclusive<i32> = 2..=9998;

/// A time or a date, of any type that can hold one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
#[diesel(sql_type = Timestamp)]
pub enum AppTime {
    /// One that can be read.
    Known(DateOrTime),
    /// Something else is stored there.
    Unreadable,
}

impl FromSql<Timestamp, MultiBackend> for AppTime {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        let time = dispatch::read_time(value).ok().filter(|time| YEARS.contains(&time.year()));
        Ok(time.map_or(Self::Unreadable, Self::Known))
    }
}

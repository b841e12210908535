//! How many mails came to the bounce address, by what became of them: `fanmail bounces` ends after each, so the database keeps the
//! numbers for metrics, `status` and `check`.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::bounce_result::BounceResult;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::bounce_counts;

/// How many mails had one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BounceCount {
    /// What became of them.
    pub result: BounceResult,
    /// How many, since the tables were made.
    pub number: u64,
    /// How long ago the last one came.
    pub last_ago: Duration,
    /// What it said, without addresses.
    pub last_detail: Option<String>,
}

impl Store {
    /// Counts mails with one result, of which the last says `detail`.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn count_bounces(
        &self,
        result: BounceResult,
        number: u32,
        detail: Option<&str>,
    ) -> Result<(), StoreError> {
        let detail = detail.map(ascii);
        let detail = detail.as_deref();
        self.write("count a mail that came back", |connection| {
            let result = result.as_str();
            let now: NaiveDateTime = dispatch::clock(connection)?;
            let known = diesel::update(bounce_counts::table.find(result))
                .set((
                    bounce_counts::number.eq(bounce_counts::number + i64::from(number)),
                    bounce_counts::last_at.eq(now),
                    bounce_counts::last_detail.eq(detail),
                ))
                .execute(connection)?;
            if known == 0 {
                diesel::insert_into(bounce_counts::table)
                    .values((
                        bounce_counts::result.eq(result),
                        bounce_counts::number.eq(i64::from(number)),
                        bounce_counts::last_at.eq(now),
                        bounce_counts::last_detail.eq(detail),
                    ))
                    .execute(connection)?;
            }
            Ok(())
        })
    }

    /// All numbers. Words that only a newer fanmail knows are left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_bounce_counts(&self) -> Result<Vec<BounceCount>, StoreError> {
        type Row = (String, i64, NaiveDateTime, Option<String>);
        self.run("read how many mails came back", |connection| {
            let clock: NaiveDateTime = dispatch::clock(connection)?;
            let rows: Vec<Row> = bounce_counts::table.order(bounce_counts::result).load(connection)?;
            let known = |(word, number, last_at, last_detail): Row| {
                let result = BounceResult::from_word(&word)?;
                let last_ago = (clock - last_at).to_std().unwrap_or_default();
                Some(BounceCount { result, number: number.unsigned_abs(), last_ago, last_detail })
            };
            Ok(rows.into_iter().filter_map(known).collect())
        })
    }
}

/// A database with an encoding such as LATIN1 refuses characters that it does not have, and the words are anybody's.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

//! Whether the client library of the database reads rightly: each process reads rows whose values it knows before it reads
//! any others. `MariaDB` Connector/C 3.3.19 and 3.4.9 return the first row of a query with empty texts and without an error
//! (CONC-821, diesel issue 5091): people would count as without an address.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

use crate::domain::event::DateOrTime;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::client_library::misread;
use crate::store::error::StoreError;
use crate::store::source::columns::{AppKey, AppText, AppTime};

/// The values of one row. Only texts that are not ASCII are replaced where the database cannot hold them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Values {
    key: i64,
    texts: [Option<String>; 3],
    time: Option<DateTime<Utc>>,
}

/// The types that the rows of `participants` and `events` are read with.
type Columns = (BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Nullable<Timestamp>);

#[derive(Queryable)]
struct KnownRow {
    key: AppKey,
    first: Option<AppText>,
    second: Option<AppText>,
    third: Option<AppText>,
    time: Option<AppTime>,
}

/// Reads the known rows. One query.
///
/// # Errors
/// When a value comes back as another one.
pub(crate) fn check_reading(connection: &mut AnyConnection, libraries: &[&str]) -> Result<(), StoreError> {
    let wanted = known_values();
    let problem = match load(connection, &wanted) {
        Ok(read) => find_difference(&wanted, &read),
        Err(Error::DeserializationError(error)) => Some(error.to_string()),
        Err(error) => return Err(StoreError::new("read rows with known values", &error)),
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(StoreError::new("read known values", &misread(&problem, libraries))),
    }
}

/// Short and long texts, in the first row and in later ones, NULL, numbers and a time.
fn known_values() -> Vec<Values> {
    let some = |text: &str| Some(text.to_owned());
    let time = NaiveDate::from_ymd_opt(2026, 11, 21).and_then(|day| day.and_hms_opt(9, 5, 7));
    vec![
        Values {
            key: -1,
            texts: [some("first@example.com"), some("Zoë Łuk 猫"), None],
            time: time.map(|time| time.and_utc()),
        },
        Values { key: i64::MAX, texts: [some("né"), None, some(&"long ".repeat(120))], time: None },
        Values {
            key: 0,
            texts: [some(&"ünï ".repeat(90)), some("x"), some("")],
            time: time.map(|time| time.and_utc()),
        },
    ]
}

fn load(connection: &mut AnyConnection, wanted: &[Values]) -> QueryResult<Vec<Values>> {
    let rows: Vec<String> = wanted.iter().map(|values| select(connection, values)).collect();
    let rows: Vec<KnownRow> = sql::<Columns>(&rows.join(" UNION ALL ")).load(connection)?;
    rows.into_iter().map(KnownRow::into_values).collect()
}

impl KnownRow {
    fn into_values(self) -> QueryResult<Values> {
        let text = |value: Option<AppText>| value.map(|AppText(text)| text);
        let time = match self.time {
            None => None,
            Some(AppTime::Known(DateOrTime::Time(time))) => Some(time),
            Some(AppTime::Known(DateOrTime::Date(_)) | AppTime::Unreadable) => {
                return Err(Error::DeserializationError("a time cannot be read".into()));
            }
        };
        Ok(Values { key: self.key.0, texts: [text(self.first), text(self.second), text(self.third)], time })
    }
}

/// A SELECT of these values.
fn select(connection: &AnyConnection, values: &Values) -> String {
    let literals = values.texts.iter().map(|text| match text {
        Some(text) => dispatch::text_literal(connection, text),
        None => "NULL".to_owned(),
    });
    let time = match values.time {
        Some(time) => format!("'{}'", time.format("%Y-%m-%d %H:%M:%S")),
        None => "NULL".to_owned(),
    };
    let texts: Vec<String> = literals.collect();
    format!(
        "SELECT CAST({} AS {}), {}, CAST({time} AS {})",
        values.key,
        dispatch::bigint(connection),
        texts.join(", "),
        dispatch::timestamp(connection)
    )
}

/// The first value that was read as another one, for people.
fn find_difference(wanted: &[Values], read: &[Values]) -> Option<String> {
    if wanted.len() != read.len() {
        return Some(format!("of {} rows {} were read", wanted.len(), read.len()));
    }
    wanted.iter().zip(read).enumerate().find_map(|(n, (wanted, read))| {
        let in_row = |wanted: &str, read: &str| format!("row {} has {wanted}, but {read} was read", n + 1);
        let texts = wanted.texts.iter().zip(&read.texts);
        let different = texts.into_iter().find(|(wanted, read)| !is_same(wanted.as_ref(), read.as_ref()));
        if let Some((wanted, read)) = different {
            return Some(in_row(&shown(wanted.as_ref()), &shown(read.as_ref())));
        }
        let others = |values: &Values| format!("{} and {:?}", values.key, values.time);
        (others(wanted) != others(read)).then(|| in_row(&others(wanted), &others(read)))
    })
}

/// Whether the text, or its ASCII letters where the database cannot hold the others, was read.
fn is_same(wanted: Option<&String>, read: Option<&String>) -> bool {
    let ascii = |text: &String| text.chars().filter(char::is_ascii).collect::<String>();
    let is_ascii_of = |wanted: &String| !wanted.is_ascii() && read.is_some_and(|read| *read == ascii(wanted));
    read == wanted || wanted.is_some_and(is_ascii_of)
}

/// The beginning of a text.
fn shown(text: Option<&String>) -> String {
    text.map_or_else(|| "NULL".to_owned(), |text| format!("{:?}", text.chars().take(20).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_read_as_another_one_is_told() {
        let change = |change: fn(&mut Vec<Values>)| {
            let mut read = known_values();
            change(&mut read);
            find_difference(&known_values(), &read)
        };
        assert_eq!(change(|_| {}), None);
        let told = |told: &str| Some(told.to_owned());
        for (read, problem) in [
            (
                change(|rows| rows[0].texts[0] = Some(String::new())),
                r#"row 1 has "first@example.com", but "" was read"#,
            ),
            (change(|rows| rows[0].texts[2] = Some(String::new())), r#"row 1 has NULL, but "" was read"#),
            (change(|rows| rows[2].texts[2] = None), r#"row 3 has "", but NULL was read"#),
            (change(|rows| rows[1].texts[0] = Some(String::new())), r#"row 2 has "né", but "" was read"#),
            (
                change(|rows| rows[1].texts[2].as_mut().unwrap().truncate(599)),
                r#"row 2 has "long long long long ", but "long long long long " was read"#,
            ),
            (change(|rows| drop(rows.pop())), "of 3 rows 2 were read"),
            (
                change(|rows| rows[1].key = 0),
                "row 2 has 9223372036854775807 and None, but 0 and None was read",
            ),
        ] {
            assert_eq!(read, told(problem));
        }
        assert!(
            change(|rows| rows[0].time = None)
                .unwrap()
                .starts_with("row 1 has -1 and Some(2026-11-21T09:05:07Z)")
        );
    }

    #[test]
    fn a_database_of_another_encoding_has_the_ascii_letters() {
        let same = |wanted: &str, read: &str| is_same(Some(&wanted.to_owned()), Some(&read.to_owned()));
        assert!(same("Zoë", "Zoë") && same("Zoë", "Zo"));
        assert!(!same("Zoë", "") && !same("Zo", "") && !same("Zoë", "Z"));
    }
}

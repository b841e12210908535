//! `fanmail status --notification N --failures`: who failed, a line for each, while pages are read. A million take no more memory than
//! a page. The statement is left to the store.

use std::io::{self, BufWriter, ErrorKind, Write};

use serde::Serialize;

use crate::commands::arguments::Format;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::failures::Failure;
use crate::text::clean::{one_line, shown_key};
use crate::text::mask::mask;

/// Those who are read at once.
const PAGE: u32 = 1_000;

/// Longest key that is shown, in characters.
const KEY_MAX: usize = 600;

const TITLE: &str = "participant";

/// Prints the failures of the notification, in the order of their numbers.
///
/// # Errors
/// When there is no such notification, or when the database does not answer.
pub(super) fn print(store: &Store, id: NotificationId, format: Format) -> anyhow::Result<()> {
    let Some(record) = store.find_notification(id)? else {
        anyhow::bail!("there is no notification {id}; list them with: fanmail status");
    };
    let mut pages =
        Pages { after: None, read: |after| store.read_failures(&record.notification, None, after, PAGE) };
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match format {
        Format::Table => write_text(&mut out, &mut pages),
        Format::Json => write_json(&mut out, &mut pages),
    };
    let flushed = written.and_then(|found_any| {
        out.flush()?;
        Ok(found_any)
    });
    match flushed {
        Ok(false) if format == Format::Table => {
            eprintln!("no mail of notification {id} has failed");
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(error) if is_closed_pipe(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The reader of a pipe may close it early, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

type Page = Vec<(Failure, Option<String>)>;

/// The failures that are not read yet.
struct Pages<F> {
    after: Option<ParticipantId>,
    read: F,
}

impl<F: FnMut(Option<ParticipantId>) -> Result<Page, StoreError>> Pages<F> {
    /// The next page; `None` behind the last one.
    fn next(&mut self) -> Result<Option<Page>, StoreError> {
        let page = (self.read)(self.after)?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        self.after = Some(last.participant_id);
        Ok(Some(page))
    }
}

/// Returns whether there was any. The first page decides how wide the column of keys is.
fn write_text<F>(out: &mut impl Write, pages: &mut Pages<F>) -> anyhow::Result<bool>
where
    F: FnMut(Option<ParticipantId>) -> Result<Page, StoreError>,
{
    let mut width = None;
    while let Some(page) = pages.next()? {
        let keys: Vec<String> = page.iter().map(|(failure, key)| shown(failure, key.as_deref())).collect();
        let longest = || keys.iter().map(|key| key.chars().count()).max().unwrap_or(0).max(TITLE.len());
        let is_first = width.is_none();
        let width = *width.get_or_insert_with(longest);
        if is_first {
            writeln!(out, "{TITLE:<width$}  failure    attempts  reason")?;
        }
        for (key, (failure, _)) in keys.iter().zip(&page) {
            let (sort, attempts) = (sort(failure), failure.attempts);
            writeln!(out, "{key:<width$}  {sort:<9}  {attempts:>8}  {}", reason(failure))?;
        }
    }
    Ok(width.is_some())
}

/// The same as a list of JSON objects.
fn write_json<F>(out: &mut impl Write, pages: &mut Pages<F>) -> anyhow::Result<bool>
where
    F: FnMut(Option<ParticipantId>) -> Result<Page, StoreError>,
{
    let mut separator = "[\n";
    while let Some(page) = pages.next()? {
        for (failure, key) in &page {
            let participant = match key {
                Some(key) => JsonKey::Text(key),
                None => JsonKey::Number(failure.participant_id),
            };
            let line = JsonFailure {
                participant,
                failure: sort(failure),
                attempts: failure.attempts,
                smtp_code: failure.code,
                reason: detail(failure),
            };
            write!(out, "{separator}  {}", serde_json::to_string(&line)?)?;
            separator = ",\n";
        }
    }
    let found_any = separator != "[\n";
    writeln!(out, "{}", if found_any { "\n]" } else { "[]" })?;
    Ok(found_any)
}

/// A failure as JSON. Scripts rely on these keys.
#[derive(Serialize)]
struct JsonFailure<'a> {
    participant: JsonKey<'a>,
    failure: &'static str,
    attempts: i32,
    smtp_code: Option<i32>,
    reason: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonKey<'a> {
    Text(&'a str),
    Number(ParticipantId),
}

fn shown(failure: &Failure, key: Option<&str>) -> String {
    key.map_or_else(|| failure.participant_id.to_string(), |key| shown_key(key, KEY_MAX))
}

fn sort(failure: &Failure) -> &'static str {
    if failure.permanent { "permanent" } else { "temporary" }
}

fn detail(failure: &Failure) -> String {
    mask(&one_line(failure.detail.as_deref().unwrap_or_default()))
}

/// The relay's words mostly begin with the code.
fn reason(failure: &Failure) -> String {
    let detail = detail(failure);
    match failure.code.map(|code| code.to_string()) {
        Some(code) if !detail.starts_with(&code) => format!("{code} {detail}"),
        _ => detail,
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;

    use super::*;

    fn failure(id: i64, permanent: bool, code: Option<i32>, detail: &str) -> Failure {
        let participant_id = ParticipantId(id);
        let decided_at = NaiveDateTime::default();
        Failure { participant_id, permanent, attempts: 3, code, detail: Some(detail.to_owned()), decided_at }
    }

    /// Two pages.
    fn pages() -> Pages<impl FnMut(Option<ParticipantId>) -> Result<Page, StoreError>> {
        let all = [
            (failure(1, true, Some(550), "5.1.1 <jo@example.com>: no\nsuch user"), None),
            (failure(2, false, None, "the connection was lost"), Some("a b".to_owned())),
            (failure(3, true, None, "the address cannot be written"), Some("0190f5d8-3c10".to_owned())),
        ];
        let read = move |after: Option<ParticipantId>| {
            let rest = all.iter().filter(|(failure, _)| Some(failure.participant_id) > after);
            Ok(rest.take(2).cloned().collect())
        };
        Pages { after: None, read }
    }

    #[test]
    fn every_failure_is_a_line_without_an_address() {
        let mut out = Vec::new();
        assert!(write_text(&mut out, &mut pages()).unwrap());
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        participant  failure    attempts  reason
        1            permanent         3  550 5.1.1 <j***@example.com>: no such user
        "a b"        temporary         3  the connection was lost
        0190f5d8-3c10  permanent         3  the address cannot be written
        "#);
    }

    #[test]
    fn json_has_the_keys_as_they_are() {
        let mut out = Vec::new();
        assert!(write_json(&mut out, &mut pages()).unwrap());
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        [
          {"participant":1,"failure":"permanent","attempts":3,"smtp_code":550,"reason":"5.1.1 <j***@example.com>: no such user"},
          {"participant":"a b","failure":"temporary","attempts":3,"smtp_code":null,"reason":"the connection was lost"},
          {"participant":"0190f5d8-3c10","failure":"permanent","attempts":3,"smtp_code":null,"reason":"the address cannot be written"}
        ]
        "#);
        let mut none = Vec::new();
        let mut pages = Pages { after: None, read: |_| Ok(Vec::new()) };
        assert!(!write_json(&mut none, &mut pages).unwrap());
        assert_eq!(none, b"[]\n");
    }
}

//! `fanmail failures --addresses`: a line for each mail that did not arrive, while pages are read. A million take no more memory than a
//! page.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::commands::arguments::Format;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::report::failures::group::{FailureSort, shown_words};
use crate::report::failures::people::{People, ShownPerson};
use crate::report::failures::text::nothing;
use crate::report::failures::{FailureFilter, each_page};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::undelivered::UndeliveredMail;
use crate::text::clean::one_line;

/// A mail with its recipient. Scripts rely on these keys.
#[derive(Debug, Serialize)]
struct Line {
    notification: NotificationId,
    #[serde(flatten)]
    person: ShownPerson,
    failure: FailureSort,
    attempts: i32,
    smtp_code: Option<i32>,
    reason: String,
}

/// Prints them in the order of their notifications.
///
/// # Errors
/// When the database does not answer, or nothing reads what is printed.
pub(super) fn print(store: &Store, filter: &FailureFilter, format: Format) -> anyhow::Result<()> {
    let mut out = List { out: BufWriter::new(io::stdout().lock()), format, columns: None };
    let mut people = People::new(store);
    each_page(store, filter, |mails| {
        let lines = with_people(mails, &mut people)?;
        out.write(&lines)
    })?;
    if !out.end()? && format == Format::Table {
        eprintln!("{}", nothing(filter.code.as_ref()));
    }
    Ok(())
}

fn with_people(mails: &[UndeliveredMail], people: &mut People<'_>) -> Result<Vec<Line>, StoreError> {
    let mut found: HashMap<NotificationId, HashMap<ParticipantId, ShownPerson>> = HashMap::new();
    for of_one in mails.chunk_by(|one, next| one.place.notification_id == next.place.notification_id) {
        let Some(first) = of_one.first() else { continue };
        let ids: Vec<ParticipantId> = of_one.iter().map(|mail| mail.place.participant_id).collect();
        found.insert(first.place.notification_id, people.find_all(first.place.notification_id, &ids)?);
    }
    let line = |mail: &UndeliveredMail| {
        let of_notification = found.get_mut(&mail.place.notification_id);
        let person = of_notification.and_then(|people| people.remove(&mail.place.participant_id));
        Line {
            notification: mail.place.notification_id,
            person: person.unwrap_or_else(|| ShownPerson::unknown(mail.place)),
            failure: FailureSort::of(mail.fate),
            attempts: mail.attempts,
            smtp_code: mail.code,
            reason: shown_words(mail),
        }
    };
    Ok(mails.iter().map(line).collect())
}

/// A list that is written line by line.
struct List<W: Write> {
    out: W,
    format: Format,
    /// How wide the columns of keys and addresses are, which the first lines decide; `None`: there was no line yet.
    columns: Option<[usize; 2]>,
}

impl<W: Write> List<W> {
    fn write(&mut self, lines: &[Line]) -> anyhow::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        match self.format {
            Format::Table => self.write_text(lines),
            Format::Json => self.write_json(lines),
        }
    }

    fn write_text(&mut self, lines: &[Line]) -> anyhow::Result<()> {
        let cells = |line: &Line| [line.person.participant.shown(), shown_address(line)];
        let titles = ["participant", "address"].map(str::to_owned);
        let is_first = self.columns.is_none();
        let [key_width, address_width] = *self.columns.get_or_insert_with(|| {
            let rows: Vec<[String; 2]> = lines.iter().map(cells).chain([titles.clone()]).collect();
            [0, 1].map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        });
        if is_first {
            let [key, address] = titles;
            writeln!(
                self.out,
                "notification  {key:<key_width$}  {address:<address_width$}  failure    attempts  reason"
            )?;
        }
        for line in lines {
            let [key, address] = cells(line);
            let Line { notification, failure, attempts, reason, .. } = line;
            let notification = notification.to_string();
            writeln!(
                self.out,
                "{notification:>12}  {key:<key_width$}  {address:<address_width$}  {:<9}  {attempts:>8}  {reason}",
                failure.as_str()
            )?;
        }
        Ok(())
    }

    fn write_json(&mut self, lines: &[Line]) -> anyhow::Result<()> {
        for line in lines {
            let separator = if self.columns.replace([0; 2]).is_none() { "[\n" } else { ",\n" };
            write!(self.out, "{separator}  {}", serde_json::to_string(line)?)?;
        }
        Ok(())
    }

    /// Returns whether there was any line.
    fn end(mut self) -> io::Result<bool> {
        if self.format == Format::Json {
            writeln!(self.out, "{}", if self.columns.is_some() { "\n]" } else { "[]" })?;
        }
        self.out.flush()?;
        Ok(self.columns.is_some())
    }
}

fn shown_address(line: &Line) -> String {
    line.person.address.as_deref().map_or_else(|| "-".to_owned(), one_line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::failures::people::PersonKey;

    fn line(id: i64, key: Option<&str>, address: Option<&str>, reason: &str) -> Line {
        let number = PersonKey::Number(ParticipantId(id));
        Line {
            notification: NotificationId(72),
            person: ShownPerson {
                participant: key.map_or(number, |key| PersonKey::Text(key.to_owned())),
                address: address.map(str::to_owned),
            },
            failure: if id == 1 { FailureSort::Permanent } else { FailureSort::Deferred },
            attempts: 3,
            smtp_code: Some(550),
            reason: reason.to_owned(),
        }
    }

    fn written(format: Format, pages: &[&[Line]]) -> String {
        let mut out = Vec::new();
        let mut list = List { out: &mut out, format, columns: None };
        for page in pages {
            list.write(page).unwrap();
        }
        assert_eq!(list.end().unwrap(), !pages.is_empty());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_mail_is_a_line_with_its_address() {
        let first = [
            line(1, None, Some("jo@example.com"), "550 5.1.1 <j***@example.com>: no such user"),
            line(2, Some("a b"), None, "450 the connection was lost"),
        ];
        let second = [line(3, Some("0190f5d8-3c10-7a"), Some("ada\u{1b}[31m@example.org"), "450 later")];
        insta::assert_snapshot!(written(Format::Table, &[&first, &second]), @r#"
        notification  participant  address         failure    attempts  reason
                  72  1            jo@example.com  permanent         3  550 5.1.1 <j***@example.com>: no such user
                  72  "a b"        -               deferred          3  450 the connection was lost
                  72  0190f5d8-3c10-7a  ada [31m@example.org  deferred          3  450 later
        "#);
        insta::assert_snapshot!(written(Format::Json, &[&first, &second]), @r#"
        [
          {"notification":72,"participant":1,"address":"jo@example.com","failure":"permanent","attempts":3,"smtp_code":550,"reason":"550 5.1.1 <j***@example.com>: no such user"},
          {"notification":72,"participant":"a b","address":null,"failure":"deferred","attempts":3,"smtp_code":550,"reason":"450 the connection was lost"},
          {"notification":72,"participant":"0190f5d8-3c10-7a","address":"ada\u001b[31m@example.org","failure":"deferred","attempts":3,"smtp_code":550,"reason":"450 later"}
        ]
        "#);
        assert_eq!(written(Format::Json, &[]), "[]\n");
        assert_eq!(written(Format::Table, &[]), "");
    }
}

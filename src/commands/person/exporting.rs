//! `fanmail person export`: one JSON document, written piece by piece, so that it may be long. What its fields are is said in
//! `export_document`.

use std::io::{self, BufWriter, Write};

use anyhow::Context as _;
use chrono::Utc;
use clap::Args;
use serde_json::Value;

use crate::commands::person::arguments::PersonArgs;
use crate::commands::person::export_document as document;
use crate::commands::person::listing;
use crate::store::Store;
use crate::store::person::mentions::MentionTable;
use crate::store::person::{Person, Place, START};
use crate::store::suppressions::SuppressionFilter;

/// Recipients that are read at once.
const PLACES: usize = 100;

/// Most suppressions of one address that are shown: one for each scope, so for each event that was muted.
const SUPPRESSIONS: u32 = 100_000;

/// Arguments of `person export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Whom.
    #[command(flatten)]
    pub person: PersonArgs,
}

/// Prints the document.
///
/// # Errors
/// When it is no address, the database does not answer, or nothing reads the document.
pub fn export(args: &ExportArgs, store: &Store) -> anyhow::Result<()> {
    let person = args.person.find(store)?;
    let mut out = Document { out: BufWriter::new(io::stdout().lock()), is_first: true, pieces: 0 };
    write(&mut out, &person, store)?;
    if out.pieces == 0 && person.participants.is_empty() && person.users.is_empty() {
        eprintln!("nothing was found");
    }
    Ok(())
}

fn write(out: &mut Document<impl Write>, person: &Person, store: &Store) -> anyhow::Result<()> {
    out.begin()?;
    for (name, value) in document::head(person, Utc::now()) {
        out.field(name, &value)?;
    }
    let found = store.find_places(person)?;
    let own: Vec<Place> = found.own.iter().copied().collect();
    out.array("mails", |out| {
        for places in own.chunks(PLACES) {
            let entries = store.read_entries(places)?;
            entries.iter().try_for_each(|entry| out.element(&document::mail(entry)))?;
        }
        Ok(())
    })?;
    out.array("mentions", |out| {
        let others: Vec<Place> = found.others.iter().copied().collect();
        for places in others.chunks(PLACES) {
            let entries = store.read_entries(places)?;
            let rows =
                entries.iter().filter_map(|entry| document::mention_in_recipient(entry, &person.address));
            rows.collect::<Vec<_>>().iter().try_for_each(|row| out.element(row))?;
        }
        for table in MentionTable::ALL {
            let mut after = START;
            loop {
                let page = store.find_mentions(&person.address, table, after)?;
                page.mentions
                    .iter()
                    .try_for_each(|one| out.element(&document::mention(one, &person.address)))?;
                let Some(last) = page.last else { break };
                after = last;
            }
        }
        Ok(())
    })?;
    out.array("outbox", |out| {
        let mut after = 0;
        loop {
            let (rows, last) = store.find_outbox_rows(&person.address, after)?;
            rows.iter().try_for_each(|row| out.element(&document::outbox_row(row, &person.address)))?;
            let Some(last) = last else { return Ok(()) };
            after = last;
        }
    })?;
    let of_person = SuppressionFilter { hash: Some(person.hash), ..SuppressionFilter::default() };
    let suppressions = store.list_suppressions(of_person, None, SUPPRESSIONS)?;
    out.array("suppressions", |out| {
        suppressions.iter().try_for_each(|row| out.element(&document::suppression(row)))
    })?;
    let soft_bounces = store.list_soft_bounces(&person.hash)?;
    out.array("soft_bounces", |out| {
        soft_bounces.iter().try_for_each(|row| out.element(&document::soft_bounce(row)))
    })?;
    let erasures = store.list_erasures(Some(&person.hash), u32::MAX)?;
    out.array("erasures", |out| erasures.iter().try_for_each(|row| out.element(&listing::to_json(row))))?;
    out.end()
}

/// A JSON object that is written field by field.
struct Document<W: Write> {
    out: W,
    is_first: bool,
    /// Elements of arrays.
    pieces: u64,
}

impl<W: Write> Document<W> {
    fn begin(&mut self) -> anyhow::Result<()> {
        self.text("{")
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.text("\n}\n")?;
        self.out.flush().context(CANNOT)
    }

    fn field(&mut self, name: &str, value: &Value) -> anyhow::Result<()> {
        self.name(name)?;
        self.text(&value.to_string())
    }

    fn array(
        &mut self,
        name: &str,
        elements: impl FnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.name(name)?;
        self.text("[")?;
        self.is_first = true;
        elements(self)?;
        self.is_first = false;
        self.text("]")
    }

    fn element(&mut self, value: &Value) -> anyhow::Result<()> {
        self.pieces += 1;
        self.comma()?;
        self.text("  ")?;
        self.text(&value.to_string())
    }

    fn name(&mut self, name: &str) -> anyhow::Result<()> {
        self.comma()?;
        self.text(&format!("  {}: ", Value::from(name)))
    }

    fn comma(&mut self) -> anyhow::Result<()> {
        let before = if std::mem::take(&mut self.is_first) { "\n" } else { ",\n" };
        self.text(before)
    }

    fn text(&mut self, text: &str) -> anyhow::Result<()> {
        self.out.write_all(text.as_bytes()).context(CANNOT)
    }
}

const CANNOT: &str = "cannot write the document";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_of_pieces_is_json() {
        let mut out = Document { out: Vec::new(), is_first: true, pieces: 0 };
        out.begin().unwrap();
        out.field("one", &json!({"a": "\n"})).unwrap();
        out.array("none", |_| Ok(())).unwrap();
        out.array("two", |out| [1, 2].iter().try_for_each(|number| out.element(&json!(number)))).unwrap();
        out.field("last", &json!(null)).unwrap();
        out.end().unwrap();
        let value: Value = serde_json::from_slice(&out.out).unwrap();
        assert_eq!(value, json!({"one": {"a": "\n"}, "none": [], "two": [1, 2], "last": null}));
        assert_eq!(out.pieces, 2);
    }
}

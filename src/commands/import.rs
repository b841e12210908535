//! `fanmail import`: adds events and participants from CSV files. Writes only to tables that fanmail created. Reading a file is
//! left to the files of this folder, the rows to `store::source::importing`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::database;
use crate::commands::arguments::own_tables_only;
use crate::commands::import::columns::{Columns, Table};
use crate::commands::import::csv_file::CsvFile;
use crate::commands::import::csv_lines::CsvLines;
use crate::commands::import::events::Events;
use crate::commands::import::key_set::KeySet;
use crate::commands::import::participants::Participants;
use crate::commands::import::pass::{Pass, PassResult};
use crate::commands::stopping::stop_on_signals;
use crate::config::Config;
use crate::domain::event_key_type::EventKeyType;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::source::importing::{ImportMode, Imported};
use crate::text::count::count;

pub(in crate::commands) mod bad_lines;
mod columns;
pub(in crate::commands) mod csv_file;
pub(in crate::commands) mod csv_lines;
mod events;
mod fields;
mod key_set;
mod known_people;
mod participants;
mod pass;
mod plain_text;
mod target;
#[cfg(test)]
mod tests;

/// Import events and participants from CSV files
///
/// The first line of a file has the headers, in any order. They say what the file is for (those in brackets may be left out):
///
/// Events: id, title [description, location, starts_at, ends_at, timezone, url, updated_at]
///
/// Participants: event_id, email [id, name, locale, timezone]
///
/// A file is checked as a whole first: if a line is bad, nothing is imported, and each bad line is named with the reasons.
/// Rows with a new id are added, rows with a known id are updated, and the same file imported again changes nothing.
/// Without a column id, participants are told apart by event and address. What is in the tables and not in the file
/// stays, and so do columns that the file does not have.
///
/// Reads what spreadsheets write: UTF-8 or UTF-16, separated by comma, semicolon or tab. Times are UTC, such as
/// 2026-11-21 18:00, or have an offset, such as 2026-11-21 18:00+01:00.
///
/// Only writes to tables that fanmail created, never to views over tables of your own. If the command is interrupted, run
/// it again: it continues.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[command(after_help = "\
Examples:
  fanmail import --dry-run events.csv participants.csv
  fanmail import events.csv participants.csv
  fanmail import --event 123 people.csv")]
pub struct ImportArgs {
    /// CSV files, in the order of their import; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only check the files, and show what would be imported
    #[arg(long)]
    pub dry_run: bool,
    /// Import the other lines when some are bad
    #[arg(long)]
    pub skip_bad_lines: bool,
    /// The event of all participants, for files without a column event_id
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub event: Option<i64>,
    /// A character, or: tab [default: the one of the header line]
    #[arg(long, value_name = "CHARACTER", value_parser = parse_separator)]
    pub separator: Option<u8>,
    /// Times without an offset are those of the event's timezone, and not UTC
    #[arg(long)]
    pub local_times: bool,
    /// Leave columns with other headers out
    #[arg(long)]
    pub ignore_unknown_columns: bool,
}

/// One character of ASCII that is no part of a value's syntax.
fn parse_separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Ok(*byte),
        [b'\t'] => Ok(b'\t'),
        _ if text.eq_ignore_ascii_case("tab") || text == "\\t" => Ok(b'\t'),
        _ => Err("expected one character such as , or ; or the word tab".to_owned()),
    }
}

/// Checks all files, and imports them if no line is bad.
///
/// # Errors
/// What failed, and why. What was imported until then stays imported.
pub fn run(args: &ImportArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let files: Vec<CsvFile> = args.files.iter().map(|path| CsvFile::open(path)).collect::<Result<_, _>>()?;
    let columns: Vec<Columns> =
        files.iter().map(|file| Ok(open(file, args)?.1)).collect::<anyhow::Result<_>>()?;
    let tables: Vec<Table> = columns.iter().map(|columns| columns.table).collect();
    let store = if args.dry_run { database::connect_existing(config)? } else { database::migrate(config)?.0 };
    refuse_views(&store, &tables)?;
    if store.event_key_type()? != EventKeyType::Number {
        bail!(
            "the keys of your events are text, and `fanmail import` adds rows with keys that are numbers; add the rows to \
             your own tables, or set DATABASE_URL to another database"
        );
    }
    let has_zones =
        |columns: &Columns| columns.table == Table::Participants && columns.place("timezone").is_some();
    if columns.iter().any(has_zones) && !store.has_participant_zones()? {
        bail!(
            "the table participants was made before it had a column timezone; add it with: \
             ALTER TABLE participants ADD COLUMN timezone TEXT; or leave the column out of the file"
        );
    }
    let shutdown = stop_on_signals(config, "what has begun")?;
    let import = Import { args, store: &store, now: Utc::now(), shutdown };
    import.run(&files, &mut io::stdout(), &mut io::stderr())?;
    Ok(ExitCode::SUCCESS)
}

/// The lines of a file below its header line, and what its headers mean.
fn open(file: &CsvFile, args: &ImportArgs) -> anyhow::Result<(CsvLines, Columns)> {
    let cannot = || format!("cannot import {}", file.name);
    let mut lines = CsvLines::open(file, args.separator, columns::is_known).with_context(cannot)?;
    let headers = std::mem::take(&mut lines.headers);
    let columns = Columns::find(headers, args.event, args.ignore_unknown_columns).with_context(cannot)?;
    Ok((lines, columns))
}

fn refuse_views(store: &Store, tables: &[Table]) -> anyhow::Result<()> {
    let views = store.find_views()?;
    match views.iter().find(|view| tables.iter().any(|table| table.name() == **view)) {
        None if tables.contains(&Table::Participants) && store.has_text_keys(None)? => {
            bail!("{}", own_tables_only("import"))
        }
        None => Ok(()),
        Some(view) => bail!(
            "`{view}` is a view over tables of your own, and `fanmail import` writes only to tables that fanmail created; \
             add the rows to your own tables, or set DATABASE_URL to another database"
        ),
    }
}

/// An import of some files.
struct Import<'a> {
    args: &'a ImportArgs,
    store: &'a Store,
    now: DateTime<Utc>,
    shutdown: Shutdown,
}

impl Import<'_> {
    fn run(&self, files: &[CsvFile], out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<()> {
        let mut planned_events = KeySet::default();
        let mut compared = Vec::new();
        for file in files {
            compared.push(self.pass(file, ImportMode::Compare, &mut planned_events)?);
        }
        self.report_bad_lines(files, &compared, err)?;
        for (file, (table, compared)) in files.iter().zip(compared) {
            let is_written = !self.args.dry_run && compared.rows.new + compared.rows.changed > 0;
            let result = if is_written {
                let (_, written) = self.pass(file, ImportMode::Write, &mut planned_events)?;
                if written.bad.count > compared.bad.count {
                    bail!(
                        "{}: the database was changed during the import; run the same command again",
                        file.name
                    );
                }
                written
            } else {
                compared
            };
            let verb = if self.args.dry_run { "would import" } else { "imported" };
            writeln!(out, "{verb} {}: {}", file.name, summary(table, &result))?;
            for note in result.notes {
                writeln!(out, "{}: {note}", file.name)?;
            }
        }
        Ok(())
    }

    /// Reads a file once. The keys of events are added to `planned_events`.
    fn pass(
        &self,
        file: &CsvFile,
        mode: ImportMode,
        planned_events: &mut KeySet,
    ) -> anyhow::Result<(Table, PassResult)> {
        let (lines, columns) = open(file, self.args)?;
        let verb = if mode == ImportMode::Compare { "checking" } else { "importing" };
        let style = ProgressStyle::with_template("{msg} {bar:40} {bytes}/{total_bytes}, {eta} left")?;
        // Shown at a terminal only.
        let bar = ProgressBar::new(file.size).with_style(style).with_message(format!("{verb} {}", file.name));
        let pass = Pass { store: self.store, mode, columns: &columns, bar: &bar, shutdown: &self.shutdown };
        let result = match columns.table {
            Table::Events => {
                let mut events = Events::new(self.now, self.args.local_times);
                let result = pass.run(lines, &mut events);
                planned_events.extend(events.into_keys());
                result
            }
            Table::Participants => pass.run(lines, &mut Participants::new(self.args.event, planned_events)),
        };
        bar.finish_and_clear();
        Ok((columns.table, result.with_context(|| format!("cannot import {}", file.name))?))
    }

    /// Names the bad lines of all files, which end the import unless they are skipped.
    fn report_bad_lines(
        &self,
        files: &[CsvFile],
        compared: &[(Table, PassResult)],
        err: &mut dyn Write,
    ) -> anyhow::Result<()> {
        for (file, (_, result)) in files.iter().zip(compared) {
            for line in result.bad.report(&file.name) {
                writeln!(err, "{line}")?;
            }
        }
        let bad: u64 = compared.iter().map(|(_, result)| result.bad.count).sum();
        if bad == 0 || self.args.skip_bad_lines {
            return Ok(());
        }
        bail!(
            "nothing was imported because of {}; correct the file, or import the other lines with --skip-bad-lines",
            count(bad, "bad line")
        )
    }
}

/// `1000 participants: 3 new, 2 changed, 995 as they were`.
fn summary(table: Table, result: &PassResult) -> String {
    let Imported { new, changed, same } = result.rows;
    let noun = table.name().trim_end_matches('s');
    let were = if same == 1 { "it was" } else { "they were" };
    let left_out = match result.bad.count {
        0 => String::new(),
        bad => format!("; {} left out", count(bad, "bad line")),
    };
    format!("{}: {new} new, {changed} changed, {same} as {were}{left_out}", count(new + changed + same, noun))
}

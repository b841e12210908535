//! `fanmail suppressions import`: reads the lines of a CSV file twice, once to check all of them and once to add them. One line is left
//! to `csv_row`, reading a file to `commands::import`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use csv::ByteRecord;
use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::import::bad_lines::BadLines;
use crate::commands::import::csv_file::CsvFile;
use crate::commands::import::csv_lines::CsvLines;
use crate::commands::output::say;
use crate::commands::stopping::stop_on_signals;
use crate::commands::suppressions::arguments::{address_key, parse_reason, parse_scope};
use crate::commands::suppressions::importing::csv_row::{Columns, Defaults, is_known};
use crate::config::Config;
use crate::domain::suppression::{SuppressionReason, SuppressionScope};
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::suppressions::NewSuppression;
use crate::text::count::count;

mod csv_row;

/// Lines in one transaction.
const BATCH: usize = 1000;

/// Arguments of `suppressions import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The CSV file; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only check the file, and show what would be added
    #[arg(long)]
    pub dry_run: bool,
    /// Import the other lines when some are bad
    #[arg(long)]
    pub skip_bad_lines: bool,
    /// Which mails, for lines without a scope: everything, all, kind:KIND or event:KEY [default: by the reason]
    #[arg(long, value_parser = parse_scope)]
    pub scope: Option<SuppressionScope>,
    /// Why, for lines without a reason
    #[arg(long, value_parser = parse_reason, default_value = "blocked")]
    pub reason: SuppressionReason,
}

/// Checks the file, and adds its addresses if no line is bad.
///
/// # Errors
/// What failed, and why. What was added until then stays.
pub fn import(args: &ImportArgs, store: &Store, config: &Config) -> anyhow::Result<()> {
    let file = CsvFile::open(&args.file)?;
    let shutdown = stop_on_signals(config, "what has begun")?;
    let defaults = Defaults {
        key: address_key(store)?,
        event_keys: store.event_key_type()?,
        scope: args.scope,
        reason: args.reason,
    };
    let import = Import { store, file: &file, defaults: &defaults, shutdown };
    let checked = import.pass(false).with_context(|| format!("cannot import {}", file.name))?;
    for line in checked.bad.report(&file.name) {
        eprintln!("{line}");
    }
    if checked.bad.count > 0 && !args.skip_bad_lines {
        bail!(
            "nothing was imported because of {}; correct the file, or import the other lines with --skip-bad-lines",
            count(checked.bad.count, "bad line")
        );
    }
    let (verb, result) = if args.dry_run || checked.new == 0 {
        (if args.dry_run { "would import" } else { "imported" }, checked)
    } else {
        ("imported", import.pass(true).with_context(|| format!("{} was imported in part", file.name))?)
    };
    say(&format!("{verb} {}: {}", file.name, result.summary()));
    Ok(())
}

/// What a pass found and did.
#[derive(Debug, Default)]
struct PassResult {
    new: u64,
    known: u64,
    bad: BadLines,
}

impl PassResult {
    /// `1000 suppressions: 3 new, 997 on the list already`.
    fn summary(&self) -> String {
        let left_out = match self.bad.count {
            0 => String::new(),
            bad => format!("; {} left out", count(bad, "bad line")),
        };
        let all = count(self.new + self.known, "suppression");
        format!("{all}: {} new, {} on the list already{left_out}", self.new, self.known)
    }
}

struct Import<'a> {
    store: &'a Store,
    file: &'a CsvFile,
    defaults: &'a Defaults,
    shutdown: Shutdown,
}

impl Import<'_> {
    /// Reads the file once, and adds its rows or counts those that are new.
    fn pass(&self, writes: bool) -> anyhow::Result<PassResult> {
        let mut lines = CsvLines::open(self.file, None, is_known)?;
        let columns = Columns::find(&lines.headers)?;
        let style = ProgressStyle::with_template("{msg} {bar:40} {bytes}/{total_bytes}, {eta} left")?;
        let verb = if writes { "importing" } else { "checking" };
        // Shown at a terminal only.
        let bar = ProgressBar::new(self.file.size).with_style(style).with_message(verb);
        let (mut result, mut batch) = (PassResult::default(), Vec::with_capacity(BATCH));
        let mut record = ByteRecord::new();
        loop {
            let next = lines.next(&mut record)?;
            if let Some(line) = next {
                match columns.read(&record, self.defaults) {
                    Ok(row) => batch.push(row),
                    Err(reasons) => result.bad.add(line, &reasons),
                }
            }
            if batch.len() == BATCH || next.is_none() {
                self.flush(&mut batch, writes, &mut result)?;
                bar.set_position(lines.position());
            }
            if next.is_none() {
                bar.finish_and_clear();
                return Ok(result);
            }
        }
    }

    fn flush(
        &self,
        batch: &mut Vec<NewSuppression>,
        writes: bool,
        result: &mut PassResult,
    ) -> anyhow::Result<()> {
        if self.shutdown.requested() {
            bail!("interrupted; the same command continues");
        }
        let rows = std::mem::take(batch);
        let new = if writes {
            self.store.add_suppressions(&rows)?
        } else {
            self.store.count_new_suppressions(&rows)?
        };
        result.new += new as u64;
        result.known += (rows.len() - new) as u64;
        Ok(())
    }
}

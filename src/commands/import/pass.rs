//! One pass over a file: reads its lines, and compares or imports them in batches. A file is compared as a whole before any of it
//! is imported.

use anyhow::{Context as _, bail};
use csv::ByteRecord;
use indicatif::ProgressBar;

use crate::commands::import::bad_lines::BadLines;
use crate::commands::import::columns::Columns;
use crate::commands::import::csv_lines::CsvLines;
use crate::commands::import::fields::Fields;
use crate::commands::import::target::Target;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::source::importing::{ImportMode, Imported};

/// Lines in one transaction: few enough that a running worker does not wait long, many enough to be fast.
const BATCH: usize = 1000;

/// What a pass found and did.
#[derive(Debug, Default)]
pub struct PassResult {
    /// Rows that are not bad.
    pub rows: Imported,
    /// Lines that are.
    pub bad: BadLines,
    /// For people.
    pub notes: Vec<String>,
}

/// What all passes over a file share.
pub struct Pass<'a> {
    /// Where the rows go.
    pub store: &'a Store,
    /// Whether they are written.
    pub mode: ImportMode,
    /// The columns of the file.
    pub columns: &'a Columns,
    /// Shows the bytes that were read.
    pub bar: &'a ProgressBar,
    /// Ends the pass between two batches.
    pub shutdown: &'a Shutdown,
}

impl Pass<'_> {
    /// Reads all lines.
    ///
    /// # Errors
    /// When the file or the database fails, or a shutdown is requested. What was imported until then stays.
    pub fn run<T: Target>(&self, mut lines: CsvLines, target: &mut T) -> anyhow::Result<PassResult> {
        let mut result = PassResult::default();
        let mut record = ByteRecord::new();
        let mut batch = Vec::with_capacity(BATCH);
        // The first line that is not imported, as long as it is known.
        let mut stopped_at = None;
        loop {
            let next = lines.next(&mut record).with_context(|| self.stopped(stopped_at))?;
            if let Some(line) = next {
                stopped_at = stopped_at.or(Some(line));
                match Fields::new(self.columns, &record).and_then(|fields| target.read(fields)) {
                    Ok(row) => batch.push((line, row)),
                    Err(reasons) => result.bad.add(line, &reasons),
                }
            }
            if batch.len() == BATCH || next.is_none() {
                self.flush(&mut batch, target, &mut result).with_context(|| self.stopped(stopped_at))?;
                self.bar.set_position(lines.position());
                stopped_at = None;
            }
            if next.is_none() {
                result.notes = target.notes();
                return Ok(result);
            }
        }
    }

    fn flush<T: Target>(
        &self,
        batch: &mut Vec<(u64, T::Row)>,
        target: &mut T,
        result: &mut PassResult,
    ) -> anyhow::Result<()> {
        if self.shutdown.requested() {
            bail!("interrupted");
        }
        let rows = target.check(self.store, std::mem::take(batch), &mut result.bad)?;
        if !rows.is_empty() {
            result.rows += target.import(self.store, &rows, self.mode)?;
        }
        Ok(())
    }

    /// What is imported when the pass ends early.
    fn stopped(&self, line: Option<u64>) -> String {
        match (self.mode, line) {
            (ImportMode::Compare, _) => "nothing was imported".to_owned(),
            (ImportMode::Write, Some(line)) => format!(
                "stopped at line {line}: the lines above it are imported, that line and those below it are not; \
                 the same command continues"
            ),
            (ImportMode::Write, None) => {
                "stopped: the lines until then are imported; the same command continues".to_owned()
            }
        }
    }
}

//! `fanmail suppressions export`: the list as CSV, which `import` reads. Rows whose address is not kept have their hash alone.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use csv::Writer;

use crate::store::Store;
use crate::store::suppressions::{Suppression, SuppressionFilter};
use crate::text::count::count;
use crate::text::timestamp::rfc3339;

/// Rows that are read at once.
const PAGE: u32 = 1000;

/// The headers, in their order.
pub const HEADERS: [&str; 6] = ["address", "scope", "reason", "source", "created_at", "address_hash"];

/// Arguments of `suppressions export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The file to write; - is standard output
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
}

/// Writes all rows.
///
/// # Errors
/// When the file cannot be written, or the database does not answer.
pub fn export(args: &ExportArgs, store: &Store) -> anyhow::Result<()> {
    if args.file == Path::new("-") {
        write(store, io::stdout().lock())?;
        return Ok(());
    }
    let cannot = || format!("cannot write {}", args.file.display());
    let file = File::options().write(true).create_new(true).open(&args.file).with_context(cannot)?;
    let rows = write(store, BufWriter::new(file)).with_context(cannot)?;
    eprintln!("wrote {} to {}", count(rows, "suppression"), args.file.display());
    Ok(())
}

fn write(store: &Store, out: impl Write) -> anyhow::Result<u64> {
    let mut out = Writer::from_writer(out);
    out.write_record(HEADERS)?;
    let (mut last, mut rows): (Option<Suppression>, u64) = (None, 0);
    loop {
        let page = store.list_suppressions(SuppressionFilter::default(), last.as_ref(), PAGE)?;
        for row in &page {
            let (time, hash) = (rfc3339(row.created_at.and_utc()), row.hash.to_string());
            let address = row.address.as_deref().unwrap_or_default();
            out.write_record([address, &row.scope, &row.reason, &row.source, &time, &hash])?;
        }
        rows += page.len() as u64;
        if page.is_empty() {
            out.flush()?;
            return Ok(rows);
        }
        last = page.into_iter().next_back();
    }
}

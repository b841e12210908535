//! `fanmail person log`: the log of erasures.

use clap::Args;
use serde_json::{Value, json};

use crate::commands::arguments::Format;
use crate::commands::output::{print_json, say};
use crate::commands::person::arguments::read;
use crate::store::Store;
use crate::store::person::erasures::{ErasedRows, Erasure};
use crate::text::count::count;
use crate::text::timestamp::{rfc3339, to_the_second};

/// Arguments of `person log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Only those of this address; - reads it from standard input
    #[arg(value_name = "ADDRESS")]
    pub address: Option<String>,
    /// Maximum number to list
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints the newest erasures first.
///
/// # Errors
/// When it is no address, or the database does not answer.
pub fn list(args: &LogArgs, store: &Store) -> anyhow::Result<()> {
    let of = args.address.as_deref().map(|address| read(address, store)).transpose()?;
    let rows = store.list_erasures(of.as_ref().map(|(_, hash)| hash), args.limit)?;
    match args.format {
        Format::Table if rows.is_empty() => say("No erasures."),
        Format::Table => rows.iter().for_each(|row| say(&line(row))),
        Format::Json => {
            let rows: Vec<Value> = rows.iter().map(to_json).collect();
            print_json(&Value::Array(rows))?;
        }
    }
    Ok(())
}

fn line(Erasure { hash, begun_at, ended_at, run_by, rows }: &Erasure) -> String {
    let ErasedRows { outcomes, recipients, notifications, suppressions, outbox_rows } = *rows;
    let end = ended_at
        .map_or_else(|| "not ended".to_owned(), |at| format!("ended {}", to_the_second(at.and_utc())));
    let by = run_by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
    format!(
        "{}  {hash}  {end}{by}: {}, {}, {}, {}, {} of the outbox",
        to_the_second(begun_at.and_utc()),
        count(outcomes, "outcome"),
        count(recipients, "recipient"),
        count(notifications, "notification"),
        count(suppressions, "suppression"),
        count(outbox_rows, "row")
    )
}

pub(super) fn to_json(Erasure { hash, begun_at, ended_at, run_by, rows }: &Erasure) -> Value {
    let ErasedRows { outcomes, recipients, notifications, suppressions, outbox_rows } = *rows;
    json!({
        "address_hash": hash.to_string(),
        "begun_at": rfc3339(begun_at.and_utc()),
        "ended_at": ended_at.map(|at| rfc3339(at.and_utc())),
        "run_by": run_by,
        "outcomes": outcomes,
        "recipients": recipients,
        "notifications": notifications,
        "suppressions": suppressions,
        "outbox_rows": outbox_rows,
    })
}

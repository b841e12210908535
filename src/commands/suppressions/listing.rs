//! `fanmail suppressions list`.

use std::io::{self, Write as _};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};

use crate::commands::arguments::Format;
use crate::commands::output::screen;
use crate::commands::suppressions::arguments::{
    accept_scope, address_key, parse_reason, parse_scope, read_addresses,
};
use crate::domain::suppression::{SuppressionReason, SuppressionScope};
use crate::store::Store;
use crate::store::suppressions::{Suppression, SuppressionFilter};
use crate::text::clean::{cut, printable};
use crate::text::mask::mask;
use crate::text::screen::Screen;
use crate::text::table::{Cell, Column, table};
use crate::text::timestamp::{rfc3339, short};

/// Longest scope that a line shows, in characters.
const MAX_SCOPE: usize = 60;

const COLUMNS: [Column; 5] = [
    Column::text("since"),
    Column::text("reason"),
    Column::text("scope").cut_to(10),
    Column::text("source").cut_to(8),
    Column::text("address").cut_to(16),
];

/// Arguments of `suppressions list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of these addresses
    #[arg(value_name = "ADDRESS")]
    pub of: Vec<String>,
    /// Only those with this scope: everything, all, kind:KIND or event:KEY
    #[arg(long, value_parser = parse_scope)]
    pub scope: Option<SuppressionScope>,
    /// Only those with this reason
    #[arg(long, value_parser = parse_reason)]
    pub reason: Option<SuppressionReason>,
    /// Maximum number to list
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
    /// Show whole addresses
    #[arg(long)]
    pub addresses: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints the list.
///
/// # Errors
/// When one is no address, or the database does not answer.
pub fn list(args: &ListArgs, store: &Store) -> anyhow::Result<()> {
    let rows = find(args, store)?;
    let is_cut = rows.len() > args.limit as usize;
    let rows = &rows[..rows.len().min(args.limit as usize)];
    let text = match args.format {
        Format::Table => to_table(rows, args.addresses, Utc::now(), screen()),
        Format::Json => {
            let rows: Vec<Value> = rows.iter().map(|row| to_json(row, args.addresses)).collect();
            serde_json::to_string_pretty(&rows)? + "\n"
        }
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    if is_cut {
        eprintln!(
            "there are more; list them with --limit, or write all of them with: fanmail suppressions export"
        );
    }
    Ok(())
}

/// One more than are shown, if there are more.
fn find(args: &ListArgs, store: &Store) -> anyhow::Result<Vec<Suppression>> {
    let scope = args.scope.map(|scope| accept_scope(store, scope)).transpose()?;
    let filter = SuppressionFilter { hash: None, scope, reason: args.reason };
    let limit = args.limit.saturating_add(1);
    if args.of.is_empty() {
        return Ok(store.list_suppressions(filter, None, limit)?);
    }
    let mut rows = Vec::new();
    for address in read_addresses(&args.of, &address_key(store)?)? {
        let filter = SuppressionFilter { hash: Some(address.hash), ..filter };
        rows.extend(store.list_suppressions(filter, None, limit)?);
    }
    Ok(rows)
}

/// The address for a reader; of one that is not kept, its hash.
fn shown(row: &Suppression, whole: bool) -> String {
    match &row.address {
        Some(address) if whole => printable(address),
        Some(address) => mask(&printable(address)),
        None => format!("({})", row.hash),
    }
}

fn to_table(rows: &[Suppression], whole: bool, now: DateTime<Utc>, screen: Screen) -> String {
    if rows.is_empty() {
        return "No suppressions.\n".to_owned();
    }
    let cells = |row: &Suppression| {
        let scope = cut(printable(&row.scope), MAX_SCOPE);
        let since = short(row.created_at.and_utc(), now);
        [since, printable(&row.reason), scope, printable(&row.source), shown(row, whole)]
            .map(Cell::from)
            .to_vec()
    };
    table(&COLUMNS, &rows.iter().map(cells).collect::<Vec<_>>(), screen)
}

fn to_json(row: &Suppression, whole: bool) -> Value {
    json!({
        "address": row.address.as_deref().map(|address| if whole { address.to_owned() } else { mask(address) }),
        "address_hash": row.hash.to_string(),
        "scope": row.scope,
        "reason": row.reason,
        "source": row.source,
        "created_at": rfc3339(row.created_at.and_utc()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address_hash::AddressHash;

    fn row(address: Option<&str>, scope: &str) -> Suppression {
        Suppression {
            hash: AddressHash::from_bytes(&[0xab; 16]).unwrap(),
            scope: scope.to_owned(),
            address: address.map(str::to_owned),
            reason: "bounced".to_owned(),
            source: "mailbox".to_owned(),
            created_at: DateTime::from_timestamp(1_800_000_000, 0).unwrap().naive_utc(),
        }
    }

    #[test]
    fn addresses_are_masked_unless_they_are_asked_for() {
        let rows = [row(Some("ann@example.org"), "all"), row(None, "event:ball\u{1b}[2J")];
        let now = DateTime::from_timestamp(1_800_086_400, 0).unwrap();
        let table = |rows: &[Suppression], whole| to_table(rows, whole, now, Screen::PLAIN);
        let text = table(&rows, false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[1], "01-15 08:00Z  bounced  all            mailbox  a***@example.org");
        assert!(lines[2].ends_with(&format!("mailbox  ({})", "ab".repeat(16))), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(table(&rows, true).contains("mailbox  ann@example.org\n"));
        assert_eq!(to_json(&rows[0], false)["address"], "a***@example.org");
        assert_eq!(to_json(&rows[0], true)["address"], "ann@example.org");
        assert_eq!(to_json(&rows[1], true)["address"], Value::Null);
        assert_eq!(table(&[], true), "No suppressions.\n");
    }
}

//! `fanmail suppressions remove`.

use clap::Args;

use crate::commands::suppressions::arguments::{accept_scope, address_key, parse_scope, read_addresses};
use crate::domain::suppression::SuppressionScope;
use crate::store::Store;
use crate::store::suppressions::SuppressionFilter;
use crate::text::count::count;

/// Arguments of `suppressions remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Mail addresses
    #[arg(required = true, value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Only this one: everything, all, kind:KIND or event:KEY [default: all suppressions of the address]
    #[arg(long, value_parser = parse_scope)]
    pub scope: Option<SuppressionScope>,
}

/// Removes the addresses.
///
/// # Errors
/// When one is no address, or the database does not answer.
pub fn remove(args: &RemoveArgs, store: &Store) -> anyhow::Result<String> {
    let scope = args.scope.map(|scope| accept_scope(store, scope)).transpose()?;
    let mut removed = 0;
    for address in read_addresses(&args.addresses, &address_key(store)?)? {
        let filter = SuppressionFilter { hash: Some(address.hash), scope, reason: None };
        removed += store.remove_suppressions(filter)?;
    }
    let hint = if removed == 0 {
        ""
    } else {
        "; skipped mails are sent with: fanmail retry --notification N --permanent-too"
    };
    Ok(format!("removed {}{hint}", count(removed as u64, "suppression")))
}

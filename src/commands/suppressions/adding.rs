//! `fanmail suppressions add`.

use clap::Args;

use crate::commands::suppressions::arguments::{
    KnownAddress, accept_scope, address_key, parse_reason, parse_scope, read_addresses,
};
use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::store::Store;
use crate::store::suppressions::NewSuppression;
use crate::text::count::count;

/// Arguments of `suppressions add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Mail addresses
    #[arg(required = true, value_name = "ADDRESS")]
    pub addresses: Vec<String>,
    /// Which mails: everything, all (all but cancellations), kind:KIND or event:KEY [default: everything if the reason is bounced,
    /// complained, refused or erased, else all]
    #[arg(long, value_parser = parse_scope)]
    pub scope: Option<SuppressionScope>,
    /// Why, which the outcomes show: unsubscribed, opted-out, bounced, complained, refused, blocked or erased
    #[arg(long, value_parser = parse_reason, default_value = "blocked")]
    pub reason: SuppressionReason,
}

/// Adds the addresses, all or none.
///
/// # Errors
/// When one is no address, or the database does not answer.
pub fn add(args: &AddArgs, store: &Store) -> anyhow::Result<String> {
    let scope = accept_scope(store, args.scope.unwrap_or_else(|| args.reason.usual_scope()))?;
    let addresses = read_addresses(&args.addresses, &address_key(store)?)?;
    let new = |one: &KnownAddress| NewSuppression {
        hash: one.hash,
        address: Some(one.normalized.clone()),
        scope,
        reason: args.reason,
        source: SuppressionSource::Command,
    };
    let new: Vec<NewSuppression> = addresses.iter().map(new).collect();
    let added = store.add_suppressions(&new)?;
    Ok(summary(added, new.len() - added, scope))
}

fn summary(added: usize, known: usize, scope: SuppressionScope) -> String {
    let known = if known == 0 { String::new() } else { format!("; {known} on the list already") };
    format!("added {} (scope {scope}){known}", count(added as u64, "suppression"))
}

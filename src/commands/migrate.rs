//! `fanmail migrate`: creates or updates the tables.

use std::process::ExitCode;

use crate::app::database;
use crate::config::Config;
use crate::store::Store;
use crate::store::error::StoreError;

/// How the name of the migration begins that makes these tables.
const FIRST: &str = "0001";

/// Applies the migrations that are missing, prints their names, and checks that every column exists.
///
/// # Errors
/// What failed, and why.
pub fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let (store, applied) = database::migrate(config)?;
    for name in &applied {
        println!("applied {name}");
    }
    store.check_schema()?;
    if applied.is_empty() {
        println!("The tables are up to date.");
    }
    if is_new(&store, &applied)? {
        println!(
            "The tables events and participants are empty: fill them with fanmail seed, fanmail import or SQL. If your application \
             has tables of its own, drop these two (DROP TABLE participants; DROP TABLE events;) and make views of these names \
             (README, \"Your first people\")."
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether `events` was made just now: it is a table without rows.
fn is_new(store: &Store, applied: &[String]) -> Result<bool, StoreError> {
    let is_first = applied.iter().any(|name| name.starts_with(FIRST));
    Ok(is_first
        && store.find_views()?.is_empty()
        && store.newest_events(1)?.is_empty()
        && !store.has_participants()?)
}

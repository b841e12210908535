//! `fanmail migrate`: creates or updates the tables.

use std::process::ExitCode;

use crate::app::database;
use crate::config::Config;

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
    Ok(ExitCode::SUCCESS)
}

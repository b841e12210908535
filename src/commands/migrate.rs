//! `fanmail migrate`: create or update the tables.

use std::process::ExitCode;

use crate::config::Config;
use crate::store::Store;

/// Applies what is missing, says what that was, and checks that every column is there.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let store = Store::connect(&config.database, 1)?;
    let applied = store.migrate()?;
    for name in &applied {
        println!("applied {name}");
    }
    store.check_schema()?;
    if applied.is_empty() {
        println!("The tables are up to date.");
    }
    Ok(ExitCode::SUCCESS)
}

//! Where mails come back to, and what came back.

use crate::app::database;
use crate::commands::check::finding::{Finding, with_causes};
use crate::config::Config;
use crate::report::bounces::{advice, summary};

/// Reads the numbers of `fanmail bounces`. Whether mails arrive at the address, only one that comes back shows.
///
/// # Errors
/// When the database does not answer.
pub fn check(config: &Config) -> Result<Finding, String> {
    let Some(bounce_address) = &config.email.bounce_address else {
        return Ok(Finding::skipped("BOUNCE_ADDRESS is not set"));
    };
    let store = database::connect_existing(config).map_err(with_causes)?;
    let counts = store.list_bounce_counts().map_err(with_causes)?;
    let (local, domain) = bounce_address.rsplit_once('@').unwrap_or((bounce_address.as_str(), ""));
    let works = format!("mails come back to {local}+TOKEN@{domain}; {}", summary(&counts));
    Ok(Finding::works(works).with_notes(advice(&counts)))
}

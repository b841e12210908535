//! Where mails come back to, and what came back.

use crate::commands::check::finding::{Finding, with_causes};
use crate::commands::check::parts::Parts;
use crate::report::bounces::{advice, summary};

/// Reads the numbers of `fanmail bounces`. Whether mails arrive at the address, only one that comes back shows.
///
/// # Errors
/// When the database does not answer.
pub fn check(parts: &Parts<'_>) -> Result<Finding, String> {
    let Some(bounce_address) = &parts.config.email.bounce_address else {
        return Ok(Finding::skipped("BOUNCE_ADDRESS is not set"));
    };
    let store = match parts.store() {
        Ok(store) => store,
        Err(finding) => return Ok(finding),
    };
    let counts = store.list_bounce_counts().map_err(with_causes)?;
    let (local, domain) = bounce_address.rsplit_once('@').unwrap_or((bounce_address.as_str(), ""));
    let works = format!("mails come back to {local}+TOKEN@{domain}; {}", summary(&counts));
    Ok(Finding::works(works).with_notes(advice(&counts)))
}

//! Where mails go: to the relay, which is asked whether it takes them, or in dry-run mode to files.

use crate::channels::email::smtp;
use crate::commands::check::finding::Finding;
use crate::commands::check::outbox;
use crate::config::email::{EmailConfig, Route};

/// Asks the relay. A note says who gets mails, if not everyone does.
///
/// # Errors
/// Why mails could not be sent, and what to do.
pub fn check(email: &EmailConfig) -> Result<Finding, String> {
    match &email.route {
        Route::Dummy { .. } => Ok(Finding::skipped("dry-run mode (EMAIL_DUMMY_MODE=True): no mail is sent")),
        Route::Smtp(relay) => {
            let found = smtp::probe::probe(relay, &email.from_email).map_err(|error| error.detail)?;
            let notes = found.note.into_iter().chain(email.reach.describe());
            Ok(Finding::works(found.summary).with_notes(notes))
        }
    }
}

/// Whether mails can be written to the outbox, if dry-run mode has one.
pub fn check_outbox(email: &EmailConfig) -> Finding {
    match &email.route {
        Route::Smtp(_) => Finding::skipped("mails are sent to the relay"),
        Route::Dummy { outbox: None } => Finding::skipped("EMAIL_OUTBOX_DIR is not set"),
        Route::Dummy { outbox: Some(dir) } => outbox::check(dir),
    }
}

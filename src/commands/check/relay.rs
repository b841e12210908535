//! Where mails go: to the relay, which is asked whether it takes them, or in dry-run mode to files.

use std::time::Duration;

use crate::channels::email::smtp;
use crate::commands::check::finding::Finding;
use crate::commands::check::outbox;
use crate::config::email::relay::Relay;
use crate::config::email::{EmailConfig, Route};

/// So long a person waits for the relay, at each step. A worker is more patient.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks the relay. A note says who gets mails, if not everyone does.
///
/// # Errors
/// Why mails could not be sent, and what to do.
pub fn check(email: &EmailConfig) -> Result<Finding, String> {
    match &email.route {
        Route::Dummy { .. } => Ok(Finding::skipped("dry-run mode (EMAIL_DUMMY_MODE=True): no mail is sent")),
        Route::Smtp(relay) => {
            let asked = Relay { timeout: relay.timeout.min(PATIENCE), ..relay.clone() };
            let found = smtp::probe::probe(&asked, &email.from_email)
                .map_err(|error| with_patience(&error.detail, relay.timeout))?;
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

/// The words of a probe, which know of `SMTP_TIMEOUT` only.
fn with_patience(detail: &str, timeout: Duration) -> String {
    let whole = "within SMTP_TIMEOUT";
    if timeout <= PATIENCE {
        return detail.to_owned();
    }
    let (patience, timeout) = (PATIENCE.as_secs(), timeout.as_secs());
    detail.replace(whole, &format!("within {patience} s (the worker waits for {timeout} s, SMTP_TIMEOUT)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_that_says_nothing_is_told_with_the_time_that_check_has_waited() {
        let detail =
            "10.0.0.7:25: cannot connect: no answer within SMTP_TIMEOUT; check SMTP_HOST and SMTP_PORT";
        assert_eq!(
            with_patience(detail, Duration::from_secs(60)),
            "10.0.0.7:25: cannot connect: no answer within 8 s (the worker waits for 60 s, SMTP_TIMEOUT); check SMTP_HOST and SMTP_PORT"
        );
        assert_eq!(with_patience(detail, Duration::from_secs(5)), detail);
    }
}

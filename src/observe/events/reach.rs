//! Whom the mails of this worker reach, if not everyone.

use crate::observe::health::{Health, Part};

/// Mails reach nobody, or not their recipients: `status` and `/healthz` show it as long as the worker runs.
pub fn limited(health: &Health, reach: String) {
    health.set_note(Part::Recipients, reach);
}

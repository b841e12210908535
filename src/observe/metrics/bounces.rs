//! Mails that came back. `fanmail bounces` ends after each, so the database counts them for all: these are its numbers, as the worker last
//! read them.

use crate::domain::bounce_result::BounceResult;
use crate::observe::metrics::values::Gauge;

/// The numbers of the database. They only grow.
#[derive(Debug, Default)]
pub struct BounceMetrics {
    bounced: Gauge,
    infrastructure: Gauge,
    complained: Gauge,
    refused: Gauge,
    forged: Gauge,
}

impl BounceMetrics {
    /// Replaces the number of mails with this result.
    pub fn set(&self, result: BounceResult, number: u64) {
        let gauge = match result {
            BounceResult::Bounced => &self.bounced,
            BounceResult::Infrastructure => &self.infrastructure,
            BounceResult::Complained => &self.complained,
            BounceResult::Refused => &self.refused,
            BounceResult::Forged => &self.forged,
            _ => return,
        };
        gauge.set(number);
    }

    /// Name, help and value of each.
    pub(super) fn counters(&self) -> [(&'static str, &'static str, u64); 5] {
        [
            ("bounced", "Mails that came back, because of their addresses or mailboxes.", self.bounced.get()),
            (
                "bounced_infrastructure",
                "Mails that came back because of policy or reputation.",
                self.infrastructure.get(),
            ),
            ("complained", "Mails that their recipients have called spam.", self.complained.get()),
            ("bounces_refused", "Bounces of mails that were not sent.", self.refused.get()),
            ("bounces_forged", "Mails to BOUNCE_ADDRESS with a wrong code.", self.forged.get()),
        ]
    }
}

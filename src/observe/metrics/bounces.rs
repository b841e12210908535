//! Mails that came back. `fanmail bounces` ends after each, so the database counts them for all: these are its numbers, as the worker last
//! read them.

use std::sync::atomic::Ordering;

use prometheus_client::registry::Registry;

use crate::domain::bounce_result::BounceResult;
use crate::observe::metrics::values::Counter;

/// The numbers of the database. They only grow.
#[derive(Debug, Default)]
pub struct BounceMetrics {
    bounced: Counter,
    infrastructure: Counter,
    complained: Counter,
    refused: Counter,
    forged: Counter,
}

impl BounceMetrics {
    /// Replaces the number of mails with this result.
    pub fn set(&self, result: BounceResult, number: u64) {
        let counter = match result {
            BounceResult::Bounced => &self.bounced,
            BounceResult::Infrastructure => &self.infrastructure,
            BounceResult::Complained => &self.complained,
            BounceResult::Refused => &self.refused,
            BounceResult::Forged => &self.forged,
            _ => return,
        };
        counter.inner().store(number, Ordering::Relaxed);
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("bounced", "Mails that came back, because of their addresses or mailboxes", &self.bounced),
            (
                "bounced_infrastructure",
                "Mails that came back because of policy or reputation",
                &self.infrastructure,
            ),
            ("complained", "Mails that their recipients have called spam", &self.complained),
            ("bounces_refused", "Bounces of mails that were not sent", &self.refused),
            ("bounces_forged", "Mails to BOUNCE_ADDRESS with a wrong code", &self.forged),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

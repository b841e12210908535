//! What is left to do in the database, of all workers, as this worker last counted it. Counting is left to `worker::backlog`.

use prometheus_client::registry::{Registry, Unit};

use crate::observe::metrics::values::{FloatGauge, Gauge};

/// What is left to do.
#[derive(Debug, Default)]
pub struct BacklogMetrics {
    /// Notifications that are waiting or running, without those that wait for further updates.
    pub notifications: Gauge,
    /// Their recipients who have no outcome and are not deferred.
    pub recipients: Gauge,
    /// For how long the oldest of these notifications has been open, in seconds; 0 without one.
    pub oldest: FloatGauge,
    /// Rows of the list of suppressions.
    pub suppressions: Gauge,
}

impl BacklogMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "backlog_notifications",
            "Notifications in the database that are waiting or running, of all workers, without those of fanmail_coalescing",
            self.notifications.clone(),
        );
        registry.register(
            "backlog_recipients",
            "Recipients of these notifications who have no outcome yet",
            self.recipients.clone(),
        );
        registry.register_with_unit(
            "backlog_oldest",
            "For how long the oldest of these notifications has been open; 0 without one",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register("suppressions", "Rows of the list of suppressions", self.suppressions.clone());
    }
}

//! People stop mails by a link, or want them again.

use crate::domain::suppression::SuppressionScope;
use crate::observe::metrics::Metrics;

/// What a person has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Mails of this scope are stopped.
    Stopped(SuppressionScope),
    /// They are not stopped any more.
    Resumed(SuppressionScope),
}

/// A person has changed which mails they get. The log does not say whose address it is.
pub fn changed(metrics: &Metrics, changed: Changed) {
    match changed {
        Changed::Stopped(scope) => {
            metrics.unsubscribed.inc();
            log::info!("somebody has unsubscribed by the link of a mail: {scope}");
        }
        Changed::Resumed(scope) => {
            metrics.resubscribed.inc();
            log::info!("somebody wants mails again that were stopped by the link of a mail: {scope}");
        }
    }
}

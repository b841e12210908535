//! Mail providers post what became of mails.

use crate::observe::metrics::Metrics;

/// Reports of a provider were recorded, or count as known or foreign.
pub fn taken(metrics: &Metrics, provider: &str, number: u64) {
    metrics.webhook_reports.inc_by(number);
    log::debug!("webhooks: took {number} reports of {provider}");
}

/// A request was refused. Anybody can send one: only some of them are logged loudly.
pub fn refused(metrics: &Metrics, provider: &str, why: &str, is_loud: bool) {
    metrics.webhooks_refused.inc();
    if is_loud {
        log::warn!(
            provider = provider, reason = why;
            "webhooks: a request to /webhooks/{provider} is refused: {why}. Further ones are only counted for a minute. If {provider} sent it, \
             look at its key or secret (docs/webhooks.md)"
        );
    } else {
        log::debug!("webhooks: a request to /webhooks/{provider} is refused: {why}");
    }
}

/// The subscription of a topic of SNS is confirmed.
pub fn subscribed(topic: &str) {
    log::info!("webhooks: the topic {topic} of SNS posts what becomes of mails from now on");
}

/// The subscription was ended at the provider.
pub fn unsubscribed(topic: &str) {
    log::warn!("webhooks: the topic {topic} of SNS does not post any more: its subscription was ended");
}

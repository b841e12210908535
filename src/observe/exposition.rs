//! What `/metrics` shows: the metrics, whether each part works, and what this program is, in the two text formats that Prometheus reads.
//! How a client asks for one of them is left to `http`.
//!
//! The series are the same whatever happens: a part is told apart by a fixed word, and only the queues of the configuration are named.

use std::fmt;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::observe::health::{Monitor, Part};
use crate::observe::metrics::labelled::Labelled;
use crate::version::{COMMIT, FEATURES, VERSION};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0, for clients that ask for it, as Prometheus does.
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4, which is plain text: for people, and for all other clients.
    Plain,
}

impl Format {
    /// The format for a client with this `Accept` header.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Plain }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// All metrics in this format.
///
/// # Errors
/// None that is known: writing into a text does not fail.
pub fn render(monitor: &Monitor, format: Format) -> Result<String, fmt::Error> {
    let registry = registry(monitor);
    let mut text = String::new();
    match format {
        Format::OpenMetrics => text::encode(&mut text, &registry)?,
        Format::Plain => prometheus_text::encode(&mut text, &registry)?,
    }
    Ok(text)
}

fn registry(monitor: &Monitor) -> Registry {
    let mut all = Registry::default();
    all.register_collector(Box::new(monitor.metrics.process.clone()));
    let fanmail = all.sub_registry_with_prefix("fanmail");
    let build = vec![("version", VERSION), ("commit", COMMIT), ("features", FEATURES)];
    fanmail.register("build", "Always 1; the labels say which fanmail this is", Info::new(build));
    let works = |part: Part| ConstGauge::new(u64::from(monitor.health.reasons_not_ready(part).is_empty()));
    let each = Part::ALL.map(|part| (part.label().to_owned(), works(part))).into();
    let help = "0 until this part works for the first time, and while it has a problem, which /healthz tells; else 1";
    fanmail.register("up", help, Labelled { label: "part", each });
    monitor.metrics.register(fanmail);
    all
}

#[cfg(test)]
mod tests;

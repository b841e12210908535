//! Metrics of one name that the value of a label tells apart. Which values there are is fixed before `/metrics` is written, so that no label
//! grows with what comes in.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Those metrics, each with its value of the label, in this order.
#[derive(Debug)]
pub(in crate::observe) struct Labelled<M> {
    /// The name of the label.
    pub label: &'static str,
    /// The metrics.
    pub each: Vec<(String, M)>,
}

impl<M: EncodeMetric + TypedMetric> EncodeMetric for Labelled<M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (value, metric) in &self.each {
            let labels = [(self.label, value.as_str())];
            metric.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }

    fn is_empty(&self) -> bool {
        self.each.is_empty()
    }
}

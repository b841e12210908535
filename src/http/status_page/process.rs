//! What the process that answers knows by itself, without the database.

use serde::Serialize;

use crate::http::status_page::dead_letters::DeadLetterCounts;
use crate::observe::metrics::Metrics;
use crate::observe::metrics::queues::QueueGauges;

/// What this process knows of its relay. Programs rely on these keys.
#[derive(Debug, Serialize)]
pub(super) struct ProcessView {
    breaker: &'static str,
    /// Mails a second that the relay takes; `None`: it asks for no limit.
    pace_per_second: Option<f64>,
    connections: u64,
    /// What the broker has said last of each queue.
    queues: Vec<QueueView>,
}

/// A queue of messages. Programs rely on these keys; the numbers are null while the broker is away.
#[derive(Debug, Serialize)]
struct QueueView {
    queue: String,
    waiting: Option<u64>,
    consumers: Option<u64>,
    dead_letters: Option<u64>,
}

impl QueueView {
    fn new((queue, gauges): (String, QueueGauges)) -> Self {
        let [waiting, consumers, dead_letters] =
            [gauges.waiting, gauges.consumers, gauges.dead_letters].map(|gauge| known(gauge.get()));
        Self { queue, waiting, consumers, dead_letters }
    }
}

/// A gauge is not a number while it is not known.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn known(value: f64) -> Option<u64> {
    value.is_finite().then_some(value as u64)
}

impl ProcessView {
    /// The queues that have dead letters.
    pub(super) fn dead_letters(&self) -> DeadLetterCounts {
        let counted = self.queues.iter().filter_map(|queue| Some((queue.queue.clone(), queue.dead_letters?)));
        counted.filter(|(_, number)| *number > 0).collect()
    }

    /// Whether the broker has said of each queue that it has none.
    pub(super) fn has_no_dead_letters(&self) -> bool {
        !self.queues.is_empty() && self.queues.iter().all(|queue| queue.dead_letters == Some(0))
    }

    pub(super) fn new(metrics: &Metrics) -> Self {
        let pace = metrics.pace_per_second.get();
        Self {
            breaker: if metrics.breaker_open.get() == 0 { "closed" } else { "open" },
            pace_per_second: (pace > 0.0).then_some(pace),
            connections: metrics.connections_in_use.get(),
            queues: metrics.queues.list().into_iter().map(QueueView::new).collect(),
        }
    }
}

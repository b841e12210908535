//! What waits in each queue of the configuration, as the broker has said it last. Asking is left to `broker::consumer`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use prometheus_client::registry::Registry;

use crate::observe::metrics::labelled::Labelled;
use crate::observe::metrics::values::FloatGauge;
use crate::sync::lock;

/// The queues that the worker takes messages from, by name.
#[derive(Debug, Default)]
pub struct QueueMetrics(Mutex<BTreeMap<String, QueueGauges>>);

/// What is told of a queue; NaN while it is not known. All clones are one.
#[derive(Debug, Clone)]
pub struct QueueGauges {
    /// Messages that no consumer has.
    pub waiting: FloatGauge,
    /// Consumers, of all workers.
    pub consumers: FloatGauge,
    /// Messages in the queue of its dead letters.
    pub dead_letters: FloatGauge,
}

impl QueueGauges {
    /// The broker is away: nothing is known.
    pub fn forget(&self) {
        for gauge in [&self.waiting, &self.consumers, &self.dead_letters] {
            gauge.set(f64::NAN);
        }
    }
}

impl QueueMetrics {
    /// The gauges of a queue of the configuration.
    #[must_use]
    pub fn of(&self, queue: &str) -> QueueGauges {
        let mut queues = lock(&self.0);
        let gauges = queues.entry(queue.to_owned()).or_insert_with(|| {
            let [waiting, consumers, dead_letters] = [(); 3].map(|()| FloatGauge::default());
            let gauges = QueueGauges { waiting, consumers, dead_letters };
            gauges.forget();
            gauges
        });
        gauges.clone()
    }

    /// All of them, by name.
    #[must_use]
    pub fn list(&self) -> Vec<(String, QueueGauges)> {
        lock(&self.0).iter().map(|(queue, gauges)| (queue.clone(), gauges.clone())).collect()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let queues = lock(&self.0);
        let mut register = |name, help, gauge: fn(&QueueGauges) -> &FloatGauge| {
            let each = queues.iter().map(|(queue, gauges)| (queue.clone(), gauge(gauges).clone())).collect();
            registry.register(name, help, Labelled { label: "queue", each });
        };
        register("messages_waiting", "Messages in the queue that no worker has", |of| &of.waiting);
        register("consumers", "Consumers of the queue, of all workers", |of| &of.consumers);
        register("dead_letters_waiting", "Messages in the queue of dead letters", |of| &of.dead_letters);
    }
}

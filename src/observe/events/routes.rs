//! Messages that no route is for.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::observe::metrics::Metrics;
use crate::sync::lock;
use crate::text::clean::{cut, one_line};

/// Most routing keys that are told: some publishers have ids in them.
const TOLD_MAX: usize = 1000;
/// How much of a routing key is told, in characters.
const SHOWN: usize = 100;

/// The routing keys that the log has named.
#[derive(Debug, Default)]
pub struct ToldKeys(Mutex<HashSet<String>>);

/// A message is acked and not mailed, as `on_unmatched` says. The log has each routing key once.
pub fn ignored(told: &ToldKeys, metrics: &Metrics, routing_key: &str) {
    metrics.messages_ignored.inc();
    let shown = cut(one_line(routing_key), SHOWN);
    let mut keys = lock(&told.0);
    if keys.len() < TOLD_MAX && keys.insert(shown.clone()) {
        log::info!(
            routing_key = shown;
            "no route matches the routing key {shown}: its messages are acked, and nobody is mailed (on_unmatched of ROUTES_FILE is \
             ignore)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_and_a_bounded_number_of_keys_is_kept() {
        let (told, metrics) = (ToldKeys::default(), Metrics::default());
        for number in 0..=TOLD_MAX {
            ignored(&told, &metrics, &format!("order.{number}"));
            ignored(&told, &metrics, "order.created");
        }
        assert_eq!(metrics.messages_ignored.get(), 2 * (TOLD_MAX as u64 + 1));
        assert_eq!(lock(&told.0).len(), TOLD_MAX);
    }
}

//! What several verbs of `dead-letters` take, and what they say of it.

use crate::broker::dead_letters::browse::DeadLetterQueue;
use crate::commands::dead_letters::text::escaped_line;

/// Most dead letters that are named one by one.
pub(super) const MAX_NAMED: usize = 10;

/// Reads words of a reason.
pub(super) fn parse_reason(words: &str) -> Result<String, String> {
    let words = words.trim();
    if words.is_empty() { Err("expected words of a reason".to_owned()) } else { Ok(words.to_owned()) }
}

/// What there is to say about an id that no dead letter has.
pub(super) fn missing(id: &str) -> String {
    format!(
        "no dead letter has the id {:?}; it was replayed or purged, or another command looks at it in this moment. List them with: \
         fanmail dead-letters list",
        escaped_line(id)
    )
}

/// Looking at a dead letter counts as a delivery where a queue counts deliveries.
pub(super) fn warn_of_deliveries(queues: &[DeadLetterQueue]) {
    for warning in queues.iter().filter_map(warning) {
        eprintln!("{warning}");
    }
}

fn warning(queue: &DeadLetterQueue) -> Option<String> {
    let returned = queue.delivery_count?.saturating_add(1);
    Some(format!(
        "warning: {} counts deliveries, as quorum queues do. Each look is one ({returned} so far; not from RabbitMQ 4.3 on), \
         and a message is deleted after delivery-limit of them (20 by default from RabbitMQ 4.0 on). To look more often, \
         set a higher delivery-limit with a policy",
        queue.queue
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_counts_deliveries_is_warned_of() {
        let queue =
            |delivery_count| DeadLetterQueue { queue: "events.dead".to_owned(), count: 1, delivery_count };
        assert_eq!(warning(&queue(None)), None);
        let text = warning(&queue(Some(2))).unwrap();
        assert!(text.contains("events.dead counts deliveries") && text.contains("(3 so far; "), "{text}");
    }
}

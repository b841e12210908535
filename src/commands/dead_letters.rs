//! `fanmail dead-letters`: what a person does with messages that could not be processed. A file for each of its verbs; what they do to
//! the queues is left to `broker`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::broker::dead_letters::browse::DeadLetterQueue;
use crate::commands::dead_letters::listing::ListArgs;
use crate::commands::dead_letters::showing::ShowArgs;
use crate::config::Config;

mod listing;
mod showing;
mod text;

/// The help of `dead-letters`.
pub const ABOUT: &str = "\
Look at the messages that could not be processed: list, show

The broker keeps them in the queue QUEUE.dead, each with an id, the reason, and what the message had. Looking at them changes nothing. \
When the cause is repaired, publish the notification again with: fanmail publish";

/// Examples below the help of `dead-letters`.
pub const EXAMPLES: &str = "\
Examples:
  fanmail dead-letters list --by-reason
  fanmail dead-letters show 9f2c41d07be35a68";

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List dead letters with their reasons; they stay in the queue, marked as redelivered
    List(ListArgs),
    /// Show one with its whole body, where it came from, and what to do about it
    Show(ShowArgs),
}

/// Does what the verb says.
///
/// # Errors
/// What failed, and why.
pub fn run(command: &DeadLettersCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::List(args) => listing::list(args, config),
        DeadLettersCommand::Show(args) => showing::show(args, config),
    }
}

/// Looking at a dead letter counts as a delivery where a queue counts deliveries.
fn warn_of_deliveries(queues: &[DeadLetterQueue]) {
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

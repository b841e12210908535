//! What `fanmail check` asks a broker. Changes nothing there: it creates no queue, takes no message, and leaves none.

use std::time::Duration;

use amiquip::{AmqpProperties, AmqpValue, ConsumerOptions, FieldTable};
use crossbeam_channel::never;
use uuid::Uuid;

use crate::broker::ack_timeout;
use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::publisher::Publisher;
use crate::broker::topology::{self, QueueDepth, bindings, dead_letter_queue, events_exchange};
use crate::config::broker::BrokerConfig;

/// Longest wait for the answer to a message that no queue gets.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// What a probe has found, for people.
#[derive(Debug)]
pub struct Probe {
    /// The broker and the state of the queues, a sentence for each queue.
    pub summary: String,
    /// What this broker does about long fan-outs, how queues of another program differ, and what will be bound.
    pub notes: Vec<String>,
    /// Why the worker could not work with a queue or a binding.
    pub problems: Vec<String>,
}

/// Connects, asks for the queues and for their dead-letter queues, and tries the permissions. Takes at most about a minute.
///
/// # Errors
/// When the worker could not use this broker.
pub fn probe(config: &BrokerConfig) -> Result<Probe, BrokerError> {
    let mut connection = BrokerConnection::open(config)?;
    let asked = ask(&mut connection, config);
    connection.close_quietly();
    let mut probe = asked?;
    match try_publishing(config) {
        Err(error @ BrokerError::NotPublishable { .. }) => probe.problems.push(error.to_string()),
        result => result?,
    }
    Ok(probe)
}

fn ask(connection: &mut BrokerConnection, config: &BrokerConfig) -> Result<Probe, BrokerError> {
    let mut notes: Vec<String> = connection
        .passed_over
        .iter()
        .map(|failure| format!("another host cannot be used: {}", failure.error))
        .collect();
    notes.push(ack_timeout::advice(&connection.product, config));
    let (mut queues, mut problems) = (Vec::new(), Vec::new());
    for config in config.of_each_queue() {
        match ask_for_queue(connection, &config, &mut notes, &mut problems) {
            Ok(queue) => queues.push(queue),
            Err(error) if error.is_unusable_queue() => problems.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    if let Some(exchange) = &config.publishing.events_exchange {
        match events_exchange::look(connection, exchange) {
            Ok(note) => notes.push(note),
            Err(error @ BrokerError::EventsExchange(_)) => problems.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    notes.extend(only_by_name(config));
    notes.push(policies(&connection.product, &config.vhost));
    Ok(Probe { summary: format!("{}: {}", connection.peer, queues.join("; ")), notes, problems })
}

/// What is to be said about the queue of `config` and the queue of its dead letters.
fn ask_for_queue(
    connection: &mut BrokerConnection,
    config: &BrokerConfig,
    notes: &mut Vec<String>,
    problems: &mut Vec<String>,
) -> Result<String, BrokerError> {
    let (queue, dead_letters) = (&config.queue, dead_letter_queue(&config.queue));
    let found = find(connection, queue, notes)?;
    if found.is_some() {
        try_reading(connection, queue)?;
    }
    let dead = find(connection, &dead_letters, notes)?;
    for binding in &config.bindings {
        match bindings::look(connection, binding, found.is_some()) {
            Ok(note) => notes.push(note),
            Err(error @ BrokerError::Binding(_)) => problems.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    let queue = match found {
        Some(depth) => format!(
            "the queue {queue} has {} message(s) waiting and {} consumer(s)",
            depth.messages, depth.consumers
        ),
        None => format!("the queue {queue} does not exist yet; the worker will declare it"),
    };
    let dead = match dead {
        Some(depth) => format!("{dead_letters} has {} dead letter(s)", depth.messages),
        None => format!("{dead_letters} does not exist yet"),
    };
    Ok(format!("{queue}; {dead}"))
}

/// AMQP does not tell policies, which may drop, move or limit messages of any queue.
fn policies(product: &str, vhost: &str) -> String {
    let list = if product.starts_with("LavinMQ") {
        format!("lavinmqctl list_policies --vhost {vhost}")
    } else {
        format!("rabbitmqctl list_policies -p {vhost}, and list_operator_policies")
    };
    format!(
        "not looked at, because AMQP does not tell them: the broker's policies (message-ttl, max-length, dead-letter-exchange, \
         delivery-limit and others); list those that fit these queues with: {list}"
    )
}

/// With bindings of some queues, a queue without one may have been forgotten.
fn only_by_name(config: &BrokerConfig) -> Vec<String> {
    let is_bound = |queue: &str| config.bindings.iter().any(|binding| binding.queue == queue);
    if config.bindings.is_empty() {
        return Vec::new();
    }
    let unbound = config.queues().filter(|queue| !is_bound(queue));
    let note = |queue: &str| {
        format!(
            "AMQP_BINDINGS binds the queue {queue} to no exchange: it gets what is published to the default exchange with the routing \
             key {queue}, and what somebody else has bound to it"
        )
    };
    unbound.map(note).collect()
}

/// Asks for a queue, and notes if another program has declared it in another way.
fn find(
    connection: &mut BrokerConnection,
    queue: &str,
    notes: &mut Vec<String>,
) -> Result<Option<QueueDepth>, BrokerError> {
    let found = topology::find(connection, queue)?;
    if found.is_some()
        && let Some(difference) = topology::difference(connection, queue)?
    {
        notes.push(format!(
            "another program has declared the queue {queue} with properties of its own, and fanmail uses it as it \
             is: {difference}{}",
            consequence(&difference).unwrap_or_default()
        ));
    }
    Ok(found)
}

/// What an argument of a queue does to messages of fanmail, from the words of the broker that name it: `inequivalent arg 'x-message-ttl'`.
fn consequence(difference: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 7] = [
        (
            "'x-message-ttl'",
            "; messages that wait longer than this (in milliseconds) are lost or dead-lettered unseen",
        ),
        ("'x-max-length", "; when the queue is full, messages are lost, dead-lettered or refused"),
        ("'x-overflow'", "; when the queue is full, messages are refused or dead-lettered"),
        ("'x-expires'", "; the queue is deleted when no worker uses it for this time (in milliseconds)"),
        ("'x-delivery-limit'", "; a message that was delivered so often is lost or dead-lettered"),
        ("'x-consumer-timeout'", "; an ack later than this (in milliseconds) ends the connection"),
        (
            "'x-dead-letter-exchange'",
            "; what the broker itself drops goes to that exchange, and not to fanmail's dead letters",
        ),
    ];
    KNOWN.into_iter().find(|(argument, _)| difference.contains(argument)).map(|(_, consequence)| consequence)
}

/// Tries whether the user may read a queue, and whether it is a stream, without becoming a consumer: RabbitMQ looks at
/// the permission first, then refuses a priority that is no number. LavinMQ might take it, so it is not asked.
fn try_reading(connection: &mut BrokerConnection, queue: &str) -> Result<(), BrokerError> {
    if !connection.product.starts_with("RabbitMQ") {
        return Ok(());
    }
    let channel = connection.open_channel()?;
    let arguments = FieldTable::from([("x-priority".to_owned(), AmqpValue::LongString("none".to_owned()))]);
    let options = ConsumerOptions { arguments, ..ConsumerOptions::default() };
    let tried = channel.basic_consume(queue, options).map(drop);
    match tried.map_err(|error| BrokerError::of_queue(error, queue, connection.queue_variable)) {
        Ok(()) | Err(BrokerError::Closed { code: 406, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Tries whether the user may publish, as dead letters want it: a message to a queue that does not exist comes back. On a
/// connection of its own, which a memory alarm may block.
fn try_publishing(config: &BrokerConfig) -> Result<(), BrokerError> {
    let nowhere = format!("fanmail-check-{}", Uuid::now_v7());
    let publisher = Publisher::open_unchecked(BrokerConnection::open(config)?, &nowhere)?;
    let sent = publisher.send(b"", AmqpProperties::default());
    let answer = sent.and_then(|()| publisher.wait(CONFIRM_TIMEOUT, &never()));
    let closed = publisher.close();
    match answer {
        Ok(()) | Err(BrokerError::Returned { .. }) => Ok(()),
        Err(BrokerError::NotPublishable { message, .. }) => {
            Err(BrokerError::NotPublishable { queue: dead_letter_queue(&config.queue), message })
        }
        Err(error) => Err(error.explained_by(closed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_loses_messages_is_explained() {
        let words = "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the \
                     value '60000' of type 'signedint'";
        assert!(consequence(words).unwrap().contains("lost or dead-lettered unseen"));
        assert_eq!(consequence("inequivalent arg 'x-queue-type' for queue 'q'"), None);
    }

    #[test]
    fn policies_are_listed_with_the_command_of_the_broker() {
        assert!(
            policies("RabbitMQ 4.0.5", "/")
                .ends_with("rabbitmqctl list_policies -p /, and list_operator_policies")
        );
        assert!(policies("LavinMQ 2.1.0", "a").ends_with("lavinmqctl list_policies --vhost a"));
    }
}

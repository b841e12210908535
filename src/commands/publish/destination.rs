//! Where `publish` sends to: the queue, an exchange, or the outbox.

use std::fmt;

use crate::broker::publisher::Target;
use crate::commands::publish::arguments::PublishArgs;
use crate::config::Config;
use crate::config::broker::bindings::Binding;
use crate::routes::pattern::Pattern;

/// Where a message goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// To the broker.
    Broker(Target),
    /// Into the table `outbox`, with this routing key.
    Outbox(Option<String>),
}

impl Destination {
    /// Where the arguments point to.
    ///
    /// # Errors
    /// In one sentence, why that is nowhere.
    pub(super) fn new(args: &PublishArgs, config: &Config) -> Result<Self, String> {
        let routing_key = args.routing_key.clone();
        if routing_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > 255) {
            return Err("--routing-key: expected 1 to 255 bytes".to_owned());
        }
        if args.outbox {
            return Ok(Self::Outbox(routing_key));
        }
        let Some(routing_key) = routing_key else {
            return Ok(Self::Broker(Target::Queue(config.broker.queue.clone())));
        };
        let exchange = match &args.exchange {
            Some(exchange) => exchange.clone(),
            None => find_exchange(&routing_key, &config.broker.bindings)?,
        };
        Ok(Self::Broker(Target::Exchange { exchange, routing_key }))
    }
}

/// The only exchange that the bindings tell for this routing key.
fn find_exchange(routing_key: &str, bindings: &[Binding]) -> Result<String, String> {
    let takes = bindings.iter().filter(|binding| Pattern::of_binding(binding).matches(routing_key));
    let mut exchanges: Vec<&str> = takes.map(|binding| binding.exchange.as_str()).collect();
    exchanges.sort_unstable();
    exchanges.dedup();
    match exchanges[..] {
        [one] => Ok(one.to_owned()),
        [] if bindings.is_empty() => {
            Err("--routing-key needs an exchange: set AMQP_BINDINGS, or name one with --exchange".to_owned())
        }
        [] => {
            let all: Vec<String> = bindings.iter().map(Binding::to_string).collect();
            let all = all.join(", ");
            Err(format!(
                "--routing-key: nothing in AMQP_BINDINGS takes {routing_key:?} ({all}); correct it, or name an exchange with --exchange"
            ))
        }
        _ => Err(format!(
            "--routing-key: several exchanges of AMQP_BINDINGS take {routing_key:?} ({}); name one of them with --exchange",
            exchanges.join(", ")
        )),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(Target::Queue(queue)) => write!(out, "the queue {queue}"),
            Self::Broker(Target::Exchange { exchange, routing_key }) => {
                write!(out, "the exchange {exchange} with the routing key {routing_key}")
            }
            Self::Outbox(None) => out.write_str("the outbox"),
            Self::Outbox(Some(key)) => write!(out, "the outbox, with the routing key {key},"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings(list: &str) -> Vec<Binding> {
        let lookup = |name: &str| (name == "AMQP_BINDINGS").then(|| list.to_owned());
        Config::from_lookup(&lookup).unwrap().broker.bindings
    }

    #[test]
    fn the_exchange_is_the_one_whose_binding_takes_the_key() {
        let known = bindings("events.topic:student.*,notifications.direct(direct):email,logs(fanout)");
        let two = &known[..2];
        assert_eq!(find_exchange("student.created", two), Ok("events.topic".to_owned()));
        assert_eq!(find_exchange("email", two), Ok("notifications.direct".to_owned()));
        let told = find_exchange("email", &known).unwrap_err();
        assert!(
            told.contains("several exchanges of AMQP_BINDINGS take \"email\" (logs, notifications.direct)"),
            "{told}"
        );
        let told = find_exchange("course.created", two).unwrap_err();
        assert!(
            told.contains("nothing in AMQP_BINDINGS takes \"course.created\" (events.topic:student.*, "),
            "{told}"
        );
        let told = find_exchange("a", &[]).unwrap_err();
        assert!(told.contains("set AMQP_BINDINGS, or name one with --exchange"), "{told}");
        let same = bindings("events.topic:student.*,events.topic:#");
        assert_eq!(find_exchange("student.created", &same), Ok("events.topic".to_owned()), "by two bindings");
    }
}

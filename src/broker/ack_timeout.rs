//! The delivery acknowledgement timeout: how a broker reports that an ack is late, and how to raise the limit on each
//! broker. A fan-out survives the timeout; reconnecting is left to `reconnect`.
//!
//! RabbitMQ: 30 minutes since 3.8.17; a policy can raise it for one queue since 3.12; since 4.3 it exists for
//! quorum queues only (its consumers guide and release notes). LavinMQ: none by default, no policy for it up to
//! 2.9 (its documentation and source).

use crate::broker::product;
use crate::config::broker::BrokerConfig;
use crate::text::shell::quoted;

/// The limit that the advice recommends: four hours, in milliseconds.
const RAISED: &str = "14400000";

/// Whether this text, with code 406, reports the timeout. RabbitMQ: "delivery acknowledgement on channel 1
/// timed out"; LavinMQ: "consumer timeout".
pub(super) fn is_ack_timeout(message: &str) -> bool {
    message.contains("delivery acknowledgement") || message.contains("consumer timeout")
}

/// What the broker `product` (such as `RabbitMQ 3.10.8`) does about a long fan-out, and how to raise its limit for the
/// configured queue.
#[must_use]
pub fn advice(product: &str, config: &BrokerConfig) -> String {
    match product::name_and_version(product) {
        ("RabbitMQ", version) => {
            let queues = if version >= Some((4, 3)) { "Of quorum queues only, " } else { "" };
            let limit = format!(
                "{queues}{product} takes a message back when its fan-out lasts longer than consumer_timeout, 30 \
                 minutes unless changed. The only effect is a reconnect; to raise the limit to 4 hours"
            );
            if version >= Some((3, 12)) {
                format!(
                    "{limit}: {} (only one policy applies to a queue: if the queue has one, add the key to that \
                     policy)",
                    policy_command(config)
                )
            } else {
                format!(
                    "{limit}, write consumer_timeout = {RAISED} into rabbitmq.conf and restart the broker"
                )
            }
        }
        ("LavinMQ", _) => format!(
            "{product} has no limit for the length of a fan-out, unless consumer_timeout is set in lavinmq.ini: in that \
             case raise it there, to 4 hours with consumer_timeout = {RAISED}"
        ),
        _ => format!(
            "{product} may take a message back when its fan-out lasts long. The only effect is a reconnect; to avoid it, \
             raise the broker's delivery acknowledgement timeout (consumer_timeout)"
        ),
    }
}

/// The shell command that sets the timeout for the configured queues, on RabbitMQ 3.12 or newer.
fn policy_command(config: &BrokerConfig) -> String {
    let vhost = match config.vhost.as_str() {
        "/" => String::new(),
        other => format!("-p {} ", quoted(other)),
    };
    let names: Vec<String> = config.queues().map(escaped).collect();
    let pattern = match &names[..] {
        [one] => quoted(&format!("^{one}$")),
        several => quoted(&format!("^({})$", several.join("|"))),
    };
    format!(
        "rabbitmqctl set_policy {vhost}fanmail {pattern} '{{\"consumer-timeout\":{RAISED}}}' --apply-to queues"
    )
}

/// A regular expression that matches exactly this name.
fn escaped(name: &str) -> String {
    name.chars()
        .flat_map(|c| {
            let special = r"\.^$|?*+()[]{}".contains(c);
            special.then_some('\\').into_iter().chain([c])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn config(vhost: &str, queue: &str) -> BrokerConfig {
        let lookup = |name: &str| match name {
            "LAVINMQ_VHOST" => Some(vhost.to_owned()),
            "LAVINMQ_QUEUE" => Some(queue.to_owned()),
            _ => None,
        };
        Config::from_lookup(&lookup).unwrap().broker
    }

    #[test]
    fn each_broker_gets_advice_for_its_version() {
        let usual = config("/", "event_notifications");
        let command = "rabbitmqctl set_policy fanmail '^event_notifications$' \
                       '{\"consumer-timeout\":14400000}' --apply-to queues";
        for old in ["RabbitMQ 3.10.8", "RabbitMQ 3.9.13", "RabbitMQ", "RabbitMQ unknown"] {
            let text = advice(old, &usual);
            assert!(text.contains("rabbitmq.conf") && !text.contains("set_policy"), "{text}");
        }
        for new in ["RabbitMQ 3.12.0", "RabbitMQ 3.13.7", "RabbitMQ 4.0.5", "RabbitMQ 4.2.0-rc.1"] {
            let text = advice(new, &usual);
            assert!(text.contains(command) && !text.contains("quorum"), "{text}");
        }
        let text = advice("RabbitMQ 4.3.0+7", &usual);
        assert!(text.contains(command) && text.contains("quorum"), "{text}");
        let text = advice("LavinMQ 2.1.0", &usual);
        assert!(text.contains("lavinmq.ini") && !text.contains("policy"), "{text}");
        assert!(advice("a broker", &usual).starts_with("a broker may"));
    }

    #[test]
    fn the_command_escapes_for_regular_expressions_and_the_shell() {
        assert_eq!(
            policy_command(&config("it's", "mail.out+1")),
            "rabbitmqctl set_policy -p 'it'\\''s' fanmail '^mail\\.out\\+1$' \
             '{\"consumer-timeout\":14400000}' --apply-to queues"
        );
        assert!(policy_command(&config("/", "a.b,c")).contains(" '^(a\\.b|c)$' "));
    }

    #[test]
    fn the_texts_of_both_brokers_are_recognised() {
        assert!(is_ack_timeout(
            "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 5000 ms."
        ));
        assert!(is_ack_timeout("PRECONDITION_FAILED - consumer timeout"));
        assert!(!is_ack_timeout("PRECONDITION_FAILED - unknown delivery tag 7"));
    }
}

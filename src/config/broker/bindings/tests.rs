//! How `AMQP_BINDINGS` is read.

use super::*;

fn queues() -> Vec<String> {
    vec!["mails".to_owned(), "mails.urgent".to_owned()]
}

/// Exchange, type, key and queue of each binding.
fn read(list: &str) -> Vec<(String, Option<&'static str>, String, String)> {
    let bindings = parse(list, &queues()).unwrap();
    let parts = |binding: Binding| {
        (binding.exchange, binding.exchange_type.map(ExchangeType::as_str), binding.key, binding.queue)
    };
    bindings.into_iter().map(parts).collect()
}

#[track_caller]
fn one(entry: &str, exchange: &str, exchange_type: Option<&'static str>, key: &str, queue: &str) {
    let expected = (exchange.to_owned(), exchange_type, key.to_owned(), queue.to_owned());
    assert_eq!(read(entry), [expected], "{entry}");
}

#[test]
fn an_entry_is_an_exchange_a_key_and_a_queue() {
    one("events.topic:student.*", "events.topic", None, "student.*", "mails");
    one(" events.topic : student.# -> mails.urgent ", "events.topic", None, "student.#", "mails.urgent");
    one("notifications.direct(direct):email", "notifications.direct", Some("direct"), "email", "mails");
    one("all (fanout)", "all", Some("fanout"), "", "mails");
    one("all(fanout):->mails.urgent", "all", Some("fanout"), "", "mails.urgent");
    one("amq.topic:urn:x", "amq.topic", None, "urn:x", "mails");
    assert_eq!(read("e:a,e:b, f:a").len(), 3);
}

#[test]
fn an_entry_is_written_as_it_was_read() {
    for entry in ["events.topic:student.*", "direct(direct):email", "all(fanout)"] {
        let binding = &parse(entry, &queues()).unwrap()[0];
        assert_eq!(binding.to_string(), entry);
    }
}

#[test]
fn a_pattern_wants_a_topic_exchange_and_a_key_does_not_tell() {
    let wanted = |entry: &str| parse(entry, &queues()).unwrap()[0].wanted_type();
    for pattern in ["e:*", "e:#", "e:a.*", "e:#.a"] {
        assert_eq!(wanted(pattern), Some(ExchangeType::Topic), "{pattern}");
    }
    assert_eq!(wanted("e:student.created"), None);
    assert_eq!(wanted("e(direct):email"), Some(ExchangeType::Direct));
}

#[test]
fn what_is_wrong_is_told_with_the_entry() {
    let long = "x".repeat(256);
    for (list, told) in [
        ("e:a,,f:b", "has an empty entry"),
        ("e:a,", "has an empty entry"),
        ("events", "\"events\": it has no routing key; expected events:key, or events(fanout)"),
        ("events:", "it has no routing key"),
        (":a", "it names no exchange; every queue gets what is published to the default exchange"),
        ("amq.default:a", "it names no exchange"),
        ("e:a->other", "\"other\" is no queue that is consumed; expected mails or mails.urgent"),
        ("e:a->", "\"\" is no queue"),
        ("e(headers):a", "\"headers\" is no type of exchange that fanmail binds to"),
        ("e(fanout):a", "a fanout exchange ignores routing keys"),
        (
            "e(direct):a.*",
            "a direct exchange compares routing keys as they are, so a.* would match no message",
        ),
        ("e:student*", "\"student*\" is neither"),
        ("e:a,e:a", "binds the queue \"mails\" to e:a twice; remove one"),
        ("e:a, e(topic):a", "twice"),
        ("e:a\u{7}", "the routing key has a control character"),
        (&format!("e:{long}"), "the routing key has 256 bytes, and AMQP allows at most 255"),
        (&format!("{long}:a"), "the name of the exchange has 256 bytes"),
    ] {
        let problem = parse(list, &queues()).unwrap_err();
        assert!(problem.contains(told), "{list}: {problem}");
    }
}

//! A message that the broker itself has moved into the queue of dead letters, because a policy or an argument of the queue says so: why,
//! and where it came from, by the header `x-death` (RabbitMQ and LavinMQ write the same one).

use amiquip::{AmqpProperties, AmqpValue, FieldTable};
use chrono::{DateTime, Utc};

use crate::broker::dead_letters::properties::{REASON, text_of};

/// The header with all moves, the newest first.
const MOVES: &str = "x-death";

/// What other headers about them begin with.
const FIRST_AND_LAST: [&str; 2] = ["x-first-death-", "x-last-death-"];

/// The newest move of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BrokerMove {
    /// The broker's word, such as `expired`.
    why: String,
    /// The queue that it was in.
    pub(super) queue: String,
    /// To which exchange it was published; empty: the default exchange.
    pub(super) exchange: String,
    /// With which routing key.
    pub(super) routing_key: String,
    /// When it was moved.
    pub(super) at: Option<DateTime<Utc>>,
}

impl BrokerMove {
    /// A sentence for people.
    pub(super) fn reason(&self) -> String {
        let why = match self.why.as_str() {
            "expired" => "it has expired",
            "maxlen" => "the queue is full",
            "rejected" => "a consumer has rejected it",
            "delivery_limit" => "it was delivered too often",
            other => other,
        };
        format!("the broker moved it here from the queue {:?}: {why}", self.queue)
    }
}

/// The move by which a message came that no worker has moved.
pub(super) fn of(properties: &AmqpProperties) -> Option<BrokerMove> {
    if text_of(properties, REASON).is_some() {
        return None;
    }
    let AmqpValue::FieldArray(moves) = properties.headers().as_ref()?.get(MOVES)? else { return None };
    let AmqpValue::FieldTable(newest) = moves.first()? else { return None };
    let routing_key = match newest.get("routing-keys") {
        Some(AmqpValue::FieldArray(keys)) => keys.first().and_then(as_text),
        _ => None,
    };
    Some(BrokerMove {
        why: field(newest, "reason")?,
        queue: field(newest, "queue")?,
        exchange: field(newest, "exchange").unwrap_or_default(),
        routing_key: routing_key.unwrap_or_default(),
        at: match newest.get("time") {
            Some(AmqpValue::Timestamp(seconds)) => {
                i64::try_from(*seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            }
            _ => None,
        },
    })
}

/// Whether a header of this name is about moves.
pub(super) fn is_header(name: &str) -> bool {
    name == MOVES || FIRST_AND_LAST.iter().any(|beginning| name.starts_with(beginning))
}

fn field(table: &FieldTable, name: &str) -> Option<String> {
    as_text(table.get(name)?)
}

fn as_text(value: &AmqpValue) -> Option<String> {
    match value {
        AmqpValue::LongString(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn text(text: &str) -> AmqpValue {
        AmqpValue::LongString(text.to_owned())
    }

    /// The properties of a message that has expired in the queue `events`.
    pub(in crate::broker::dead_letters) fn expired() -> AmqpProperties {
        let table = |pairs: Vec<(&str, AmqpValue)>| -> FieldTable {
            pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let newest = table(vec![
            ("count", AmqpValue::LongLongInt(1)),
            ("reason", text("expired")),
            ("queue", text("events")),
            ("exchange", text("school")),
            ("routing-keys", AmqpValue::FieldArray(vec![text("student.created"), text("copy")])),
            ("time", AmqpValue::Timestamp(1_767_355_200)),
        ]);
        AmqpProperties::default().with_headers(table(vec![
            ("tenant", text("blue")),
            ("x-death", AmqpValue::FieldArray(vec![AmqpValue::FieldTable(newest)])),
            ("x-first-death-queue", text("events")),
            ("x-last-death-reason", text("expired")),
        ]))
    }

    #[test]
    fn the_newest_move_says_where_the_message_came_from() {
        let moved = of(&expired()).unwrap();
        assert_eq!(moved.reason(), "the broker moved it here from the queue \"events\": it has expired");
        assert_eq!((moved.exchange.as_str(), moved.routing_key.as_str()), ("school", "student.created"));
        assert_eq!(moved.at, DateTime::from_timestamp(1_767_355_200, 0));
    }

    #[test]
    fn a_dead_letter_of_a_worker_and_a_message_without_the_header_are_no_moves() {
        let mut headers = expired().headers().clone().unwrap();
        headers.insert(REASON.to_owned(), text("why"));
        assert_eq!(of(&AmqpProperties::default().with_headers(headers)), None);
        assert_eq!(of(&AmqpProperties::default()), None);
        let odd = [(MOVES.to_owned(), AmqpValue::FieldArray(vec![text("odd")]))];
        assert_eq!(of(&AmqpProperties::default().with_headers(odd.into_iter().collect())), None);
    }
}

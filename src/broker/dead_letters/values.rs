//! The properties and headers of a message as JSON, for people and programs who look at a dead letter.

use amiquip::{AmqpProperties, AmqpValue, FieldTable};
use serde_json::{Map, Value, json};

/// The properties that are set, by their names in AMQP 0-9-1, without the headers.
pub(super) fn properties(properties: &AmqpProperties) -> Map<String, Value> {
    let mut set = Map::new();
    macro_rules! insert {
        ($($name:literal => $property:ident),+ $(,)?) => {
            $(if let Some(value) = properties.$property() { set.insert($name.to_owned(), json!(value)); })+
        };
    }
    insert!(
        "message_id" => message_id,
        "content_type" => content_type,
        "content_encoding" => content_encoding,
        "delivery_mode" => delivery_mode,
        "priority" => priority,
        "correlation_id" => correlation_id,
        "reply_to" => reply_to,
        "expiration" => expiration,
        "timestamp" => timestamp,
        "type" => type_,
        "user_id" => user_id,
        "app_id" => app_id,
        "cluster_id" => cluster_id,
    );
    set
}

/// The headers by their names.
pub(super) fn headers(properties: &AmqpProperties) -> Map<String, Value> {
    properties.headers().as_ref().map(table).unwrap_or_default()
}

fn table(table: &FieldTable) -> Map<String, Value> {
    table.iter().map(|(name, value)| (name.clone(), json_of(value))).collect()
}

fn json_of(value: &AmqpValue) -> Value {
    match value {
        AmqpValue::Boolean(value) => json!(value),
        AmqpValue::ShortShortInt(value) => json!(value),
        AmqpValue::ShortShortUInt(value) => json!(value),
        AmqpValue::ShortInt(value) => json!(value),
        AmqpValue::ShortUInt(value) => json!(value),
        AmqpValue::LongInt(value) => json!(value),
        AmqpValue::LongUInt(value) => json!(value),
        AmqpValue::LongLongInt(value) => json!(value),
        AmqpValue::Float(value) => json!(value),
        AmqpValue::Double(value) => json!(value),
        AmqpValue::Timestamp(value) => json!(value),
        AmqpValue::LongString(value) => json!(value),
        AmqpValue::DecimalValue(value) => json!(format!("{value:?}")),
        AmqpValue::FieldArray(values) => values.iter().map(json_of).collect(),
        AmqpValue::FieldTable(values) => Value::Object(table(values)),
        AmqpValue::ByteArray(bytes) => json!(String::from_utf8_lossy(bytes)),
        AmqpValue::Void => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::broker_move::tests::expired;

    #[test]
    fn only_what_is_set_is_shown() {
        let message = expired().with_message_id("m-1".to_owned()).with_priority(7);
        assert_eq!(Value::Object(properties(&message)), json!({"message_id": "m-1", "priority": 7}));
        let headers = headers(&message);
        assert_eq!((&headers["tenant"], &headers["x-death"][0]["queue"]), (&json!("blue"), &json!("events")));
        assert_eq!(Value::Object(super::headers(&AmqpProperties::default())), json!({}));
    }
}

//! The facts of a log line: a name and a value beside the sentence, for log collectors. docs/logs.md explains each name. How they
//! are written is left to `logging`.

use std::time::Duration;

use log::kv::{ToValue, Value};

use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::traceparent::TraceParent;

/// A line about a notification: the fields `notification`, `event` and `kind`, and further ones as `log::log!` takes them.
macro_rules! log_about {
    ($level:expr, $notification:expr; $($text:tt)+) => {
        log::log!(
            $level,
            notification = $notification.id,
            event = $notification.event_id,
            kind = $notification.kind;
            $($text)+
        )
    };
    ($level:expr, $notification:expr, $($name:ident = $value:expr),+; $($text:tt)+) => {
        log::log!(
            $level,
            notification = $notification.id,
            event = $notification.event_id,
            kind = $notification.kind,
            $($name = $value),+;
            $($text)+
        )
    };
}
pub(super) use log_about;

/// A time span as a field: seconds, to a tenth.
pub(super) fn seconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 10.0).round() / 10.0
}

impl ToValue for NotificationId {
    fn to_value(&self) -> Value<'_> {
        Value::from(self.0)
    }
}

impl ToValue for ParticipantId {
    fn to_value(&self) -> Value<'_> {
        Value::from(self.0)
    }
}

/// As the field `traceparent`, of which a line gets `trace_id` and `span_id`.
impl ToValue for TraceParent {
    fn to_value(&self) -> Value<'_> {
        Value::from_display(self)
    }
}

/// A key that is a number is a number.
impl ToValue for EventId {
    fn to_value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

impl ToValue for Kind {
    fn to_value(&self) -> Value<'_> {
        Value::from(self.as_str())
    }
}

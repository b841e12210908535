//! The facts of a log line as JSON. Which lines have which is left to `observe/events`, where they stand in the line to `line`.

use log::Record;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use serde_json::Value as Json;

use crate::domain::ids::NotificationId;
use crate::domain::traceparent::TraceParent;
use crate::observe::traceparents;
use crate::text::mask::mask;

/// The facts of a line.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// In the order in which they were given. Texts are masked as the message is; what is not known is left out.
    pub values: Vec<(String, Json)>,
    /// The trace of the message that the line is about: the field `traceparent`, or that of the notification.
    pub traceparent: Option<TraceParent>,
}

impl Fields {
    pub fn of(record: &Record<'_>) -> Self {
        let mut fields = Self::default();
        // A fact that cannot be read is left out: the message has the same.
        match record.key_values().visit(&mut fields) {
            Ok(()) | Err(_) => fields,
        }
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut json = JsonValue(Json::Null);
        value.visit(&mut json)?;
        match (key.as_str(), json.0) {
            (_, Json::Null) => {}
            ("traceparent", Json::String(text)) => self.traceparent = TraceParent::parse(&text),
            (name, value) => {
                if let ("notification", Some(id)) = (name, value.as_i64()) {
                    self.traceparent = self.traceparent.or_else(|| traceparents::of(NotificationId(id)));
                }
                self.values.push((name.to_owned(), value));
            }
        }
        Ok(())
    }
}

/// One value.
struct JsonValue(Json);

impl VisitValue<'_> for JsonValue {
    fn visit_any(&mut self, value: Value) -> Result<(), Error> {
        self.visit_str(&value.to_string())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.0 = mask(value).into();
        Ok(())
    }
}

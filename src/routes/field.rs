//! Where a message says something: a path such as `payload.email`.

use std::fmt;

use serde_json::{Map, Value};

/// The first words of paths.
pub(super) const ROOTS: [&str; 2] = ["payload", "meta"];

/// A field of the payload or of what is known about the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldPath {
    text: String,
}

/// What a route reads of a message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    /// What has happened, in the publisher's own fields.
    pub payload: Map<String, Value>,
    /// What is known about the message: the rest of its envelope, and its routing key.
    pub meta: Map<String, Value>,
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (root, rest) = text.split_once('.').unwrap_or((text, ""));
        let is_name = |name: &str| {
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "{}[]\"'".contains(c))
        };
        if ROOTS.contains(&root) && rest.split('.').all(is_name) {
            Ok(Self { text: text.to_owned() })
        } else {
            Err(format!(
                "is {text:?}; expected a field of the message such as \"payload.email\" or \"meta.user_id\""
            ))
        }
    }

    /// The value of the field; `None` when there is none, or it is null.
    pub fn find<'a>(&self, said: &'a Said) -> Option<&'a Value> {
        let mut names = self.text.split('.');
        let mut fields = match names.next() {
            Some("payload") => &said.payload,
            _ => &said.meta,
        };
        let mut found = None;
        for name in names {
            if let Some(value) = found {
                fields = Value::as_object(value)?;
            }
            found = Some(fields.get(name)?);
        }
        found.filter(|value| !value.is_null())
    }
}

/// As it is written.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_found_at_any_depth() {
        let payload = json!({"email": "a", "user": {"ids": [7]}, "none": null}).as_object().unwrap().clone();
        let meta = json!({"tenant": "t"}).as_object().unwrap().clone();
        let said = Said { payload, meta };
        for (path, expected) in [
            ("payload.email", Some(json!("a"))),
            ("payload.user.ids", Some(json!([7]))),
            ("payload.user", Some(json!({"ids": [7]}))),
            ("payload.email.x", None),
            ("payload.none", None),
            ("payload.other.x", None),
            ("meta.tenant", Some(json!("t"))),
        ] {
            assert_eq!(FieldPath::parse(path).unwrap().find(&said), expected.as_ref(), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in
            ["", "email", "payload", "payload.", "payload..x", "{{ payload.email }}", "payload.ids[0]"]
        {
            let error = FieldPath::parse(text).unwrap_err();
            assert!(error.contains("expected a field of the message such as \"payload.email\""), "{error}");
        }
    }
}

//! Someone to whom a message is addressed that names its recipients: by the application's user id, or by the address.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use crate::domain::message::details::DetailsJson;
use crate::domain::message::fields::optional_text;
use crate::domain::message::malformed::{MAX_RECIPIENTS, Malformed, json_type};

/// Longest user id, in characters: as long as the ledger keeps.
const USER_ID_MAX: usize = 255;

/// Longest address, name and locale that the ledger keeps, in characters. No mail could be sent to a longer address.
const TEXT_MAX: usize = 1000;

/// Someone to whom a message is addressed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct GivenRecipient {
    /// The application's user id. Name, locale and address come from its table of users then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_key: Option<String>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// How to address them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// BCP 47 tag of their language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// What the message says to them alone, if it does not say the same to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<DetailsJson>,
}

impl GivenRecipient {
    /// The user with this id. `field` is the name of its field.
    ///
    /// # Errors
    /// When the value is no id.
    pub fn user(field: &'static str, value: &Value) -> Result<Self, Malformed> {
        let key = match value {
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            Value::String(text) if !text.trim().is_empty() => text.clone(),
            other => return Err(Malformed::WrongType(field, "a whole number or a text", json_type(other))),
        };
        if key.contains('\0') {
            return Err(Malformed::WrongType(field, "without NUL", "a text with one"));
        }
        match key.chars().count() {
            ..=USER_ID_MAX => Ok(Self { user_key: Some(key), ..Self::default() }),
            length => Err(Malformed::TooManyCharacters(field, length, USER_ID_MAX)),
        }
    }

    /// Someone with an address. One without is skipped when the mails are sent, and the others get theirs.
    ///
    /// # Errors
    /// When the value names no person.
    pub fn person(value: &Value) -> Result<Self, Malformed> {
        let person = match value {
            Value::Object(person) => person,
            Value::String(email) => return Ok(Self { email: Some(kept(email)), ..Self::default() }),
            other => return Err(Malformed::WrongType("recipients", "a list of objects", json_type(other))),
        };
        let text = |field: &'static str, name: &str| {
            optional_text(field, person.get(name)).map(|text| text.as_deref().map(kept))
        };
        Ok(Self {
            email: text("recipients.email", "email")?,
            name: text("recipients.name", "name")?,
            locale: text("recipients.locale", "locale")?,
            ..Self::default()
        })
    }
}

/// # Errors
/// When these are more than a message may have.
pub(super) fn check_number(recipients: usize) -> Result<(), Malformed> {
    if recipients > MAX_RECIPIENTS { Err(Malformed::TooManyRecipients(recipients)) } else { Ok(()) }
}

/// Each of them once, in their order.
///
/// # Errors
/// When they are more than a message may have.
pub fn each_once(mut all: Vec<GivenRecipient>) -> Result<Vec<GivenRecipient>, Malformed> {
    check_number(all.len())?;
    let mut seen = HashSet::new();
    all.retain(|one| seen.insert(one.clone()));
    Ok(all)
}

/// As the ledger keeps it: a `PostgreSQL` database cannot hold a NUL.
#[must_use]
pub fn kept(text: &str) -> String {
    let without_nul = |c| if c == '\0' { char::REPLACEMENT_CHARACTER } else { c };
    text.trim().chars().map(without_nul).take(TEXT_MAX).collect()
}

//! Someone to whom a message is addressed that names its recipients: by the application's user id, or by the address.

use serde::Serialize;

use crate::domain::message::details::DetailsJson;

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

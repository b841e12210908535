//! The arguments of texts that every mail can fill: facts about the event, the reason, and the sender.

use tera::Value;

use crate::content::view::line;
use crate::content::view::sender::Sender;
use crate::domain::message::details::MessageDetails;

/// Their names.
pub(crate) const ARGUMENTS: [&str; 11] = [
    "title",
    "date",
    "short_date",
    "time",
    "when",
    "short_when",
    "location",
    "reason",
    "brand",
    "contact",
    "changes",
];

/// Their values.
pub(crate) type Arguments = [(&'static str, String); ARGUMENTS.len()];

/// From the value of `event`, what the message carries, the sender, and what has changed in words. Those without a value are empty.
pub(crate) fn arguments(
    event: &Value,
    details: &MessageDetails,
    sender: &Sender,
    changes: &str,
) -> Arguments {
    let of_event = |name: &'static str| event.as_map().and_then(|fields| fields.get(&name.into()));
    ARGUMENTS.map(|name| match name {
        "reason" => (name, line(details.reason.as_deref().unwrap_or_default())),
        "brand" => (name, sender.brand.clone()),
        "changes" => (name, changes.to_owned()),
        "contact" => (name, sender.contact.clone()),
        _ => (name, of_event(name).and_then(Value::as_str).unwrap_or_default().to_owned()),
    })
}

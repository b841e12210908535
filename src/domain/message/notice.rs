//! The form of a message body that is about no event: a text for some people. `{"recipient_user_id":7,"message":"…"}`, with
//! `recipient_user_ids` or `recipients` for several of them, and an array of such objects as a batch.

use serde_json::{Map, Value};

use crate::domain::message::details::{MessageDetails, Notice};
use crate::domain::message::fields::{metadata, optional_text};
use crate::domain::message::malformed::{Malformed, json_type};
use crate::domain::message::recipient::{GivenRecipient, check_number, each_once};
use crate::domain::priority::Priority;
use crate::text::clean::cut;

/// The fields that name recipients.
const RECIPIENTS: [&str; 3] = ["recipient_user_id", "recipient_user_ids", "recipients"];

/// How much of a word that is none of `priority` an error shows, in characters.
const WORD_SHOWN: usize = 40;

/// Whether the fields are those of a notice. A bare message may have fields of these names of its own.
pub(super) fn is_notice(fields: &Map<String, Value>) -> bool {
    let is_about_event = fields.contains_key("event_id") || fields.contains_key("event");
    !is_about_event && RECIPIENTS.iter().any(|field| fields.contains_key(*field))
}

/// The recipients, each once, and what the notice says.
///
/// # Errors
/// When a field is missing, or its value is none that the form allows.
pub(super) fn read(fields: &Map<String, Value>) -> Result<(Vec<GivenRecipient>, MessageDetails), Malformed> {
    let details = read_text(fields)?;
    let recipients = recipients(fields)?;
    if recipients.is_empty() {
        return Err(Malformed::NoRecipients);
    }
    Ok((recipients, details))
}

/// What the notice says.
///
/// # Errors
/// When a field is missing, or its value is none that the form allows.
pub(super) fn read_text(fields: &Map<String, Value>) -> Result<MessageDetails, Malformed> {
    let message = optional_text("message", fields.get("message"))?.ok_or(Malformed::Missing("message"))?;
    let notice = Notice {
        message,
        title: optional_text("title", fields.get("title"))?,
        url: optional_text("url", fields.get("url"))?,
        notification_type: optional_text("notification_type", fields.get("notification_type"))?,
        priority: priority(fields.get("priority"))?,
    };
    let metadata = metadata(fields.get("metadata"))?;
    Ok(MessageDetails { metadata, notice: Some(notice), ..MessageDetails::default() })
}

/// A batch: each recipient of each notice, with what that one says. It is as urgent as the most urgent of them: they are one
/// notification.
///
/// # Errors
/// When one of them is no notice, with its place in the array.
pub(super) fn read_batch(notices: &[Value]) -> Result<(Vec<GivenRecipient>, Option<Priority>), Malformed> {
    let mut all = Vec::with_capacity(notices.len());
    let mut priorities = Vec::with_capacity(notices.len());
    for (index, notice) in notices.iter().enumerate() {
        let in_batch = |reason| Malformed::InBatch(index, Box::new(reason));
        let Value::Object(fields) = notice else {
            return Err(in_batch(Malformed::NoObject(json_type(notice))));
        };
        if !is_notice(fields) {
            return Err(in_batch(Malformed::NoNotice));
        }
        let (recipients, details) = read(fields).map_err(in_batch)?;
        priorities.push(details.priority());
        let details = details.to_json();
        all.extend(recipients.into_iter().map(|one| GivenRecipient { details: details.clone(), ..one }));
        check_number(all.len())?;
    }
    if all.is_empty() {
        return Err(Malformed::NoRecipients);
    }
    let says_nothing = priorities.iter().all(Option::is_none);
    let most_urgent = priorities.into_iter().map(Option::unwrap_or_default).max();
    Ok((all, most_urgent.filter(|_| !says_nothing)))
}

fn priority(value: Option<&Value>) -> Result<Option<String>, Malformed> {
    let Some(word) = optional_text("priority", value)? else { return Ok(None) };
    match Priority::from_word(&word) {
        Some(priority) => Ok(Some(priority.as_str().to_owned())),
        None => Err(Malformed::UnknownWord("priority", cut(word, WORD_SHOWN), Priority::words())),
    }
}

fn recipients(fields: &Map<String, Value>) -> Result<Vec<GivenRecipient>, Malformed> {
    let mut all = Vec::new();
    if let Some(id) = fields.get("recipient_user_id").filter(|id| !id.is_null()) {
        all.push(GivenRecipient::user("recipient_user_id", id)?);
    }
    for id in list("recipient_user_ids", fields)? {
        all.push(GivenRecipient::user("recipient_user_ids", id)?);
    }
    for recipient in list("recipients", fields)? {
        all.push(GivenRecipient::person(recipient)?);
    }
    each_once(all)
}

fn list<'a>(field: &'static str, fields: &'a Map<String, Value>) -> Result<&'a [Value], Malformed> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(values)) => Ok(values),
        Some(other) => Err(Malformed::WrongType(field, "an array", json_type(other))),
    }
}

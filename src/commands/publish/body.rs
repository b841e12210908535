//! The body that `publish` sends: from the arguments to a message that a worker reads, or the refusal of one that would be a dead letter.

use std::fs;
use std::io;
use std::sync::Arc;

use crate::commands::publish::arguments::PublishArgs;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::kind::Kind;
use crate::domain::message::body::Body;
use crate::domain::message::details::{MessageDetails, Notice};
use crate::domain::message::malformed::MAX_RECIPIENTS;
use crate::domain::message::recipient::GivenRecipient;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::message::{Decoded, Message};
use crate::routes::Routes;
use crate::routes::decoder::{Beside, Decoder};

/// What is published.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The body.
    pub(super) body: String,
    /// What a worker reads of it; `None` if a route reads it.
    pub(super) message: Option<Message>,
}

impl Prepared {
    /// What the arguments ask for. With a routing key, these routes read it, where this machine has them.
    ///
    /// # Errors
    /// In one sentence, what is wrong with them.
    pub(super) fn new(args: &PublishArgs, routes: Option<&Arc<Routes>>) -> Result<Self, String> {
        let body = match &args.payload {
            Some(payload) => read_payload(payload)?,
            None => message(args)?.encode().map_err(|error| error.to_string())?,
        };
        let routing_key = args.routing_key.as_deref();
        let is_own = routes.is_none() && routing_key.is_some() && args.payload.is_some();
        match read(&body, routing_key, routes) {
            Ok(read) => Ok(Self { body, message: Some(read.message) }),
            // A worker may have a route for it.
            Err(_) if is_own && Body::parse(body.as_bytes()).is_ok() => Ok(Self { body, message: None }),
            Err(MessageRefusal::Ignored { routing_key }) => Err(format!(
                "the workers would ignore the message: no route is for its routing key {routing_key:?}"
            )),
            Err(MessageRefusal::DeadLetter(reason)) => Err(refusal(args, &reason)),
        }
    }

    /// The same in a few words, for people.
    pub(super) fn what(&self) -> String {
        self.message.as_ref().map_or_else(|| "a message of your own".to_owned(), Message::to_string)
    }
}

/// As a worker would. Which keys events have is checked with the database.
fn read(
    body: &str,
    routing_key: Option<&str>,
    routes: Option<&Arc<Routes>>,
) -> Result<Decoded, MessageRefusal> {
    let beside = Beside { routing_key, ..Beside::default() };
    let read_as = |keys| Decoder::new(keys, routes.cloned()).read(body.as_bytes(), &beside);
    let read = read_as(EventKeyType::Number).or_else(|why| read_as(EventKeyType::Text).map_err(|_| why));
    read.map_err(|why| why.refusal)
}

fn refusal(args: &PublishArgs, reason: &str) -> String {
    let hint = if args.payload.is_some() && args.routing_key.is_none() {
        ". A message of your own, of which a route makes a mail, needs --routing-key"
    } else {
        ""
    };
    format!("the message would be a dead letter: {reason}{hint}")
}

fn message(args: &PublishArgs) -> Result<Message, String> {
    let metadata = args.metadata.clone().unwrap_or_default();
    if let (Some(kind), Some(event)) = (args.kind, args.event) {
        let (note, reason) = (args.note.clone(), args.reason.clone());
        let details = MessageDetails { note, reason, metadata, ..MessageDetails::default() };
        let (details, priority) = (details.to_json(), args.priority);
        return Ok(Message { details, priority, ..Message::new(kind, event) });
    }
    let message = args.notice.clone().unwrap_or_default();
    if message.trim().is_empty() {
        return Err("--notice: the text is empty".to_owned());
    }
    let (title, url) = (args.title.clone(), args.url.clone());
    let notification_type = args.notification_type.clone();
    let word = args.priority.map(|priority| priority.as_str().to_owned());
    let notice = Some(Notice { message, title, url, notification_type, priority: word });
    let details = MessageDetails { metadata, notice, ..MessageDetails::default() }.to_json();
    let user = |key: &String| GivenRecipient { user_key: Some(key.clone()), ..GivenRecipient::default() };
    let people: Vec<GivenRecipient> = args.users.iter().map(user).chain(args.to.iter().cloned()).collect();
    if people.len() > MAX_RECIPIENTS {
        return Err(format!(
            "--to and --users name {} people; a notice may have {MAX_RECIPIENTS} at most, so publish several",
            people.len()
        ));
    }
    let (recipients, priority) = (Some(people.into()), args.priority);
    Ok(Message { kind: Kind::Notice, event_id: None, recipients, details, source: None, priority })
}

/// The text itself, that of a file, or that on standard input.
fn read_payload(payload: &str) -> Result<String, String> {
    let (from, read) = match (payload, payload.strip_prefix('@')) {
        ("-", _) => ("standard input", io::read_to_string(io::stdin().lock())),
        (_, Some(path)) => (path, fs::read_to_string(path)),
        (text, None) => return Ok(text.to_owned()),
    };
    read.map_err(|error| format!("--payload: cannot read {from}: {error}"))
}

#[cfg(test)]
mod tests;

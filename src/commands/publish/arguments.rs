//! The arguments of `publish`: what is published, to whom and where to. What they have to do with each other is left to clap.

use clap::{ArgGroup, Args};
use serde_json::{Map, Value};

use crate::commands::arguments::kind_parser;
use crate::content::view::{URL_MAX, web_address};
use crate::domain::address;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::recipient::GivenRecipient;
use crate::domain::priority::Priority;

const FORM: &str = "What to publish, one of three";
const WHERE: &str = "Where to";

/// Publish a notification, and wait until the broker has confirmed it
///
/// A notification of an event (--type), a notice to some people (--notice), or a message of your own of which a route makes a
/// mail (--payload with --routing-key). What is wrong with it is told before anything is published. With --dry-run, nothing is
/// published at all.
///
/// If the command fails, run it again with the same --message-id: the notification then counts once. With --outbox, it is
/// written to the table outbox of the database, and no broker is needed.
#[derive(Debug, Default, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[command(
    group(ArgGroup::new("form").required(true).args(["kind", "notice", "payload"])),
    group(ArgGroup::new("people").multiple(true).args(["to", "users"])),
)]
#[command(
    visible_alias = "send-test-message",
    after_help = "\
Examples:
  fanmail publish --type UPDATED --event 123 --message-id order-4711
  fanmail publish --type CANCELLED --event 123 --reason storm --dry-run
  fanmail publish --notice 'Your car is ready.' --users 7,8 --priority high
  fanmail publish --notice Hello --to 'Ada <ada@example.com>'
  fanmail publish --payload @student.json --routing-key student.created
  fanmail publish --payload @notices.json --outbox"
)]
pub struct PublishArgs {
    /// What happened to the event.
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = kind_parser(),
        ignore_case = true,
        hide_possible_values = true,
        requires = "event",
        help_heading = FORM,
        help = format!("A notification of an event, with --event: what happened to it, one of {}", Kind::words())
    )]
    pub kind: Option<Kind>,
    /// Its event ID
    #[arg(
        long,
        value_name = "ID",
        allow_negative_numbers = true,
        requires = "kind",
        conflicts_with_all = ["notice", "payload"],
        help_heading = FORM
    )]
    pub event: Option<EventId>,
    /// A notice, with --to or --users: a text for people that is about no event
    #[arg(long, value_name = "TEXT", requires = "people", help_heading = FORM)]
    pub notice: Option<String>,
    /// Any JSON: with --routing-key a message of your own, of which a route makes a mail; without it a message for fanmail, such as a
    /// batch of notices. - reads standard input
    #[arg(long, value_name = "JSON|@FILE|-", help_heading = FORM)]
    pub payload: Option<String>,

    /// Of a notification: a text for its people
    #[arg(long, value_name = "TEXT", requires = "kind", conflicts_with_all = ["notice", "payload"])]
    pub note: Option<String>,
    /// Of a notification: why the event changed, or does not take place
    #[arg(long, value_name = "TEXT", requires = "kind", conflicts_with_all = ["notice", "payload"])]
    pub reason: Option<String>,
    /// Of a notice: whom it is for; may be repeated
    #[arg(long, value_name = "ADDRESS", value_parser = parse_person, requires = "notice", conflicts_with_all = ["kind", "payload"])]
    pub to: Vec<GivenRecipient>,
    /// Of a notice: users of your application whom it is for, by their ids with commas between them
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = parse_user, requires = "notice", conflicts_with_all = ["kind", "payload"])]
    pub users: Vec<String>,
    /// Of a notice: its subject [default: the beginning of the text]
    #[arg(long, value_name = "TEXT", requires = "notice", conflicts_with_all = ["kind", "payload"])]
    pub title: Option<String>,
    /// Of a notice: where there is more about it on the web
    #[arg(long, value_name = "URL", value_parser = parse_url, requires = "notice", conflicts_with_all = ["kind", "payload"])]
    pub url: Option<String>,
    /// Of a notice: your own word for what it is about, for the templates
    #[arg(long, value_name = "WORD", requires = "notice", conflicts_with_all = ["kind", "payload"])]
    pub notification_type: Option<String>,
    /// Whose mails go out first.
    #[arg(
        long,
        value_name = "PRIORITY",
        value_parser = parse_priority,
        conflicts_with = "payload",
        help = format!("Whose mails go out first: one of {} [default: medium]", Priority::words())
    )]
    pub priority: Option<Priority>,
    /// Fields of your own for the templates, a JSON object
    #[arg(long, value_name = "JSON", value_parser = parse_metadata, conflicts_with = "payload")]
    pub metadata: Option<Map<String, Value>>,
    /// Identifies the notification: messages with the same id count once [default: a new UUID]
    #[arg(long, value_name = "ID")]
    pub message_id: Option<String>,

    /// Publish to an exchange with this routing key, and not to the queue
    #[arg(long, value_name = "KEY", help_heading = WHERE)]
    pub routing_key: Option<String>,
    /// The exchange [default: the one of AMQP_BINDINGS that takes the routing key]
    #[arg(long, value_name = "NAME", requires = "routing_key", conflicts_with = "outbox", help_heading = WHERE)]
    pub exchange: Option<String>,
    /// Write it to the table outbox of the database instead of publishing it; no broker is needed
    #[arg(long, help_heading = WHERE)]
    pub outbox: bool,
    /// Say how many people it would reach and through what; publish and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// An address, alone or as `Name <address>`.
fn parse_person(text: &str) -> Result<GivenRecipient, String> {
    let text = text.trim();
    let (name, email) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, email)) => (name.trim().trim_matches('"').trim(), email),
        None => ("", text),
    };
    address::parse(email).map_err(|error| {
        format!("{error}; expected ada@example.com, or with a name \"Ada <ada@example.com>\"")
    })?;
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    Ok(GivenRecipient { email: Some(email.trim().to_owned()), name, ..GivenRecipient::default() })
}

fn parse_user(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("an id is empty; expected ids with commas between them, such as 7,8".to_owned()),
        id => Ok(id.to_owned()),
    }
}

/// An address that the mails show: they leave out any other one.
fn parse_url(text: &str) -> Result<String, String> {
    match web_address(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!(
            "expected an address such as https://example.com/orders/4711, without a user name, of at most {URL_MAX} bytes"
        )),
    }
}

fn parse_priority(word: &str) -> Result<Priority, String> {
    Priority::from_word(word).ok_or_else(|| format!("expected one of {}", Priority::words()))
}

fn parse_metadata(text: &str) -> Result<Map<String, Value>, String> {
    let expected = "expected a JSON object, such as {\"order\": 4711}";
    match serde_json::from_str(text) {
        Ok(Value::Object(metadata)) => Ok(metadata),
        Ok(_) => Err(format!("it is JSON and no object; {expected}")),
        Err(error) => Err(format!("it is no JSON: {error}; {expected}")),
    }
}

#[cfg(test)]
mod tests;

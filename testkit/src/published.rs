//! A record of what a test has published: how many notifications of each kind are due for each event, and how many notices
//! for each address. It is kept while publishing and knows nothing of the ledger, so that it also counts a message that fanmail
//! takes for another one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use serde_json::Value;

use crate::sync::lock;

/// An event and a kind.
pub type EventKind = (i64, String);

/// An address, and the title of a notice.
pub type AddressTitle = (String, String);

/// The record. All threads of a test may write to it.
#[derive(Debug, Default)]
pub struct Published(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    due: BTreeMap<EventKind, usize>,
    notices: BTreeMap<AddressTitle, usize>,
    ids: HashSet<String>,
}

impl Published {
    /// Adds a message. One that fanmail cannot read is not due, and neither is a second one with the same `message_id`.
    pub fn add(&self, body: &[u8], message_id: Option<&str>) {
        let Some(due) = read(body) else { return };
        let mut state = lock(&self.0);
        // An empty id counts as none.
        let is_new = message_id.is_none_or(|id| id.is_empty() || state.ids.insert(id.to_owned()));
        match due {
            _ if !is_new => {}
            Due::Event(event_kind) => *state.due.entry(event_kind).or_default() += 1,
            Due::Notices(mails) => {
                for mail in mails {
                    *state.notices.entry(mail).or_default() += 1;
                }
            }
        }
    }

    /// How many notifications of each event and kind are due.
    pub fn due(&self) -> BTreeMap<EventKind, usize> {
        lock(&self.0).due.clone()
    }

    /// How many mails of notices are due. Only notices with a title count, and only recipients whose addresses are in them.
    pub fn notices(&self) -> BTreeMap<AddressTitle, usize> {
        lock(&self.0).notices.clone()
    }
}

/// What is due for a message.
enum Due {
    Event(EventKind),
    Notices(Vec<AddressTitle>),
}

fn read(body: &[u8]) -> Option<Due> {
    let value: Value = serde_json::from_slice(body).ok()?;
    if let Value::Array(batch) = &value {
        let notices: Option<Vec<_>> = batch.iter().map(read_notice).collect();
        return Some(Due::Notices(notices?.concat()));
    }
    read_event(&value).map(Due::Event).or_else(|| read_notice(&value).map(Due::Notices))
}

fn read_event(value: &Value) -> Option<EventKind> {
    let kind = value["type"].as_str().filter(|kind| ["CREATED", "UPDATED", "CANCELLED"].contains(kind))?;
    Some((value["event_id"].as_i64()?, kind.to_owned()))
}

fn read_notice(value: &Value) -> Option<Vec<AddressTitle>> {
    let title = value["title"].as_str()?;
    let addresses = value["recipients"].as_array()?.iter().filter_map(Value::as_str);
    Some(addresses.map(|address| (address.to_owned(), title.to_owned())).collect())
}

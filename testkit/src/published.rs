//! A record of what a test has published: how many notifications of each kind are due for each event. It is kept while
//! publishing and knows nothing of the ledger, so that it also counts a message that fanmail takes for another one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use serde_json::Value;

use crate::sync::lock;

/// An event and a kind.
pub type EventKind = (i64, String);

/// The record. All threads of a test may write to it.
#[derive(Debug, Default)]
pub struct Published(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    due: BTreeMap<EventKind, usize>,
    ids: HashSet<String>,
}

impl Published {
    /// Adds a message. One that fanmail cannot read is not due, and neither is a second one with the same `message_id`.
    pub fn add(&self, body: &[u8], message_id: Option<&str>) {
        let Some(event_kind) = read(body) else { return };
        let mut state = lock(&self.0);
        // An empty id counts as none.
        let is_new = message_id.is_none_or(|id| id.is_empty() || state.ids.insert(id.to_owned()));
        if is_new {
            *state.due.entry(event_kind).or_default() += 1;
        }
    }

    /// How many notifications of each event and kind are due.
    pub fn due(&self) -> BTreeMap<EventKind, usize> {
        lock(&self.0).due.clone()
    }
}

fn read(body: &[u8]) -> Option<EventKind> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let kind = value["type"].as_str().filter(|kind| ["CREATED", "UPDATED", "CANCELLED"].contains(kind))?;
    Some((value["event_id"].as_i64()?, kind.to_owned()))
}

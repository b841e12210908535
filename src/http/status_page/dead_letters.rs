//! Dead letters on the page: how many, as the broker has said it last; and their reasons, which take a look at each. A look is shared by all
//! who read the page, and comes only when their number has changed, or after ten minutes: some queues count each look, and delete what was
//! looked at too often.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::timeout;
use url::form_urlencoded;

use crate::broker::dead_letters::browse;
use crate::broker::error::BrokerError;
use crate::config::broker::BrokerConfig;
use crate::http::broker::{NoBrokerAnswer, RequestBroker};
use crate::http::status_page::sentence::{Piece, pieces};
use crate::report::dead_letters::groups::{DeadLetterGroup, DeadLetterGroups};
use crate::sync::lock;
use crate::text::clean::one_line;
use crate::text::count::{count, grouped};
use crate::text::mask::masked_line;
use crate::text::shell::quoted;
use crate::text::timestamp::to_the_second;

/// Where a button leads that replays some.
pub(super) const REPLAY: &str = "/dead-letters/replay";
/// The field in its query that names one.
pub(super) const ID: &str = "id";
/// The field that names all with a reason.
pub(super) const REASON: &str = "reason";
/// Dead letters of each queue that are looked at, the oldest ones: each takes a round trip.
const LOOKED_AT: u32 = 1000;
/// Shortest time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);
/// How long a page waits for a look.
const PATIENCE: Duration = Duration::from_millis(1500);
/// What was seen is looked at anew after this time, although the number is the same.
const KEPT: Duration = Duration::from_secs(600);
/// A dead letter that was returned to its queue so often is not looked at without a person who asks: by default `RabbitMQ` deletes it
/// after 20 times.
const RETURNS_MAX: u64 = 5;
/// Groups that are shown.
const GROUPS: usize = 8;

/// How many dead letters each queue has, by its name; queues without any are left out.
pub(super) type DeadLetterCounts = BTreeMap<String, u64>;

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct DeadLetterLook {
    pub groups: Vec<DeadLetterGroup>,
    /// Whether it ended early, because the broker counts looks.
    is_cut: bool,
}

/// Looks at dead letters. Cheap to clone.
#[derive(Clone)]
pub(super) struct DeadLetterReader {
    broker: RequestBroker,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// How many there were at the last look.
    counts: DeadLetterCounts,
    look: Option<Arc<DeadLetterLook>>,
    at: Option<Instant>,
    is_looking: bool,
}

impl Seen {
    fn is_due(&self, counts: &DeadLetterCounts, now: Instant) -> bool {
        let age = self.at.map(|at| now.saturating_duration_since(at));
        let is_closed = self.look.as_ref().is_some_and(|look| look.is_cut);
        match age {
            _ if self.is_looking || is_closed => false,
            None => true,
            Some(age) => {
                age >= KEPT || age >= BETWEEN_LOOKS && (self.look.is_none() || self.counts != *counts)
            }
        }
    }
}

impl DeadLetterReader {
    pub(super) fn new(broker: RequestBroker) -> Self {
        Self { broker, seen: Arc::default() }
    }

    /// Dead letters were changed by this page.
    pub(super) fn forget(&self) {
        let mut seen = lock(&self.seen);
        (seen.look, seen.at) = (None, None);
    }

    /// What is known of their reasons, if the queues have so many. Looks at them if that is due. `are_none`: the broker has said that there are
    /// none; while it is away, what is known stays, as do the limits for looks.
    pub(super) async fn look(
        &self,
        counts: &DeadLetterCounts,
        are_none: bool,
    ) -> Option<Arc<DeadLetterLook>> {
        if are_none {
            self.forget();
        }
        if counts.is_empty() {
            return None;
        }
        if !lock(&self.seen).begin(counts) {
            return lock(&self.seen).look.clone();
        }
        let looking = tokio::spawn(self.clone().look_now(counts.clone()));
        if timeout(PATIENCE, looking).await.is_err() {
            log::debug!("http: dead letters are still looked at");
        }
        lock(&self.seen).look.clone()
    }

    async fn look_now(self, counts: DeadLetterCounts) {
        let seen = Arc::clone(&self.seen);
        let asked = self.broker.ask(move |config| {
            let found =
                read(config).inspect_err(|error| log::debug!("http: no look at dead letters: {error}"));
            lock(&seen).end(counts, found.ok());
        });
        match asked.await {
            Ok(()) => {}
            Err(NoBrokerAnswer::Late) => log::debug!("http: a look at dead letters takes long"),
            Err(NoBrokerAnswer::NotUsed | NoBrokerAnswer::Busy | NoBrokerAnswer::Failed) => {
                lock(&self.seen).is_looking = false;
            }
        }
    }
}

impl Seen {
    /// Whether the caller has to look now.
    fn begin(&mut self, counts: &DeadLetterCounts) -> bool {
        let now = Instant::now();
        let is_due = self.is_due(counts, now);
        if is_due {
            (self.is_looking, self.at) = (true, Some(now));
        }
        is_due
    }

    fn end(&mut self, counts: DeadLetterCounts, look: Option<DeadLetterLook>) {
        self.is_looking = false;
        let Some(mut look) = look else { return };
        // It knows less than the one before.
        if look.is_cut
            && let Some(before) = &self.look
        {
            look.groups.clone_from(&before.groups);
        }
        (self.counts, self.look) = (counts, Some(Arc::new(look)));
    }
}

fn read(config: &BrokerConfig) -> Result<DeadLetterLook, BrokerError> {
    let (mut groups, mut is_cut) = (DeadLetterGroups::default(), false);
    browse::look(config, LOOKED_AT, &mut |letter| {
        if letter.delivery_count.is_some_and(|returns| returns >= RETURNS_MAX) {
            is_cut = true;
            return ControlFlow::Break(());
        }
        groups.add(&letter);
        ControlFlow::Continue(())
    })?;
    Ok(DeadLetterLook { groups: groups.into_sorted(), is_cut })
}

/// Dead letters with one reason.
#[derive(Serialize)]
struct GroupView {
    count: String,
    reason: String,
    times: String,
    example: String,
    what_to_do: Vec<Piece>,
    /// What to type to replay them.
    command: Option<String>,
    /// Where a button leads that replays them, and one that replays the example.
    replay: Option<[String; 2]>,
}

impl GroupView {
    fn new(group: &DeadLetterGroup, may_change: bool) -> Self {
        let shown = masked_line(&group.reason);
        let is_plain = shown == group.reason && group.is_named();
        let since = match (group.first, group.last) {
            (Some(first), Some(last)) if first != last => {
                format!("{} to {}, ", to_the_second(first), to_the_second(last))
            }
            (Some(at), _) => format!("{}, ", to_the_second(at)),
            _ => String::new(),
        };
        let replayed = match group.replayed {
            0 => String::new(),
            replayed => format!(", {} of them replayed before", grouped(replayed)),
        };
        Self {
            count: grouped(group.count),
            times: format!("{since}in {}{replayed}", one_line(&group.queue)),
            example: group.example.clone(),
            what_to_do: pieces(group.what_to_do),
            command: is_plain.then(|| format!("fanmail dead-letters replay --reason {}", quoted(&shown))),
            // An address would stand in the link.
            replay: (may_change && is_plain)
                .then(|| [path_of(REASON, &group.reason), path_of(ID, &group.example)]),
            reason: shown,
        }
    }
}

fn path_of(field: &str, value: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair(field, value).finish();
    format!("{REPLAY}?{query}")
}

/// The part of the page about them.
#[derive(Serialize)]
pub(super) struct DeadLettersView {
    total: String,
    groups: Vec<GroupView>,
    more_groups: usize,
    note: Option<&'static str>,
}

impl DeadLettersView {
    /// `None` if there are none, or the broker is away. `may_change`: the visitor may replay them.
    pub(super) fn new(
        counts: &DeadLetterCounts,
        look: Option<&DeadLetterLook>,
        may_change: bool,
    ) -> Option<Self> {
        let total: u64 = counts.values().sum();
        let groups = look.map_or(&[][..], |look| &look.groups);
        let seen: u64 = groups.iter().map(|group| group.count).sum();
        let note = match look {
            None => Some("Their reasons are not read yet."),
            Some(look) if look.is_cut => {
                Some("The broker counts each look at them, so this page looks no more.")
            }
            Some(_) if seen < total => Some("These are the reasons of the oldest ones."),
            Some(_) => None,
        };
        (total > 0).then(|| Self {
            total: count(total, "dead letter"),
            groups: groups.iter().take(GROUPS).map(|group| GroupView::new(group, may_change)).collect(),
            more_groups: groups.len().saturating_sub(GROUPS),
            note,
        })
    }
}

#[cfg(test)]
mod tests;

//! Which dead letters a person means, and what a replay of them would do. Replaying is left to the file above.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::broker::dead_letters::browse;
use crate::broker::dead_letters::selection::DeadLetterSelection;
use crate::config::broker::BrokerConfig;
use crate::http::status_page::StatusPage;
use crate::http::status_page::dead_letters::{ID, REASON};
use crate::report::dead_letters::advice::what_to_do;
use crate::report::dead_letters::outdated::OutdatedLetters;
use crate::routes::Routes;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::text::count::grouped;
use crate::text::mask::masked_line;

/// Longest look before the page asks. A request has 10 seconds for all.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// Most reasons that are listed.
const SHOWN: usize = 5;

/// Which ones a person means: one, or all with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    One(String),
    Reason(String),
}

impl Meant {
    pub(super) fn new(id: &str, reason: &str) -> Option<Self> {
        match (id.trim(), reason.trim()) {
            ("", "") => None,
            ("", reason) => Some(Self::Reason(reason.to_owned())),
            (id, _) => Some(Self::One(id.to_owned())),
        }
    }

    pub(super) fn selection(&self) -> DeadLetterSelection {
        match self {
            Self::One(id) => DeadLetterSelection::of_id(id),
            Self::Reason(reason) => {
                DeadLetterSelection { reason: Some(reason.clone()), ..DeadLetterSelection::default() }
            }
        }
    }

    pub(super) fn field(&self) -> (&'static str, String) {
        match self {
            Self::One(id) => (ID, id.clone()),
            Self::Reason(reason) => (REASON, reason.clone()),
        }
    }
}

/// What says whether a dead letter is outdated.
#[derive(Clone)]
pub(super) struct Judge {
    store: Store,
    routes: Option<Arc<Routes>>,
}

impl Judge {
    pub(super) fn of(page: &StatusPage) -> Option<Self> {
        Some(Self { store: page.inner.database.store()?, routes: page.inner.routes.clone() })
    }

    pub(super) fn letters(&self) -> Result<OutdatedLetters<'_>, StoreError> {
        OutdatedLetters::new(&self.store, self.routes.clone())
    }
}

/// What a replay would do.
#[derive(Default)]
pub(super) struct Plan {
    /// How many messages go to each queue.
    to: BTreeMap<String, u64>,
    /// How many stay, by their reasons.
    kept: BTreeMap<String, u64>,
    /// What to do about those that go.
    advice: BTreeSet<&'static str>,
    /// Whether there are too many to look at all of them here.
    pub is_cut: bool,
}

impl Plan {
    pub(super) fn make(config: &BrokerConfig, meant: &Meant, judge: &Judge) -> anyhow::Result<Self> {
        let (mut plan, mut failed) = (Self::default(), None);
        let (begun, selection, mut outdated) = (Instant::now(), meant.selection(), judge.letters()?);
        browse::look(config, u32::MAX, &mut |letter| {
            plan.is_cut = begun.elapsed() >= LONGEST_LOOK;
            if plan.is_cut {
                return ControlFlow::Break(());
            }
            let is_meant = selection.has(&letter);
            if is_meant {
                match outdated.why_outdated(&letter) {
                    Ok(None) => {
                        *plan.to.entry(letter.original_queue.clone()).or_default() += 1;
                        plan.advice.insert(what_to_do(letter.reason.as_deref()));
                    }
                    Ok(Some(why)) => *plan.kept.entry(why).or_default() += 1,
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                }
            }
            if is_meant && matches!(meant, Meant::One(_)) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        failed.map_or(Ok(plan), |error| Err(error.into()))
    }

    pub(super) fn number(&self) -> u64 {
        self.to.values().sum()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        if self.is_cut {
            return vec![
                "Nothing was changed: there are too many dead letters to look at all of them here. Replay them with: fanmail dead-letters \
                 replay --reason"
                    .to_owned(),
            ];
        }
        let mut lines: Vec<String> = self.to.iter().map(|(queue, number)| goes(queue, *number)).collect();
        if self.number() > 0 {
            lines.push("Workers take them from there and mail the people whom they are for.".to_owned());
            lines.extend(
                self.advice
                    .iter()
                    .take(SHOWN)
                    .map(|advice| format!("What to do about their reason: {advice}.")),
            );
        }
        lines.extend(kept_lines(&self.kept));
        if lines.is_empty() {
            lines.push(NONE_LEFT.to_owned());
        }
        lines
    }
}

pub(super) const NONE_LEFT: &str = "There is no such dead letter. It was replayed or purged meanwhile, or a command looks at it in this moment.";

fn goes(queue: &str, number: u64) -> String {
    let messages = if number == 1 { "message goes" } else { "messages go" };
    format!("{} {messages} back to the queue {}.", grouped(number), masked_line(queue))
}

pub(super) fn kept_lines(kept: &BTreeMap<String, u64>) -> impl Iterator<Item = String> {
    let stays = |number: u64| if number == 1 { "dead letter stays" } else { "dead letters stay" };
    kept.iter()
        .take(SHOWN)
        .map(move |(why, number)| format!("{} {}: {}.", grouped(*number), stays(*number), masked_line(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_would_happen() {
        let mut plan = Plan::default();
        assert_eq!(plan.lines(), [NONE_LEFT]);
        plan.to.insert("events".to_owned(), 1200);
        plan.kept.insert("event 7 was cancelled after this UPDATED for ann@example.com".to_owned(), 1);
        plan.advice.insert("Correct the publisher");
        insta::assert_snapshot!(plan.lines().join("\n"), @r"
        1,200 messages go back to the queue events.
        Workers take them from there and mail the people whom they are for.
        What to do about their reason: Correct the publisher.
        1 dead letter stays: event 7 was cancelled after this UPDATED for a***@example.com.
        ");
        plan.is_cut = true;
        assert!(plan.lines().concat().contains("there are too many dead letters"));
    }

    #[test]
    fn an_id_or_words_of_a_reason_say_which_are_meant() {
        assert_eq!((Meant::new("", " "), Meant::new(" a1", "x")), (None, Some(Meant::One("a1".to_owned()))));
        let of_reason = Meant::new("", "event … is").unwrap();
        assert_eq!(of_reason.selection().reason.as_deref(), Some("event … is"));
        assert_eq!(of_reason.field(), (REASON, "event … is".to_owned()));
        assert!(Meant::new("a1", "").unwrap().selection().ids.contains("a1"));
    }
}

//! Dead letters by their reasons: how many, since when, and one of each.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::broker::dead_letters::view::DeadLetterView;
use crate::domain::dead_reason::{CommonReason, NO_REASON, general};
use crate::report::dead_letters::advice::what_to_do;
use crate::report::dead_letters::time;

/// Most reasons that are told apart: publishers write part of the texts, and must not fill the memory.
const MOST: usize = 200;

/// The reason of those that are more.
const OTHERS: &str = "other reasons";

/// Dead letters of one queue with the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterGroup {
    /// The queue that they are in.
    pub queue: String,
    /// What their reasons have in common, without any number.
    pub reason: String,
    /// The same for people, with the numbers that all of them have.
    pub common: CommonReason,
    /// How many they are.
    pub count: u64,
    /// When the first one was stored.
    pub first: Option<DateTime<Utc>>,
    /// When the last one was stored.
    pub last: Option<DateTime<Utc>>,
    /// The id of one of them, the last.
    pub example: String,
    /// How many of them were replayed before, and became dead letters again.
    pub replayed: u64,
    /// What to do about them.
    pub what_to_do: &'static str,
}

impl DeadLetterGroup {
    /// Whether its reason names it, so that it can be replayed by it.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.reason != OTHERS
    }

    /// The group for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "queue": self.queue,
            "reason": self.reason,
            "count": self.count,
            "first": self.first.map(time),
            "last": self.last.map(time),
            "example": self.example,
            "replayed": self.replayed,
            "what_to_do": self.what_to_do,
        })
    }
}

/// Collects groups.
#[derive(Debug, Default)]
pub struct DeadLetterGroups(HashMap<(String, String), DeadLetterGroup>);

impl DeadLetterGroups {
    /// Adds one dead letter.
    pub fn add(&mut self, letter: &DeadLetterView) {
        let said = letter.reason.as_deref().unwrap_or(NO_REASON);
        let mut reason = letter.reason.as_deref().map_or_else(|| NO_REASON.to_owned(), general);
        let is_full = self.0.len() >= MOST;
        if is_full && !self.0.contains_key(&(letter.queue.clone(), reason.clone())) {
            OTHERS.clone_into(&mut reason);
        }
        let key = (letter.queue.clone(), reason.clone());
        let group = self.0.entry(key).or_insert_with(|| DeadLetterGroup {
            queue: letter.queue.clone(),
            what_to_do: what_to_do(letter.reason.as_deref()),
            common: CommonReason::of(if reason == OTHERS { OTHERS } else { said }),
            reason,
            count: 0,
            first: None,
            last: None,
            example: String::new(),
            replayed: 0,
        });
        if group.reason != OTHERS {
            group.common.add(said);
        }
        group.count += 1;
        group.first = [group.first, letter.at].into_iter().flatten().min();
        group.last = group.last.max(letter.at);
        group.replayed += u64::from(letter.replays > 0);
        group.example.clone_from(&letter.id);
    }

    /// The groups, by queues, the largest first.
    #[must_use]
    pub fn into_sorted(self) -> Vec<DeadLetterGroup> {
        let mut groups: Vec<DeadLetterGroup> = self.0.into_values().collect();
        groups.sort_unstable_by(|a, b| (&a.queue, b.count, &a.reason).cmp(&(&b.queue, a.count, &b.reason)));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::view::tests::dead_letter;

    #[test]
    fn reasons_that_differ_in_numbers_are_one_group() {
        let mut groups = DeadLetterGroups::default();
        for (n, reason) in (0_i64..).zip(["event 7 is gone", "stale", "event 8 is gone"]) {
            let mut letter = dead_letter(&format!("{n:016x}"), reason, b"");
            letter.at = letter.at.map(|at| at + chrono::TimeDelta::minutes(n));
            letter.replays = n.unsigned_abs();
            groups.add(&letter);
        }
        let groups = groups.into_sorted();
        let [events, stale] = &groups[..] else { panic!("{groups:?}") };
        assert_eq!((events.reason.as_str(), events.count, events.replayed), ("event … is gone", 2, 1));
        assert_eq!((stale.reason.as_str(), stale.count), ("stale", 1));
        assert_eq!(events.common.to_string(), "event … is gone");
        assert_eq!(events.example, "0000000000000002");
        let json = events.to_json();
        assert_eq!(
            (&json["first"], &json["last"]),
            (&json!("2026-01-02T12:00:00Z"), &json!("2026-01-02T12:02:00Z"))
        );
    }

    #[test]
    fn publishers_cannot_make_any_number_of_groups() {
        let mut groups = DeadLetterGroups::default();
        let word =
            |n: usize| -> String { format!("{n:04}").bytes().map(|digit| char::from(digit + 49)).collect() };
        for n in 0..MOST + 7 {
            groups.add(&dead_letter("00000000000000a1", &format!("the type {}", word(n)), b""));
        }
        let groups = groups.into_sorted();
        assert_eq!((groups.len(), groups[0].reason.as_str(), groups[0].count), (MOST + 1, OTHERS, 7));
    }
}

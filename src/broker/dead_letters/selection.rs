//! Which dead letters a person means.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::broker::dead_letters::view::DeadLetterView;
use crate::domain::dead_reason::is_meant;

/// Which dead letters a person means: those for which everything holds that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterSelection {
    /// Their ids; empty: any.
    pub ids: BTreeSet<String>,
    /// Words of their reasons.
    pub reason: Option<String>,
    /// They were stored before this time. One whose time is not known was not.
    pub stored_before: Option<DateTime<Utc>>,
}

impl DeadLetterSelection {
    /// One alone.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self { ids: BTreeSet::from([id.to_owned()]), ..Self::default() }
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(&self, letter: &DeadLetterView) -> bool {
        let is_old = |before: DateTime<Utc>| letter.at.is_some_and(|at| at < before);
        (self.ids.is_empty() || self.ids.contains(&letter.id))
            && self.reason.as_deref().is_none_or(|words| is_meant(words, letter.reason.as_deref()))
            && self.stored_before.is_none_or(is_old)
    }

    /// The ids that none of these dead letters has.
    #[must_use]
    pub fn missing<'a>(&self, found: impl Iterator<Item = &'a str>) -> Vec<String> {
        let found: BTreeSet<&str> = found.collect();
        self.ids.iter().filter(|id| !found.contains(id.as_str())).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::view::tests::dead_letter;

    #[test]
    fn everything_that_is_set_has_to_hold() {
        let mut letter = dead_letter("00000000000000a1", "event 7 is gone", b"");
        let at = letter.at.unwrap();
        let of_reason = |words: &str| DeadLetterSelection {
            reason: Some(words.to_owned()),
            ..DeadLetterSelection::default()
        };
        let before = |stored_before| DeadLetterSelection { stored_before, ..of_reason("is gone") };
        assert!(DeadLetterSelection::default().has(&letter));
        assert!(DeadLetterSelection::of_id("00000000000000a1").has(&letter));
        assert!(!DeadLetterSelection::of_id("00000000000000a2").has(&letter));
        assert!(of_reason("event … is").has(&letter) && !of_reason("stale").has(&letter));
        assert!(!before(Some(at)).has(&letter));
        assert!(before(Some(at + chrono::TimeDelta::seconds(1))).has(&letter));
        letter.at = None;
        assert!(!before(Some(at)).has(&letter), "nobody knows how old it is");
    }

    #[test]
    fn ids_that_are_not_found_are_told() {
        let selection = DeadLetterSelection {
            ids: ["b", "a"].map(str::to_owned).into(),
            ..DeadLetterSelection::default()
        };
        assert_eq!(selection.missing(["a", "c"].into_iter()), ["b"]);
        assert!(DeadLetterSelection::default().missing(std::iter::empty()).is_empty());
    }
}

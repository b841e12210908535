//! The participants of one fan-out who cannot be read, in words: how many, which, and why. What follows is left to `set_aside`.

use crate::domain::ids::ParticipantId;
use crate::text::count::count;

/// After so many the fan-out reads no further page: something is wrong with all of them, and each costs some queries.
const MAX: u64 = 1_000;
/// How many are named.
const MAX_NAMED: usize = 5;

/// Who cannot be read.
#[derive(Debug, Default)]
pub(super) struct UnreadablePeople {
    count: u64,
    first: Vec<ParticipantId>,
    /// Of the first one.
    reason: Option<String>,
    /// What cannot be read of the others, not even row by row, and why.
    rest: Option<String>,
}

impl UnreadablePeople {
    /// Adds people of a page, each with the reason.
    pub fn add(&mut self, people: Vec<(ParticipantId, String)>) {
        for (id, reason) in people {
            self.count += 1;
            self.reason.get_or_insert(reason);
            if self.first.len() < MAX_NAMED {
                self.first.push(id);
            }
        }
    }

    /// The next page and those behind it cannot be read: what, and why.
    pub fn add_rest(&mut self, what: String) {
        self.rest.get_or_insert(what);
    }

    /// Whether everyone could be read so far.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.rest.is_none()
    }

    /// Whether no further page is worth a try.
    pub fn are_too_many(&self) -> bool {
        self.count >= MAX || self.rest.is_some()
    }

    /// Who cannot be read, and why. `None` if everyone can.
    pub fn describe(&self) -> Option<String> {
        if self.rest.is_some() {
            return self.rest.clone();
        }
        let reason = self.reason.as_ref()?;
        let at_least = if self.are_too_many() { "at least " } else { "" };
        let ids: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        let more = if self.count > MAX_NAMED as u64 { ", …" } else { "" };
        let people = count(self.count, "participant");
        Some(format!("{at_least}{people} cannot be read (id {}{more}): {reason}", ids.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(ids: impl IntoIterator<Item = i64>) -> Vec<(ParticipantId, String)> {
        ids.into_iter().map(|id| (ParticipantId(id), format!("reason {id}"))).collect()
    }

    #[test]
    fn the_first_are_named_and_the_others_counted() {
        let mut unreadable = UnreadablePeople::default();
        assert!(unreadable.is_empty() && unreadable.describe().is_none());
        unreadable.add(people([17]));
        assert!(!unreadable.is_empty() && !unreadable.are_too_many());
        assert_eq!(unreadable.describe().unwrap(), "1 participant cannot be read (id 17): reason 17");
        unreadable.add(people(20..25));
        assert_eq!(
            unreadable.describe().unwrap(),
            "6 participants cannot be read (id 17, 20, 21, 22, 23, …): reason 17"
        );
        unreadable.add(people(1000..2000));
        assert!(unreadable.are_too_many());
        assert!(unreadable.describe().unwrap().starts_with("at least 1006 participants cannot be read"));
    }

    #[test]
    fn a_page_without_keys_ends_the_reading() {
        let mut unreadable = UnreadablePeople::default();
        unreadable.add(people([17]));
        unreadable.add_rest("its participants cannot be read".to_owned());
        assert!(unreadable.are_too_many());
        assert_eq!(unreadable.describe().unwrap(), "its participants cannot be read");
    }
}

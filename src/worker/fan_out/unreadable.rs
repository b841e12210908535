//! The participants of one fan-out who cannot be read or told apart, in words: how many, which, and why. What follows is left to
//! `set_aside`.

use crate::domain::ids::ParticipantId;
use crate::store::source::doubled::DOUBLED_MAX;
use crate::text::count::count;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Halt;
use crate::worker::fan_out::page::Page;

/// After so many the fan-out reads no further page: something is wrong with all of them, and each costs some queries.
const MAX: u64 = 1_000;
/// How many are named.
const MAX_NAMED: usize = 5;

/// Who cannot be read.
#[derive(Debug, Default)]
pub(super) struct UnreadablePeople {
    rows: Named,
    /// Of the first one.
    reason: Option<String>,
    /// What cannot be read of the others, not even row by row, and why.
    rest: Option<String>,
    /// Whether they are named by their numbers on the list of recipients: their keys may be addresses.
    are_listed: bool,
    /// How many others have keys that cannot be listed, and why one of them cannot.
    unlistable: Option<(u64, String)>,
    /// Keys of rows with several addresses.
    doubled: Named,
    /// The largest key that is part of the notification, unless its people are listed.
    up_to: Option<ParticipantId>,
}

/// How many of a kind there are, and the first of them.
#[derive(Debug, Default)]
struct Named {
    count: u64,
    first: Vec<ParticipantId>,
}

impl Named {
    fn add(&mut self, id: ParticipantId) {
        self.count += 1;
        if self.first.len() < MAX_NAMED {
            self.first.push(id);
        }
    }

    /// Which they are. Those on a list of recipients have numbers there: their keys may be addresses.
    fn describe(&self, are_listed: bool) -> String {
        let ids: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        let more = if self.count > MAX_NAMED as u64 { ", …" } else { "" };
        let id = if are_listed { "recipients.id" } else { "id" };
        format!("{id} {}{more}", ids.join(", "))
    }
}

impl UnreadablePeople {
    /// Of a notification whose people have keys up to this one, which are whole numbers.
    pub fn up_to(up_to: ParticipantId) -> Self {
        Self { up_to: Some(up_to), ..Self::default() }
    }

    /// Of a notification whose people are listed in the ledger.
    pub fn listed() -> Self {
        Self { are_listed: true, ..Self::default() }
    }

    /// So many people have keys that cannot be listed. This is why one of them cannot.
    pub fn set_unlistable(&mut self, count: u64, why: String) {
        self.unlistable = Some((count, why));
    }

    /// The page that was read, whose unreadable people are added. If it cannot be read at all, an empty one, and that is told.
    ///
    /// # Errors
    /// When a shutdown is requested, or the lease is lost.
    pub fn take_from(&mut self, page: Result<Page, Halt>) -> Result<Page, Stopped> {
        match page {
            Ok(mut page) => {
                self.add(std::mem::take(&mut page.unreadable));
                self.add_doubled(&page.doubled);
                Ok(page)
            }
            Err(Halt::Unreadable(what)) => {
                self.add_rest(what);
                Ok(Page::default())
            }
            Err(Halt::Stopping | Halt::TakenOver | Halt::Superseded(_)) => Err(Stopped),
        }
    }

    /// Adds people of a page, each with the reason.
    pub fn add(&mut self, people: Vec<(ParticipantId, String)>) {
        for (id, reason) in people {
            self.rows.add(id);
            self.reason.get_or_insert(reason);
        }
    }

    /// Adds keys of rows with several addresses.
    pub fn add_doubled(&mut self, keys: &[ParticipantId]) {
        for id in keys {
            self.doubled.add(*id);
        }
    }

    /// The next page and those behind it cannot be read: what, and why.
    pub fn add_rest(&mut self, what: String) {
        self.rest.get_or_insert(what);
    }

    /// Whether everyone could be read so far.
    pub fn is_empty(&self) -> bool {
        self.rows.count == 0 && self.rest.is_none()
    }

    /// Whether no further page is worth a try.
    pub fn are_too_many(&self) -> bool {
        self.rows.count >= MAX || self.rest.is_some()
    }

    /// Who cannot be read, and why. `None` if everyone can.
    pub fn describe(&self) -> Option<String> {
        if self.rest.is_some() {
            return self.rest.clone();
        }
        let parts = [self.describe_rows(), self.describe_keys(), self.describe_doubled()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    fn describe_rows(&self) -> Option<String> {
        let reason = self.reason.as_ref()?;
        let at_least = if self.are_too_many() { "at least " } else { "" };
        let (people, which) = (count(self.rows.count, "participant"), self.rows.describe(self.are_listed));
        Some(format!("{at_least}{people} cannot be read ({which}): {reason}"))
    }

    fn describe_keys(&self) -> Option<String> {
        let (people, why) = self.unlistable.as_ref()?;
        let have = if *people == 1 { "has a key" } else { "have keys" };
        Some(format!("{} {have} that cannot be listed: {why}", count(*people, "participant")))
    }

    /// The person who has got the mail has to keep the key, or gets it twice.
    fn describe_doubled(&self) -> Option<String> {
        let Named { count: number, .. } = self.doubled;
        if number == 0 {
            return None;
        }
        let are_capped = self.are_listed && number >= DOUBLED_MAX.into();
        let at_least = if are_capped || self.are_too_many() { "at least " } else { "" };
        let (have, each) = if number == 1 { ("has", "there") } else { ("have", "of each") };
        let limit = self.up_to.map(|up_to| format!(" that is not above {up_to}")).unwrap_or_default();
        Some(format!(
            "{at_least}{} of participants {have} rows with several addresses ({}); {each}, only the smallest address gets the \
             mail; leave that person the key, and give each other person one of their own (participants.id){limit}, or leave \
             their rows out",
            count(number, "key"),
            self.doubled.describe(self.are_listed)
        ))
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
    fn those_on_a_list_have_numbers_and_others_are_counted() {
        let mut unreadable = UnreadablePeople::listed();
        unreadable.set_unlistable(1, "it is long".to_owned());
        assert!(!unreadable.are_too_many());
        let key = "1 participant has a key that cannot be listed: it is long";
        assert_eq!(unreadable.describe().unwrap(), key);
        unreadable.set_unlistable(2_000, "it is long".to_owned());
        assert!(!unreadable.are_too_many(), "they cost nothing");
        unreadable.add(people([3]));
        assert_eq!(
            unreadable.describe().unwrap(),
            "1 participant cannot be read (recipients.id 3): reason 3; 2000 participants have keys that cannot be listed: it \
             is long"
        );
    }

    #[test]
    fn a_page_without_keys_ends_the_reading() {
        let mut unreadable = UnreadablePeople::default();
        unreadable.add(people([17]));
        unreadable.add_rest("its participants cannot be read".to_owned());
        assert!(unreadable.are_too_many());
        assert_eq!(unreadable.describe().unwrap(), "its participants cannot be read");
    }

    #[test]
    fn keys_of_several_people_are_told_with_what_reaches_the_others() {
        let mut unreadable = UnreadablePeople::up_to(ParticipantId(60));
        unreadable.add_doubled(&[ParticipantId(7)]);
        assert_eq!(
            unreadable.describe().unwrap(),
            "1 key of participants has rows with several addresses (id 7); there, only the smallest address gets the mail; leave \
             that person the key, and give each other person one of their own (participants.id) that is not above 60, or leave \
             their rows out"
        );
        let mut unreadable = UnreadablePeople::listed();
        unreadable.add_doubled(&(1..=1_000).map(ParticipantId).collect::<Vec<_>>());
        assert_eq!(
            unreadable.describe().unwrap(),
            "at least 1000 keys of participants have rows with several addresses (recipients.id 1, 2, 3, 4, 5, …); of each, only \
             the smallest address gets the mail; leave that person the key, and give each other person one of their own \
             (participants.id), or leave their rows out"
        );
    }
}

//! Mails that did not arrive, counted by what became of them, by code and by what their words have in common.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;

use crate::domain::ids::NotificationId;
use crate::report::failures::group::{
    FailureExample, FailureGroup, FailureSort, InNotification, shown_words,
};
use crate::report::failures::people::ShownPerson;
use crate::report::failures::words::CommonWords;

use crate::store::ledger::undelivered::{Fate, UndeliveredMail};
use crate::store::person::Place;
use crate::text::mask::masked_line;
use crate::text::timestamp::rfc3339;

/// Mails of a group that are shown.
const EXAMPLES: usize = 3;

/// Notifications of a group that are named, those with the most mails first.
const NAMED: usize = 10;

/// Groups that are told apart. A relay whose words are others each time would fill the memory.
const MAX_GROUPS: usize = 1_000;

/// The reason of the mails beyond them.
const OTHER_REASONS: &str = "(other reasons)";

type Key = (FailureSort, Option<i32>, CommonWords);

/// The groups so far.
#[derive(Default)]
pub(super) struct Groups {
    groups: HashMap<Key, Group>,
    /// What such words have in common. Most mails repeat the words of another one.
    known: HashMap<(Option<i32>, String), CommonWords>,
}

#[derive(Default)]
struct Group {
    count: u64,
    next_try_at: Option<NaiveDateTime>,
    notifications: BTreeMap<NotificationId, u64>,
    examples: Vec<(Place, String)>,
}

impl Groups {
    /// Counts a mail.
    pub(super) fn add(&mut self, mail: &UndeliveredMail) {
        let sort = FailureSort::of(mail.fate);
        let mut key = (sort, mail.code, self.common_words(mail));
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            key = (sort, None, CommonWords { enhanced_code: None, text: OTHER_REASONS.to_owned() });
        }
        let group = self.groups.entry(key).or_default();
        group.count += 1;
        *group.notifications.entry(mail.place.notification_id).or_default() += 1;
        if group.examples.len() < EXAMPLES {
            group.examples.push((mail.place, shown_words(mail)));
        }
        if let Fate::Deferred { next_try_at } = mail.fate {
            group.next_try_at = Some(group.next_try_at.map_or(next_try_at, |next| next.min(next_try_at)));
        }
    }

    fn common_words(&mut self, mail: &UndeliveredMail) -> CommonWords {
        let words = mail.words.as_deref().unwrap_or_default();
        let key = (mail.code, words.to_owned());
        if let Some(common) = self.known.get(&key) {
            return common.clone();
        }
        let common = CommonWords::of(mail.code, &masked_line(words));
        if self.known.len() < MAX_GROUPS {
            self.known.insert(key, common.clone());
        }
        common
    }

    /// The largest first, each with the places of its examples.
    pub(super) fn into_sorted(self) -> Vec<(FailureGroup, Vec<Place>)> {
        let mut groups: Vec<(Key, Group)> = self.groups.into_iter().collect();
        groups.sort_by(|(key, group), (other_key, other)| {
            other.count.cmp(&group.count).then(key.cmp(other_key))
        });
        groups.into_iter().map(|(key, group)| group.into_shown(key)).collect()
    }
}

impl Group {
    fn into_shown(self, (failure, smtp_code, words): Key) -> (FailureGroup, Vec<Place>) {
        let mut notifications: Vec<InNotification> = self
            .notifications
            .into_iter()
            .map(|(notification, count)| InNotification { notification, count })
            .collect();
        // The newest of those with as many.
        notifications.sort_by_key(|one| std::cmp::Reverse((one.count, one.notification)));
        let more_notifications = notifications.len().saturating_sub(NAMED);
        notifications.truncate(NAMED);
        let (places, examples) = self
            .examples
            .into_iter()
            .map(|(place, reason)| {
                let (notification, person) = (place.notification_id, ShownPerson::unknown(place));
                (place, FailureExample { notification, person, reason })
            })
            .unzip();
        let group = FailureGroup {
            failure,
            smtp_code,
            enhanced_code: words.enhanced_code,
            reason: words.text,
            count: self.count,
            next_try_at: self.next_try_at.map(|time| rfc3339(time.and_utc())),
            notifications,
            more_notifications,
            examples,
        };
        (group, places)
    }
}

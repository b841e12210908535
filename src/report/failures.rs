//! Why mails did not arrive: failed, bounced and deferred ones, grouped by the words of the relay. What is common to words is left to
//! `words`, the groups to `groups`, whose mails they are to `people`, what to do about them to `advice`.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::report::failures::group::FailureGroup;
use crate::report::failures::groups::Groups;
use crate::report::failures::people::{People, ShownPerson};
use crate::report::failures::words::{CommonWords, is_enhanced_code};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::undelivered::{UndeliveredMail, UndeliveredTable};
use crate::store::person::Place;

pub mod advice;
pub mod group;
mod groups;
pub mod people;
pub mod text;
pub(crate) mod words;

/// Mails that are read at once.
const PAGE: u32 = 5_000;

/// Groups whose examples are looked up in the application's tables: the largest.
const SHOWN: usize = 50;

/// Which mails.
#[derive(Debug, Clone, Default)]
pub struct FailureFilter {
    /// Those of these notifications; `None`: of all.
    pub notifications: Option<Vec<NotificationId>>,
    /// Those with this code.
    pub code: Option<Code>,
}

/// A code of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// `550`
    Reply(i32),
    /// `5.1.1` (RFC 3463)
    Enhanced(String),
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(code) => write!(f, "{code}"),
            Self::Enhanced(code) => f.write_str(code),
        }
    }
}

impl FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(code @ 200..=599) => Ok(Self::Reply(code)),
            _ if is_enhanced_code(text) => Ok(Self::Enhanced(text.to_owned())),
            _ => Err("expected a reply code such as 550, or an enhanced one such as 5.1.1".to_owned()),
        }
    }
}

/// Reads and groups them, the largest group first. Takes the time of reading the outcomes of the notifications, and memory for at most a
/// thousand groups.
///
/// # Errors
/// When the database does not answer.
pub fn read(store: &Store, filter: &FailureFilter) -> Result<Vec<FailureGroup>, StoreError> {
    let mut groups = Groups::default();
    each_page(store, filter, |mails| {
        for mail in mails {
            groups.add(mail);
        }
        Ok::<(), StoreError>(())
    })?;
    let mut groups = groups.into_sorted();
    let mut people = find_people(store, groups.iter().take(SHOWN).flat_map(|(_, places)| places))?;
    for (group, places) in groups.iter_mut().take(SHOWN) {
        for (example, place) in group.examples.iter_mut().zip(places.iter()) {
            if let Some(person) = people.remove(place) {
                example.person = person.masked();
            }
        }
    }
    Ok(groups.into_iter().map(|(group, _)| group).collect())
}

/// Whose these mails are, in one look at each notification.
fn find_people<'a>(
    store: &Store,
    places: impl Iterator<Item = &'a Place>,
) -> Result<HashMap<Place, ShownPerson>, StoreError> {
    let mut of_notifications: HashMap<NotificationId, Vec<ParticipantId>> = HashMap::new();
    for place in places {
        of_notifications.entry(place.notification_id).or_default().push(place.participant_id);
    }
    let (mut people, mut found) = (People::new(store), HashMap::new());
    for (notification_id, ids) in of_notifications {
        let of_one = people.find_all(notification_id, &ids)?;
        found.extend(
            of_one
                .into_iter()
                .map(|(participant_id, person)| (Place { notification_id, participant_id }, person)),
        );
    }
    Ok(found)
}

/// Calls `act` with page after page of the mails.
///
/// # Errors
/// When the database does not answer, and those of `act`.
pub fn each_page<E: From<StoreError>>(
    store: &Store,
    filter: &FailureFilter,
    mut act: impl FnMut(&[UndeliveredMail]) -> Result<(), E>,
) -> Result<(), E> {
    let scopes: Vec<Option<NotificationId>> = match &filter.notifications {
        None => vec![None],
        Some(ids) => ids.iter().copied().map(Some).collect(),
    };
    for of in scopes {
        for table in [UndeliveredTable::Outcomes, UndeliveredTable::Deferrals] {
            let mut after: Option<Place> = None;
            loop {
                let mut page = store.read_undelivered(table, of, after, PAGE)?;
                let Some(last) = page.last() else { break };
                after = Some(last.place);
                let is_last = page.len() < PAGE as usize;
                page.retain(|mail| filter.code.as_ref().is_none_or(|code| has_code(mail, code)));
                act(&page)?;
                if is_last {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn has_code(mail: &UndeliveredMail, code: &Code) -> bool {
    match code {
        Code::Reply(code) => mail.code == Some(*code),
        Code::Enhanced(code) => {
            CommonWords::of(mail.code, mail.words.as_deref().unwrap_or_default()).enhanced_code.as_ref()
                == Some(code)
        }
    }
}

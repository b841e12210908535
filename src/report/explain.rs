//! "Did Ada get it?": what became of the mails to one person, newest first, and what stands in the way of the next ones. What became of one
//! mail is said in `answer`, the text for people in `text`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::domain::address_hash::normalized;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::written_address::WrittenAddress;
use crate::report::explain::answer::{Facts, MailAnswer};
use crate::report::failures::people::PersonKey;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::person::{AppRow, FormerKeys, Place};
use crate::store::suppressions::SuppressionFilter;
use crate::text::timestamp::rfc3339;

pub mod answer;
mod reasons;
pub mod text;

/// Suppressions of one address that are shown: one for each event that was muted.
const SUPPRESSIONS: u32 = 20;

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// Only notifications of this event.
    pub event: Option<EventId>,
    /// So many of the newest.
    pub limit: usize,
    /// Whether the application says in `optouts` who wants no mail.
    pub optouts: bool,
}

/// What is known of the mails to one person. Scripts rely on these keys.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The address that was asked for.
    pub address: Option<String>,
    /// The rows of `participants`.
    pub participants: Vec<OfEvent>,
    /// The rows of `users`.
    pub users: Vec<String>,
    /// Which mails its addresses get none of.
    pub suppressions: Vec<ShownSuppression>,
    /// How many mails to its addresses came back in the last 30 days for a reason that may pass. The third one suppresses the address.
    pub soft_bounces: usize,
    /// Its mails, newest first.
    pub notifications: Vec<MailAnswer>,
    /// How many older ones are left out.
    pub older: usize,
    /// The event that was asked for.
    #[serde(skip)]
    pub of_event: Option<EventId>,
}

/// A row of `participants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfEvent {
    /// Its event.
    pub event: Option<EventId>,
    /// Its key.
    pub participant: String,
    /// Whether it has an address.
    pub has_address: bool,
}

/// That an address gets no mail, or none of some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownSuppression {
    /// Of which mails: `everything`, `all`, `kind:UPDATED`, `event:123`.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Where that is known from.
    pub source: String,
    /// Since when, RFC 3339; `None`: the application says so now.
    pub since: Option<String>,
}

impl Explanation {
    /// Whether anything is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !(self.participants.is_empty() && self.users.is_empty() && self.notifications.is_empty())
    }
}

/// What is found of a person.
struct Found {
    participants: Vec<AppRow>,
    users: Vec<AppRow>,
    /// Where the ledger has the person.
    places: BTreeSet<Place>,
}

/// About an address. Reads the participants and the lists of recipients, which have no index by address.
///
/// # Errors
/// When the database does not answer, or a row of the application cannot be read.
pub fn of_address(store: &Store, address: WrittenAddress, query: Query) -> Result<Explanation, StoreError> {
    let shown = address.as_str().to_owned();
    let hash = store.address_key()?.hash_normalized(&shown);
    let mut person = store.find_person(address, hash, FormerKeys::default())?;
    if query.event.is_some() {
        person.participants.retain(|row| row.event_id == query.event);
    }
    let places = store.find_own_places(&person)?;
    let found = Found { participants: person.participants, users: person.users, places };
    explain(store, Some(shown), found, query)
}

/// About the participant with this key, of an event or of any.
///
/// # Errors
/// As [`of_address`].
pub fn of_participant(store: &Store, key: &str, query: Query) -> Result<Explanation, StoreError> {
    let participants = store.find_participants_with_key(query.event, key)?;
    let places = store.find_places_of_key(query.event, key)?;
    explain(store, None, Found { participants, users: Vec::new(), places }, query)
}

fn explain(
    store: &Store,
    address: Option<String>,
    found: Found,
    query: Query,
) -> Result<Explanation, StoreError> {
    let addresses: BTreeSet<String> = match &address {
        Some(address) => BTreeSet::from([address.clone()]),
        None => found.participants.iter().filter_map(|row| normalized(&row.email)).collect(),
    };
    let (suppressions, soft_bounces) = find_obstacles(store, &addresses, &found, query)?;
    let (notifications, older) = find_mails(store, &found, query)?;
    let of_event = |row: AppRow| OfEvent {
        event: row.event_id,
        participant: row.key,
        has_address: !row.email.trim().is_empty(),
    };
    Ok(Explanation {
        address,
        participants: found.participants.into_iter().map(of_event).collect(),
        users: found.users.into_iter().map(|row| row.key).collect(),
        suppressions,
        soft_bounces,
        notifications,
        older,
        of_event: query.event,
    })
}

/// Suppressions and opt-outs of the addresses, and the number of soft bounces.
fn find_obstacles(
    store: &Store,
    addresses: &BTreeSet<String>,
    found: &Found,
    query: Query,
) -> Result<(Vec<ShownSuppression>, usize), StoreError> {
    let (mut suppressions, mut soft_bounces) = (Vec::new(), 0);
    if addresses.is_empty() {
        return Ok((suppressions, soft_bounces));
    }
    let key = store.address_key()?;
    for address in addresses {
        let hash = key.hash_normalized(address);
        let of_address = SuppressionFilter { hash: Some(hash), ..SuppressionFilter::default() };
        let rows = store.list_suppressions(of_address, None, SUPPRESSIONS)?;
        suppressions.extend(rows.into_iter().map(|row| ShownSuppression {
            scope: row.scope,
            reason: row.reason,
            source: row.source,
            since: Some(rfc3339(row.created_at.and_utc())),
        }));
        soft_bounces += store.list_soft_bounces(&hash)?.len();
    }
    if query.optouts {
        let written = found.participants.iter().chain(&found.users).map(|row| row.email.trim());
        let forms = written.flat_map(|email| [email.to_owned(), email.to_lowercase()]);
        let forms: BTreeSet<String> =
            forms.filter(|form| !form.is_empty()).chain(addresses.iter().cloned()).collect();
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        let optouts =
            store.find_optouts(&forms)?.into_iter().filter(|(address, _)| addresses.contains(address));
        suppressions.extend(optouts.map(|(_, scope)| ShownSuppression {
            scope: scope.word(),
            reason: "opted-out".to_owned(),
            source: "optouts".to_owned(),
            since: None,
        }));
    }
    Ok((suppressions, soft_bounces))
}

/// The newest mails, and how many older ones there are.
fn find_mails(store: &Store, found: &Found, query: Query) -> Result<(Vec<MailAnswer>, usize), StoreError> {
    // A notification may have several rows of the person, and may have none yet.
    let mut places: BTreeMap<NotificationId, Vec<ParticipantId>> = BTreeMap::new();
    for place in &found.places {
        places.entry(place.notification_id).or_default().push(place.participant_id);
    }
    let mut keys: BTreeMap<NotificationId, Vec<&AppRow>> = BTreeMap::new();
    for row in &found.participants {
        let Some(event) = row.event_id else { continue };
        let limit = u32::try_from(query.limit).unwrap_or(u32::MAX);
        for record in store.list_newest_notifications(Some(event), limit)?.0 {
            if record.notification.audience.event_id() == Some(event) {
                keys.entry(record.notification.id).or_default().push(row);
                places.entry(record.notification.id).or_default();
            }
        }
    }
    let (mut mails, mut older) = (Vec::new(), 0);
    for (id, numbers) in places.into_iter().rev() {
        let rows = keys.remove(&id).unwrap_or_default();
        if mails.len() >= query.limit {
            older += 1;
            continue;
        }
        mails.extend(find_mails_of(store, id, numbers, &rows, query)?);
    }
    Ok((mails, older))
}

/// The mails of one notification to the person: to `numbers`, and to those of `rows` that it has not decided about.
fn find_mails_of(
    store: &Store,
    id: NotificationId,
    mut numbers: Vec<ParticipantId>,
    rows: &[&AppRow],
    query: Query,
) -> Result<Vec<MailAnswer>, StoreError> {
    // It may have been purged meanwhile.
    let Some(record) = store.find_notification(id)? else { return Ok(Vec::new()) };
    if query.event.is_some() && record.notification.event_id != query.event {
        return Ok(Vec::new());
    }
    let audience = record.notification.audience;
    let (mut listing, mut keys) = (None, HashMap::new());
    if audience.is_listed() {
        listing = store.find_listing(id)?;
        keys = store.find_listed_keys(id, &numbers)?;
    } else {
        numbers.extend(rows.iter().filter_map(|row| row.key.parse::<ParticipantId>().ok()));
        numbers.sort_unstable();
        numbers.dedup();
    }
    let mut mails = Vec::new();
    for number in numbers {
        let place = Place { notification_id: id, participant_id: number };
        let entry = store.read_entries(&[place])?.pop();
        let (outcome, deferral) = entry.map_or((None, None), |entry| (entry.outcome, entry.deferral));
        let key = keys.get(&number).map_or(PersonKey::Number(number), |key| PersonKey::Text(key.clone()));
        let number = Some(number);
        mails.push(MailAnswer::of(Facts { record: &record, key, number, listing, outcome, deferral }));
    }
    for row in rows.iter().filter(|row| audience.is_listed() && !keys.values().any(|key| *key == row.key)) {
        let key = PersonKey::Text(row.key.clone());
        let (number, outcome, deferral) = (None, None, None);
        mails.push(MailAnswer::of(Facts { record: &record, key, number, listing, outcome, deferral }));
    }
    Ok(mails)
}

#[cfg(test)]
mod tests;

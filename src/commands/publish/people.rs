//! Whom a message reaches, as far as the database tells: whether an event can have its key, which of its users there are, and how many people
//! have an address to which a mail can be written. Shows no address.

use std::collections::BTreeMap;

use crate::domain::address;
use crate::domain::ids::EventId;
use crate::domain::message::Message;
use crate::domain::message::details::MessageDetails;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::source::users::FoundUsers;

/// Participants whose addresses are looked at.
const LOOKED_AT: u32 = 10_000;
/// Most ids that are named.
const NAMED: usize = 10;

/// How many people are meant, and how many of them get no mail, by the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    people: u64,
    without_mail: BTreeMap<String, u64>,
    /// What is to be said beside the numbers.
    notes: Vec<String>,
}

impl Reach {
    /// `what` would reach so many people.
    pub(super) fn sentences(&self, what: &str) -> Vec<String> {
        let left_out: u64 = self.without_mail.values().sum();
        let reached = self.people - left_out.min(self.people);
        let people = if self.people == 1 { "person" } else { "people" };
        let mut sentences = vec![format!("{what} would reach {reached} of {} {people}", self.people)];
        let reasons = self.without_mail.iter().map(|(reason, number)| format!("{number} of them: {reason}"));
        sentences.extend(reasons);
        sentences.extend(self.notes.iter().cloned());
        sentences
    }

    fn add(&mut self, email: Option<&str>) {
        self.people += 1;
        if let Some(reason) = why_unreachable(email) {
            *self.without_mail.entry(reason).or_default() += 1;
        }
    }
}

/// Why no mail can be written to somebody, if so.
fn why_unreachable(email: Option<&str>) -> Option<String> {
    match email {
        None => Some("there is no address".to_owned()),
        Some(email) => address::parse(email).err().map(|error| error.to_string()),
    }
}

/// Whether the database knows more about these people than the message.
pub(super) fn needs_database(message: &Message) -> bool {
    message.event_id.is_some() || !user_ids(message).is_empty()
}

/// Why the message would be a dead letter, or would not reach everybody whom it names.
///
/// # Errors
/// When the database does not answer.
pub(super) fn find_problem(message: &Message, store: &Store) -> Result<Option<String>, StoreError> {
    if let Some(event_id) = message.event_id
        && let Err(reason) = store.event_key_type()?.accept(event_id)
    {
        return Ok(Some(format!("no event can have the key {event_id}: {reason}")));
    }
    let ids = user_ids(message);
    match find_users(&ids, store) {
        Ok(found) => Ok(why_not_found(&ids, &found)),
        Err(error) if error.is_unreadable() => {
            Ok(Some(format!("users cannot be looked up by their ids: {}", error.reason())))
        }
        Err(error) => Err(error),
    }
}

fn why_not_found(ids: &[&str], found: &FoundUsers) -> Option<String> {
    let missing: Vec<&str> = ids.iter().copied().filter(|id| !found.contains_key(*id)).collect();
    if let Some((first, error)) = ids.iter().find_map(|id| Some((id, found.get(*id)?.as_ref().err()?))) {
        return Some(format!("the user {first}: {error}"));
    }
    if missing.is_empty() {
        return None;
    }
    let named = missing[..missing.len().min(NAMED)].join(", ");
    let more = missing.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some(format!("the table users has no user with the id {named}{more}"))
}

/// Whom the message would reach.
///
/// # Errors
/// When the database does not answer.
pub(super) fn find_reach(message: &Message, store: &Store) -> Result<Reach, StoreError> {
    match message.event_id {
        Some(event_id) => of_event(event_id, message, store),
        None => Ok(of_named(message, &find_users(&user_ids(message), store)?)),
    }
}

/// Those whom a notice names, of whom these users were found.
pub(super) fn of_named(message: &Message, found: &FoundUsers) -> Reach {
    let mut reach = Reach::default();
    for one in message.recipients.iter().flat_map(|recipients| recipients.iter()) {
        match &one.user_key {
            None => reach.add(one.email.as_deref()),
            Some(id) => {
                let user = found.get(id).and_then(|found| found.as_ref().ok());
                reach.add(user.and_then(|user| user.email.as_deref()));
            }
        }
    }
    reach
}

fn of_event(event_id: EventId, message: &Message, store: &Store) -> Result<Reach, StoreError> {
    let mut reach = Reach { people: store.count_participants(event_id)?, ..Reach::default() };
    let sample = store.sample_participants(event_id, LOOKED_AT)?;
    for person in &sample.readable {
        if let Some(reason) = why_unreachable(person.email.as_deref()) {
            *reach.without_mail.entry(reason).or_default() += 1;
        }
    }
    if reach.people > LOOKED_AT.into() {
        reach.notes.push(format!("addresses were looked at of the first {LOOKED_AT}"));
    }
    if let Some((id, why)) = sample.example {
        reach.notes.push(format!("participant {id} cannot be read: {why}"));
    }
    let details = MessageDetails::read(message.details.as_ref());
    let is_carried = details.is_ok_and(|details| details.event.is_some());
    if !is_carried && !store.has_event(event_id)? {
        reach.notes.push(format!(
            "event {event_id} is not in the database: if it is not there within EVENT_LOOKUP_GRACE, nobody gets a mail"
        ));
    }
    Ok(reach)
}

fn user_ids(message: &Message) -> Vec<&str> {
    let recipients = message.recipients.iter().flat_map(|recipients| recipients.iter());
    recipients.filter_map(|one| one.user_key.as_deref()).collect()
}

fn find_users(ids: &[&str], store: &Store) -> Result<FoundUsers, StoreError> {
    if ids.is_empty() { Ok(FoundUsers::new()) } else { store.find_users(ids) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::database;
    use crate::config::Config;
    use crate::domain::event_key_type::EventKeyType;

    #[test]
    fn an_event_is_looked_up_unless_the_message_carries_it() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("app.db").to_str().unwrap().to_owned();
        let config = Config::from_lookup(&|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let (store, _) = database::migrate(&config).unwrap();
        let notes = |body: &str| {
            let message = Message::decode(body.as_bytes(), EventKeyType::Number).unwrap().message;
            find_reach(&message, &store).unwrap().notes.len()
        };
        let carried = r#"{"type":"event_updated","event":{"event_id":7,"event_name":"Gala","start_time":"2030-01-01T10:00:00Z"}}"#;
        assert_eq!(notes(carried), 0);
        assert_eq!(notes(r#"{"type":"UPDATED","event_id":7,"metadata":{"event":{"a":1}}}"#), 1);
    }
}

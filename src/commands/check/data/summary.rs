//! What `fanmail check` says about the rows that it has looked at: what keeps people from being mailed, and what is worth
//! knowing. Shows no address.

use std::collections::BTreeMap;

use crate::commands::check::data::looks::{Keys, Limits, Look};
use crate::domain::address::{self, AddressError};
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::{Participant, comparable_address};
use crate::store::source::sample::{DoubledKeys, ParticipantSample, TextKeys};
use crate::store::source::zones::UnknownZones;
use crate::text::clean::{cut, one_line};
use crate::text::count::count;
use crate::text::mask::mask;

mod doubled;
mod problems;
mod zones;

/// Longest value of a row that is shown, in characters.
const SHOWN_MAX: usize = 60;

/// What was found so far.
#[derive(Debug)]
pub struct Summary {
    limits: Limits,
    events: usize,
    event_keys: EventKeyType,
    /// Those of events that have more than one.
    event_rows: BTreeMap<EventId, u64>,
    people: u64,
    keys: Option<Keys>,
    without_keys: Option<EventId>,
    times: BTreeMap<&'static str, Tally>,
    unreadable: Tally,
    doubled: BTreeMap<EventId, DoubledKeys>,
    doubled_looked_at: usize,
    without_address: u64,
    /// By what is wrong with them.
    bad_addresses: BTreeMap<String, Tally>,
    same_address: u64,
    one_mail_per_address: bool,
    zones: Option<UnknownZones>,
    /// Of participants.
    own_zones: Tally,
    none_takes_part: bool,
    failures: Vec<String>,
    is_out_of_time: bool,
}

/// How many, and one of them.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    example: String,
}

impl Tally {
    fn add(&mut self, count: u64, example: impl FnOnce() -> String) {
        if self.count == 0 && count > 0 {
            self.example = example();
        }
        self.count += count;
    }
}

impl Summary {
    /// Whether participants who have one address get one mail together.
    #[must_use]
    pub fn with_one_mail_per_address(self, one_mail_per_address: bool) -> Self {
        Self { one_mail_per_address, ..self }
    }

    /// Nothing was found yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            events: 0,
            event_keys: EventKeyType::Number,
            event_rows: BTreeMap::new(),
            people: 0,
            keys: None,
            without_keys: None,
            times: BTreeMap::new(),
            unreadable: Tally::default(),
            doubled: BTreeMap::new(),
            doubled_looked_at: 0,
            without_address: 0,
            bad_addresses: BTreeMap::new(),
            same_address: 0,
            one_mail_per_address: false,
            zones: None,
            own_zones: Tally::default(),
            none_takes_part: false,
            failures: Vec::new(),
            is_out_of_time: false,
        }
    }

    /// The same when the time was over before everything was looked at.
    pub fn out_of_time(self) -> Self {
        Self { is_out_of_time: true, ..self }
    }

    /// Adds what one query has found.
    pub fn add(&mut self, look: Look) {
        match look {
            Look::Events(events) => self.events = events,
            Look::EventKeys(keys) => self.event_keys = keys,
            Look::Rows(event, rows) => drop(self.event_rows.insert(event, rows)),
            Look::Times(event, columns) => {
                for column in columns {
                    self.times.entry(column).or_default().add(1, || format!("event {event}"));
                }
            }
            Look::Participants(event, sample) => self.add_sample(event, sample),
            Look::NoneTakesPart => self.none_takes_part = true,
            Look::Zones(zones) => self.zones = Some(zones),
            Look::Doubled(event, keys) => {
                self.doubled_looked_at += 1;
                self.doubled.extend(keys.map(|keys| (event, keys)));
            }
            Look::Failed(error) => {
                let error = error.to_string();
                if !self.failures.contains(&error) {
                    self.failures.push(error);
                }
            }
        }
    }

    fn add_sample(&mut self, event: EventId, sample: ParticipantSample) {
        let ParticipantSample { readable, text_keys, lacks_keys, unreadable, example } = sample;
        if lacks_keys {
            self.without_keys.get_or_insert(event);
        }
        self.people += u64::try_from(readable.len()).unwrap_or(u64::MAX) + unreadable;
        self.unreadable.add(unreadable, || match example {
            Some((id, cause)) => {
                format!("participant {id} of event {event}: {}", cut(mask(&cause), 3 * SHOWN_MAX))
            }
            None => format!("one of event {event}"),
        });
        let ids: Vec<ParticipantId> = readable.iter().map(|person| person.id).collect();
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            let keys = text_keys.as_ref().map_or(Keys::Numbers(*first, *last), |keys| Keys::Text(keys.name));
            self.keys = Some(self.keys.map_or(keys, |others| others.and(keys)));
        }
        self.add_doubled_rows(event, &readable);
        self.add_own_zones(&readable);
        self.add_addresses(event, &readable, text_keys.as_ref());
    }

    fn add_addresses(&mut self, event: EventId, people: &[Participant], text_keys: Option<&TextKeys>) {
        let mut known = BTreeMap::new();
        for (index, person) in people.iter().enumerate() {
            let Some(email) = &person.email else {
                self.without_address += 1;
                continue;
            };
            match address::parse(email) {
                Ok(address) => {
                    // Rows of one key are one participant.
                    let first = *known.entry(comparable_address(address.as_ref())).or_insert(person.id);
                    self.same_address += u64::from(first != person.id);
                }
                Err(AddressError(reason)) => {
                    let example = || {
                        let key = text_keys.and_then(|keys| keys.keys.get(index));
                        let key = key.map_or_else(|| person.id.to_string(), |key| shown_key(key));
                        format!("{} (participant {key} of event {event})", masked(email))
                    };
                    self.bad_addresses.entry(reason).or_default().add(1, example);
                }
            }
        }
    }

    /// What was looked at, and what is worth knowing.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.looked_at()];
        notes.extend(self.times.iter().map(|(column, Tally { count: number, example })| {
            format!(
                "{} with something in {column} that is not a time that fanmail can read, such as {example}; their \
                 mails leave it out; store it as UTC in a form such as 2026-11-21 09:00:00",
                count(*number, "event")
            )
        }));
        notes.extend(self.unknown_zones());
        notes.extend(self.bad_addresses.iter().map(|(reason, Tally { count: number, example })| {
            format!(
                "{} with an address that cannot be written: {reason}, such as {example}; without a correction they \
                 count as failed",
                count(*number, "participant")
            )
        }));
        if self.without_address > 0 {
            notes.push(format!(
                "{} without an address, who are skipped",
                count(self.without_address, "participant")
            ));
        }
        if self.same_address > 0 {
            notes.push(format!(
                "{} with the address of another participant of the same event; {}",
                count(self.same_address, "participant"),
                if self.one_mail_per_address {
                    "with ONE_MAIL_PER_ADDRESS=True only one of each address gets the mail, and the others are skipped"
                } else {
                    "each of them gets a mail, unless ONE_MAIL_PER_ADDRESS=True"
                }
            ));
        }
        notes.extend(self.doubled_rows());
        if self.none_takes_part {
            notes.push(
                "none of these events has a participant, although there are participants: their event_id must be the id \
                 of an event"
                    .to_owned(),
            );
        }
        notes
    }

    fn looked_at(&self) -> String {
        let Limits { events, participants, time } = self.limits;
        let events = match self.events {
            0 if !self.is_out_of_time => {
                return "there are no events yet, so no rows were looked at".to_owned();
            }
            0 => "no event".to_owned(),
            found if u32::try_from(found) == Ok(events) => format!("the {found} newest events"),
            found => count(u64::try_from(found).unwrap_or(u64::MAX), "event"),
        };
        let sentence = format!(
            "looked at {events} and the first {participants} participants of each: {}{}",
            count(self.people, "participant"),
            self.keys.map(|keys| keys.to_string()).unwrap_or_default()
        );
        let are_numbers =
            self.event_keys == EventKeyType::Number && !matches!(self.keys, Some(Keys::Text(_)));
        let sentence = if are_numbers {
            sentence
        } else {
            format!("{sentence}; the keys of events are {}", self.event_keys)
        };
        if !self.is_out_of_time {
            return sentence;
        }
        format!(
            "{sentence}; not everything, because {} s were over (doubled keys were looked for in {} of the events). An index \
             on the event and the id of participants makes this faster, and the worker as well",
            time.as_secs(),
            self.doubled_looked_at
        )
    }
}

/// A key of a participant that is text. It may be an address.
fn shown_key(key: &str) -> String {
    cut(one_line(&mask(key)), SHOWN_MAX)
}

/// The first character and the domain of what should be an address: `a…@example.org`.
fn masked(email: &str) -> String {
    let email = one_line(email);
    let (local, domain) = email.rfind('@').map_or((email.as_str(), ""), |at| email.split_at(at));
    let fits = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let kept: String = domain.chars().take(1).chain(domain.chars().skip(1).take_while(fits)).collect();
    let rest = if kept.len() < domain.len() { "…" } else { "" };
    let first: String = local.chars().take(1).collect();
    cut(format!("{first}…{kept}{rest}"), SHOWN_MAX)
}

#[cfg(test)]
mod tests;

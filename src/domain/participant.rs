//! Someone who takes part in an event, as the application stores them. fanmail only reads them.

use std::fmt;

use crate::domain::ids::ParticipantId;
use crate::domain::message::details::DetailsJson;
use crate::text::clean::shown_key;
use crate::text::mask::mask;

/// How much of a key a log shows, in characters.
const SHOWN: usize = 80;

/// One row of `participants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The application's key; pages are read in its order. If that is text: the number that the ledger has given to it.
    pub id: ParticipantId,
    /// The application's key, if it is text.
    pub key: Option<Box<str>>,
    /// Where the mail goes. `None` when the application has no address: the outcome is `skipped`.
    pub email: Option<String>,
    /// How to address them; may be empty.
    pub name: String,
    /// BCP 47 tag of their language, such as `de-CH`.
    pub locale: Option<String>,
    /// Where their clocks stand, in the application's words; [`TimeZone::parse`](crate::domain::time_zone::TimeZone::parse) reads it.
    pub timezone: Option<String>,
    /// What the message says to them alone.
    pub details: Option<DetailsJson>,
}

impl Participant {
    /// The application's key for a log. An address in it is masked.
    #[must_use]
    pub fn shown_key(&self) -> ShownKey<'_> {
        ShownKey(self)
    }
}

/// A row of a participant, of which several may have one key: a JOIN makes a row for each translation or booking.
pub trait ParticipantRow {
    /// Address, name, locale and time zone.
    fn columns(&self) -> [Option<&str>; 4];
}

impl ParticipantRow for Participant {
    fn columns(&self) -> [Option<&str>; 4] {
        [self.email.as_deref(), Some(&self.name), self.locale.as_deref(), self.timezone.as_deref()]
    }
}

/// Of two rows with one key, leaves in `kept` the one that is the participant: the one with the smaller address, as bytes, and with an
/// address before one without. The other columns only make it the same one each time. Returns whether the rows have two addresses, so that
/// they may be two people.
pub fn keep_one<Row: ParticipantRow>(kept: &mut Row, other: &mut Row) -> bool {
    let addresses = [&*kept, &*other].map(|row| row.columns()[0].map(comparable_address));
    let rank = |row: &Row, address: &Option<String>| {
        (address.is_none(), address.clone(), row.columns().map(|text| text.map(str::to_owned)))
    };
    let differ = matches!(&addresses, [Some(first), Some(second)] if first != second);
    if rank(other, &addresses[1]) < rank(kept, &addresses[0]) {
        std::mem::swap(kept, other);
    }
    differ
}

/// The key of a participant, for a log. An address in it is masked.
#[derive(Debug, Clone, Copy)]
pub struct ShownKey<'a>(&'a Participant);

impl fmt::Display for ShownKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.key {
            Some(key) => f.write_str(&mask(&shown_key(key, SHOWN))),
            None => self.0.id.fmt(f),
        }
    }
}

/// An address in the form in which two are compared: without blanks around it, and the domain in small letters. Only the
/// receiving system knows whether capitals before the `@` matter (RFC 5321 section 2.4).
#[must_use]
pub fn comparable_address(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(email: Option<&str>, name: &str) -> Participant {
        Participant {
            id: ParticipantId(7),
            key: None,
            email: email.map(str::to_owned),
            name: name.to_owned(),
            locale: None,
            timezone: None,
            details: None,
        }
    }

    #[test]
    fn the_smallest_address_is_the_participant_whichever_row_comes_first() {
        let (ann, bob) = (Some("ann@example.com"), Some("bob@example.com"));
        let capitals = Some(" ann@EXAMPLE.com");
        for (smaller, larger, are_two) in [
            (row(ann, "Z"), row(bob, "A"), true),
            (row(Some("Zoe@example.com"), ""), row(ann, ""), true),
            (row(ann, "Z"), row(None, "A"), false),
            (row(ann, "A"), row(ann, "B"), false),
            (row(capitals, "A"), row(ann, "A"), false),
            (row(None, "A"), row(None, "B"), false),
            (row(ann, "A"), row(ann, "A"), false),
        ] {
            for [first, second] in [[&smaller, &larger], [&larger, &smaller]] {
                let (mut kept, mut other) = (first.clone(), second.clone());
                assert_eq!(keep_one(&mut kept, &mut other), are_two, "{kept:?} {other:?}");
                assert_eq!(kept, smaller);
            }
        }
    }
}

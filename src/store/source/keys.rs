//! The kinds of keys that `participants` may have, and how keys that are text are written in statements. Reading pages of them is
//! left to `listed`; which kind a column has, to the folders of the databases.
//!
//! A page is read behind a key, so the order of a page must tell any two keys apart: else people would be skipped whose keys are
//! equal in that order to the last one of a page. Many collations hold `a` and `A` for equal, some also `a` and `a` with a blank
//! behind it.

use crate::domain::ids::EventId;
use crate::store::source::event_keys::EventKeys;
use crate::store::source::zone_column::ZoneColumn;

/// Longest key that fanmail can list, in characters.
pub const KEY_MAX: usize = 255;

/// Ends the text of a key that is not printed as it is.
pub const UNPRINTABLE: &str = "\0real";

/// How the application's tables hold keys, and what else is found once with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AppKeys {
    /// Those of events.
    pub events: EventKeys,
    /// Those of participants.
    pub participants: ParticipantKeys,
    /// Their time zones.
    pub zones: ZoneColumn,
}

/// The kind of keys in `participants.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParticipantKeys {
    /// Whole numbers.
    Numbers,
    /// Text, or something that is read as text.
    Texts(KeyExpressions),
    /// Each row has a kind of its own: SQLite stores any value in any column.
    OfEachRow,
}

/// How keys that are text are written in statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyExpressions {
    /// What people call such keys.
    pub name: &'static str,
    /// The key as text. Two keys are the same when these texts are, byte by byte.
    pub text: &'static str,
    /// What pages are ordered by, along an index if there can be one.
    pub order: &'static str,
    /// What stands before and behind a text that is compared with `order`.
    pub bound: [&'static str; 2],
    /// Whether different keys may be equal in that order.
    pub has_equals: bool,
    /// Whether a key may also be stored as a number or as bytes, which equal no text.
    pub any_type: bool,
    /// The text of the key, and that of `recipients.user_key`, in a form in which only the same texts are equal.
    pub exact: [&'static str; 2],
    /// What stands before and behind a text that is compared with the first of these.
    pub exact_bound: [&'static str; 2],
}

/// Why the ledger cannot list a key, if so. No key is named: it may be an address.
pub(crate) fn why_unlistable(event_id: EventId, key: &str) -> Option<String> {
    let problem = if key.contains(char::REPLACEMENT_CHARACTER) {
        "is not UTF-8, or has U+FFFD in it".to_owned()
    } else if key.ends_with(UNPRINTABLE) {
        "is a number that SQLite does not print as it is".to_owned()
    } else if key.contains('\0') {
        "has a NUL in it".to_owned()
    } else {
        match key.chars().count() {
            ..=KEY_MAX => return None,
            length => format!("has {length} characters, and {KEY_MAX} are the most that fanmail can list"),
        }
    };
    Some(format!(
        "a key of a participant of event {event_id} (participants.id) {problem}; give the row another one"
    ))
}

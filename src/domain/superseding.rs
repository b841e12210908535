//! Which notification of an event ends an older one that is not finished. How one is ended is left to `worker::fan_out`.

use crate::domain::kind::Kind;
use crate::domain::message::details::{DetailsJson, MessageDetails};

/// Whether a notification of the kind `newer` ends an older one, of the kind `older` with these details. Nobody needs to hear of a
/// change, or be reminded, of an event that is cancelled, nor of a change that another one has followed. A CREATED is not ended by an
/// UPDATED: who has not got it yet has not heard of the event. Words for people are not lost either: an UPDATED with a note or a
/// reason is ended by a CANCELLED only.
#[must_use]
pub fn supersedes(newer: Kind, older: Kind, older_details: Option<&DetailsJson>) -> bool {
    match (newer, older) {
        (Kind::Cancelled, Kind::Created | Kind::Updated | Kind::Reminder) => true,
        (Kind::Updated, Kind::Updated) => !has_words(older_details),
        _ => false,
    }
}

/// Details that cannot be read may have words.
fn has_words(details: Option<&DetailsJson>) -> bool {
    MessageDetails::read(details).map_or(true, |details| details.note.is_some() || details.reason.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancellation_ends_all_that_is_said_of_an_event_that_takes_place() {
        let by_cancelled: Vec<Kind> =
            Kind::ALL.into_iter().filter(|older| supersedes(Kind::Cancelled, *older, None)).collect();
        assert_eq!(by_cancelled, [Kind::Created, Kind::Updated, Kind::Reminder]);
        let by_others = |newer: Kind| Kind::ALL.into_iter().any(|older| supersedes(newer, older, None));
        let ending: Vec<Kind> = Kind::ALL.into_iter().filter(|newer| by_others(*newer)).collect();
        assert_eq!(ending, [Kind::Updated, Kind::Cancelled]);
    }

    #[test]
    fn an_update_ends_an_older_one_unless_that_has_words_for_people() {
        let details = |note: Option<&str>, reason: Option<&str>| {
            let [note, reason] = [note, reason].map(|text| text.map(str::to_owned));
            MessageDetails { note, reason, ..MessageDetails::default() }.to_json()
        };
        let is_ended =
            |details: Option<DetailsJson>| supersedes(Kind::Updated, Kind::Updated, details.as_ref());
        assert!(is_ended(None));
        let mut metadata = MessageDetails::default();
        metadata.metadata.insert("order".to_owned(), 7.into());
        assert!(is_ended(metadata.to_json()));
        for (note, reason) in [(Some("Bring a coat."), None), (None, Some("storm"))] {
            assert!(!is_ended(details(note, reason)));
            assert!(supersedes(Kind::Cancelled, Kind::Updated, details(note, reason).as_ref()));
        }
        assert!(!is_ended(Some(DetailsJson::from_ledger("no JSON"))));
    }
}

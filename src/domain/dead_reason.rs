//! Reasons of dead letters, compared: which are the same apart from the numbers and keys in them, and which a person means.

use crate::text::clean::cut;

/// Longest text of a group, in characters.
const LONGEST: usize = 300;

/// Stands for what differs.
const ANY: &str = "…";

/// The reason of a dead letter that has none.
pub const NO_REASON: &str = "no reason is given: another program has put it into the queue";

/// The reason without what differs between messages: each word with a digit in it is an ellipsis.
#[must_use]
pub fn general(reason: &str) -> String {
    let ends_word = |c: char| c.is_whitespace() || "\"'()[]{},;:=".contains(c);
    let mut text = String::with_capacity(reason.len());
    for piece in reason.split_inclusive(ends_word) {
        let word = piece.trim_end_matches(ends_word);
        let (_, end) = piece.split_at(word.len());
        let is_any = word.contains(|c: char| c.is_ascii_digit());
        let shown = if is_any { ANY } else { word };
        // A time is several pieces.
        let follows_any = is_any && text.trim_end_matches([':', ' ']).ends_with(ANY);
        if follows_any {
            text.truncate(text.trim_end_matches([':', ' ']).len());
        } else {
            text.push_str(shown);
        }
        text.push_str(end);
    }
    cut(text, LONGEST)
}

/// Whether `words` are part of the reason, or of what it has in common with others: as a list by reasons shows it.
#[must_use]
pub fn is_meant(words: &str, reason: Option<&str>) -> bool {
    let words = words.trim().to_lowercase();
    let reason = reason.unwrap_or(NO_REASON);
    !words.is_empty()
        && (reason.to_lowercase().contains(&words) || general(reason).to_lowercase().contains(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keys_and_times_make_no_group_of_their_own() {
        for (reason, expected) in [
            ("the field \"event_id\" is missing", "the field \"event_id\" is missing"),
            (
                "event 7 is not in the database, and did not appear within 60 s",
                "event … is not in the database, and did not appear within … s",
            ),
            (
                "event 550e8400-e29b-41d4-a716-446655440000 is not in the database",
                "event … is not in the database",
            ),
            (
                "the body is not JSON: expected value at line 1 column 9",
                "the body is not JSON: expected value at line … column …",
            ),
            (
                "it was published at 2026-11-26 08:59:00Z, and STALE_AFTER is 3600 s; see",
                "it was published at …, and STALE_AFTER is … s; see",
            ),
            ("the type \"MOVED\" is not one of CREATED", "the type \"MOVED\" is not one of CREATED"),
            ("", ""),
        ] {
            assert_eq!(general(reason), expected);
            assert!(reason.is_empty() || is_meant(expected, Some(reason)), "{reason}");
        }
        assert_eq!(general(&"x ".repeat(1000)).chars().count(), LONGEST);
    }

    #[test]
    fn a_reason_is_meant_by_words_of_it_or_of_its_group() {
        let reason = Some("event 7 is not in the database");
        for words in ["event 7 is", "EVENT … is not", " not in the database "] {
            assert!(is_meant(words, reason), "{words}");
        }
        for words in ["event 8 is", "", " ", "stale"] {
            assert!(!is_meant(words, reason), "{words}");
        }
        assert!(is_meant("no reason", None) && !is_meant("stale", None));
    }
}

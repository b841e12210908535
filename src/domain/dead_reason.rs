//! Reasons of dead letters, compared: which are the same apart from the numbers and keys in them, and which a person means.

use std::fmt;

use crate::text::clean::cut;

/// Longest text of a group, in characters.
const LONGEST: usize = 300;

/// Stands for what differs.
const ANY: &str = "…";

/// What ends a word of a reason.
const ENDS_WORD: &str = "\"'()[]{},;:=";

/// The reason of a dead letter that has none.
pub const NO_REASON: &str = "no reason is given: another program has put it into the queue";

/// The reason without what differs between messages: each word with a digit in it is an ellipsis.
#[must_use]
pub fn general(reason: &str) -> String {
    cut(whole_general(reason), LONGEST)
}

fn whole_general(reason: &str) -> String {
    let words = words_of(reason).map(|(word, end)| {
        let is_any = word.contains(ANY) || word.contains(|c: char| c.is_ascii_digit());
        (if is_any { None } else { Some(word) }, end)
    });
    written(words)
}

/// What several reasons of one group have in common, with the numbers that all of them have: a limit stays, and what breaks it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonReason {
    /// Each word, or `None` where the reasons differ, and what is behind it. `None`: too little is common to them.
    words: Option<Vec<(Option<String>, String)>>,
    general: String,
}

impl CommonReason {
    /// One reason has all in common with itself.
    #[must_use]
    pub fn of(reason: &str) -> Self {
        let kept = cut(reason, LONGEST);
        let words = words_of(&kept).map(|(word, end)| (Some(word.to_owned()), end.to_owned())).collect();
        Self { words: Some(words), general: general(reason) }
    }

    /// Leaves out what another reason of the same group says otherwise.
    pub fn add(&mut self, reason: &str) {
        let Some(words) = &mut self.words else { return };
        let kept = cut(reason, LONGEST);
        let others: Vec<(&str, &str)> = words_of(&kept).collect();
        let is_alike = others.len() == words.len()
            && words.iter().zip(&others).all(|((_, end), (_, other_end))| end == other_end);
        if !is_alike {
            self.words = None;
            return;
        }
        for ((word, _), (other, _)) in words.iter_mut().zip(others) {
            if word.as_deref() != Some(other) {
                *word = None;
            }
        }
    }
}

impl fmt::Display for CommonReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => {
                let words = words.iter().map(|(word, end)| (word.as_deref(), end.as_str()));
                f.write_str(&cut(written(words), LONGEST))
            }
            None => f.write_str(&self.general),
        }
    }
}

/// Each word, and what ends it.
fn words_of(reason: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends_word = |c: char| c.is_whitespace() || ENDS_WORD.contains(c);
    reason
        .split_inclusive(ends_word)
        .map(move |piece| piece.split_at(piece.trim_end_matches(ends_word).len()))
}

/// The words again, with an ellipsis in place of each `None`.
fn written<'a>(words: impl Iterator<Item = (Option<&'a str>, &'a str)>) -> String {
    let mut text = String::new();
    for (word, end) in words {
        // A time is several words.
        let follows_any = word.is_none() && text.trim_end_matches([':', ' ']).ends_with(ANY);
        if follows_any {
            text.truncate(text.trim_end_matches([':', ' ']).len());
        } else {
            text.push_str(word.unwrap_or(ANY));
        }
        text.push_str(end);
    }
    text
}

/// Whether `words` are part of the reason, or of what it has in common with others: as a list by reasons shows it.
#[must_use]
pub fn is_meant(words: &str, reason: Option<&str>) -> bool {
    let words = words.trim().to_lowercase();
    let reason = reason.unwrap_or(NO_REASON);
    let (reason, general_reason) = (reason.to_lowercase(), whole_general(reason).to_lowercase());
    let general_words = whole_general(&words);
    // Of a long reason only the beginning is shown, and the last word may be a part of one.
    let begin = general_words.trim_end_matches(ANY).trim_end();
    !words.is_empty()
        && (reason.contains(&words)
            || general_reason.contains(&words)
            || words.contains(ANY)
                && !words.replace(ANY, "").trim().is_empty()
                && general_reason.contains(begin)
                && has_in_order(&reason, &words))
}

/// Whether the reason has what stands between the ellipses, in that order.
fn has_in_order(reason: &str, words: &str) -> bool {
    let mut rest = reason;
    words.split(ANY).all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
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
    fn numbers_that_all_have_stay() {
        let common = |reasons: &[&str]| {
            let mut common = CommonReason::of(reasons[0]);
            for reason in &reasons[1..] {
                common.add(reason);
            }
            let shown = common.to_string();
            for reason in reasons {
                assert!(is_meant(&shown, Some(reason)), "{shown}: {reason}");
            }
            shown
        };
        let is_too_long = |bytes| format!("the body has {bytes} bytes; at most 65536 are read");
        assert_eq!(common(&[&is_too_long(70_043)]), is_too_long(70_043));
        assert_eq!(
            common(&[&is_too_long(70_043), &is_too_long(3_000_000), &is_too_long(70_043)]),
            "the body has … bytes; at most 65536 are read"
        );
        assert_eq!(common(&["at 2026-11-26 08:59:00Z, now", "at 2026-11-27 09:58:01Z, now"]), "at …, now");
        assert_eq!(
            common(&["at 2026-11-26 08:59:00Z, now", "at 2026-11-26 10:12:30Z, now"]),
            "at 2026-11-26 …, now"
        );
        assert_eq!(
            common(&["at 2026-11-26 08:59:00Z, now", "at 7, now"]),
            "at …, now",
            "a time is several words"
        );
        assert!(!is_meant(
            "the body has … bytes; at most 65536 are",
            Some("the body has 7 bytes; at most 9 are read")
        ));
        assert!(!is_meant("event … is stale", Some("event 7 is gone")) && !is_meant("…", Some("gone")));
        let long = |n| format!("{n} of {}", "12 words ".repeat(100));
        assert!(common(&[&long(1)]).chars().count() <= LONGEST);
        assert!(common(&[&long(1), &long(2)]).starts_with("… of 12 words 12 words"));
        assert!(is_meant(&general(&long(1)), Some(&long(1))), "as a link says it");
        common(&[&"12ab".repeat(100)]);
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

//! Makes text of other programs and people safe to show: on one line where a header, a log or an error needs it, and cut.
//! Masking addresses is left to `mask`.

use unicode_segmentation::GraphemeCursor;

/// `text` on one line: every run of white space and control characters becomes one space, and characters that change the
/// direction of text are removed.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars().filter(|&c| !turns_direction(c)) {
        if c.is_whitespace() || c.is_control() {
            gap = !line.is_empty();
            continue;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(c);
    }
    line
}

/// `text` with its lines, and without characters that control a terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || !(c.is_control() || turns_direction(c))).collect()
}

/// A key of the application on one line, at most `max` characters of it. With quotes and escapes, if a reader could not tell
/// otherwise where it ends or what is in it.
#[must_use]
pub fn shown_key(key: &str, max: usize) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.:/+@#~".contains(c);
    if !key.is_empty() && key.chars().all(is_plain) {
        return cut(key, max);
    }
    // What stands for itself in a Rust text, but not on a terminal.
    let visible: String = key.chars().filter(|&c| !turns_direction(c)).collect();
    cut(format!("{visible:?}"), max)
}

/// The text without its digits: equal for two texts that differ in counts and times only.
#[must_use]
pub fn without_digits(text: &str) -> String {
    text.chars().filter(|char| !char.is_ascii_digit()).collect()
}

/// At most `max` characters of `line`; an ellipsis at the end if it was cut. What a reader sees as one character, such as
/// a letter with its accents, is kept or left out as a whole, unless the line begins with one that is longer.
#[must_use]
pub fn cut(line: impl Into<String>, max: usize) -> String {
    let mut line = line.into();
    if line.len() <= max {
        return line;
    }
    let end = |number| line.char_indices().nth(number).map(|(end, _)| end);
    if let (Some(_), Some(end)) = (end(max), end(max.saturating_sub(1))) {
        let whole = cluster_boundary(&line, end);
        line.truncate(if whole == 0 { end } else { whole });
        line.truncate(line.trim_end().len());
        line.push('…');
    }
    line
}

/// The last place within the first `max` bytes of `text` where a character begins or ends as readers see it (a grapheme
/// cluster of Unicode TR 29). Zero if the first one is longer.
#[must_use]
pub fn cluster_boundary(text: &str, max: usize) -> usize {
    let end = char_boundary(text, max);
    let mut cursor = GraphemeCursor::new(end, text.len(), true);
    // With the whole text at hand, neither call can fail.
    match cursor.is_boundary(text, 0) {
        Ok(true) => end,
        _ => cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0),
    }
}

/// The last place within the first `max` bytes of `text` where a `char` begins or ends.
#[must_use]
pub fn char_boundary(text: &str, max: usize) -> usize {
    (0..=max.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0)
}

/// Embeddings, overrides and isolates (Unicode TR 9): a name that holds one can reverse the rest of its line. Also the
/// invisible byte order mark.
#[must_use]
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_stays_one_line() {
        assert_eq!(one_line("  Bob\r\nBcc: all@example.org\t\0x\u{2028}y "), "Bob Bcc: all@example.org x y");
        assert_eq!(one_line("\u{202e}evil\u{202c}"), "evil");
        assert_eq!(one_line("a \u{202e} b \u{feff}"), "a b");
        assert_eq!(one_line(" \n "), "");
    }

    #[test]
    fn printable_text_keeps_its_lines_and_controls_nothing() {
        assert_eq!(printable("one\r\n  two\u{1b}[2J\u{9b}3m\u{202e}\u{0}"), "one\n  two[2J3m");
    }

    #[test]
    fn cut_text_ends_with_an_ellipsis() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("one two", 5), "one…");
    }

    #[test]
    fn cut_text_ends_with_a_whole_character() {
        assert_eq!(cut("Zoe\u{301}s", 4), "Zo…", "an accent stays with its letter");
        assert_eq!(cut("Zoe\u{301}sX", 5), "Zoe\u{301}…");
        assert_eq!(cut("a👩‍👩‍👧bcd", 5), "a…", "a family is five characters joined");
        assert_eq!(cut("🇩🇪🇫🇷🇪🇸", 4), "🇩🇪…", "a flag is two");
        assert_eq!(cut(format!("a{}", "\u{301}".repeat(99)), 4), "a\u{301}\u{301}…", "this one is too long");
    }

    #[test]
    fn boundaries_are_where_characters_end() {
        for (text, max, cluster, char) in
            [("", 5, 0, 0), ("ab", 9, 2, 2), ("aü", 2, 1, 1), ("e\u{301}x", 2, 0, 1), ("e\u{301}x", 3, 3, 3)]
        {
            assert_eq!(
                (cluster_boundary(text, max), char_boundary(text, max)),
                (cluster, char),
                "{text} {max}"
            );
        }
    }

    proptest! {
        // Any text, and text that is mostly characters which are removed.
        #[test]
        fn one_line_is_clean_and_idempotent(text in "(?s:.)*|[ a\n\u{202e}\u{2066}\u{feff}\u{a0}]*") {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(|c| c.is_control() || turns_direction(c)));
            prop_assert!(line.trim() == line && !line.contains("  "), "{:?}", line);
            prop_assert_eq!(one_line(&line), line);
        }
    }
}

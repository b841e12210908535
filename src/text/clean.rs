//! Strangers' text made presentable: on one line where a header, a log or an error wants one, and not too long.

/// `text` on one line: every run of white space and control characters becomes one space, and what would turn
/// the direction of the text around it is dropped.
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

/// `text` with its lines, and without what could steer the terminal that it is printed to.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || !(c.is_control() || turns_direction(c))).collect()
}

/// At most `max` characters of `line`, with an ellipsis where something is missing.
#[must_use]
pub fn cut(line: impl Into<String>, max: usize) -> String {
    let mut line = line.into();
    if line.len() <= max {
        return line;
    }
    let end = |number| line.char_indices().nth(number).map(|(end, _)| end);
    if let (Some(_), Some(end)) = (end(max), end(max.saturating_sub(1))) {
        line.truncate(end);
        line.truncate(line.trim_end().len());
        line.push('…');
    }
    line
}

/// Embeddings, overrides and isolates (Unicode TR 9): a name that holds one can make the rest of a line read
/// backwards. The byte order mark is invisible and goes, too.
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
    fn printable_text_keeps_its_lines_and_steers_nothing() {
        assert_eq!(printable("one\r\n  two\u{1b}[2J\u{9b}3m\u{202e}\u{0}"), "one\n  two[2J3m");
    }

    #[test]
    fn cut_says_that_something_is_missing() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("one two", 5), "one…");
    }

    proptest! {
        // Any text, and text of little else than what does not stay.
        #[test]
        fn one_line_is_clean_and_stays_as_it_is(text in "(?s:.)*|[ a\n\u{202e}\u{2066}\u{feff}\u{a0}]*") {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(|c| c.is_control() || turns_direction(c)));
            prop_assert!(line.trim() == line && !line.contains("  "), "{:?}", line);
            prop_assert_eq!(one_line(&line), line);
        }
    }
}

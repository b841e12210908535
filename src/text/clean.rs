//! Makes text of other programs and people safe to show: on one line where a header, a log or an error needs it, and cut.
//! Masking addresses is left to `mask`.

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

/// At most `max` characters of `line`; an ellipsis at the end if it was cut.
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

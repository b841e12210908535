//! Formats text for a mail: wraps lines, keeps paragraphs.

use std::iter;

use crate::text::clean::turns_direction;

/// Longest subject, in characters. Mail clients show fewer.
pub const SUBJECT_MAX: usize = 120;

/// Longest line of a text part that contains a space, in characters: below the 78 of RFC 5322 section 2.1.1, with space
/// for quotation marks.
const WIDTH: usize = 72;

/// Free text with its line breaks, as `\n`, and without any other control character.
pub(crate) fn paragraphs(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|c| match c {
            '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            '\t' => ' ',
            c => c,
        })
        .filter(|&c| c == '\n' || !(c.is_control() || turns_direction(c)))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// `text` with what has a meaning in HTML escaped.
pub(crate) fn escape(text: &str) -> String {
    let mut html = Vec::with_capacity(text.len());
    // Writing into memory cannot fail.
    if tera::escape_html(text, &mut html).is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&html).into_owned()
}

/// `html` with line breaks in the source where lines are long: they show as spaces.
pub(crate) fn wrap_source(html: &str) -> String {
    let mut wrapped = String::with_capacity(html.len());
    wrap(html, &mut wrapped);
    wrapped
}

/// Formats a text part: no white space at the end of a line, never two blank lines in a row, long lines wrapped, one
/// line break at the end.
pub(crate) fn wrap_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut blank = false;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            blank = !out.is_empty();
            continue;
        }
        if blank {
            out.push('\n');
            blank = false;
        }
        wrap(line, &mut out);
        out.push('\n');
    }
    out
}

/// Appends `line`, broken at spaces where it is longer than [`WIDTH`]. Each line keeps the indentation. A word that is too
/// long, such as a web address, is not broken.
pub(crate) fn wrap(line: &str, out: &mut String) {
    if line.len() <= WIDTH || line.chars().count() <= WIDTH {
        out.push_str(line);
        return;
    }
    let words = line.trim_start_matches(' ');
    let indent = line.len() - words.len();
    let indentation = || iter::repeat_n(' ', indent);
    out.extend(indentation());
    let is_ascii = words.is_ascii();
    let (mut begin, mut start, mut column) = (0, 0, indent);
    for end in memchr::memchr_iter(b' ', words.as_bytes()).chain([words.len()]) {
        let word = &words[start..end];
        let length = if is_ascii { word.len() } else { word.chars().count() };
        if start > 0 {
            if column + 1 + length > WIDTH {
                out.push_str(&words[begin..start - 1]);
                out.push('\n');
                out.extend(indentation());
                (begin, column) = (start, indent);
            } else {
                column += 1;
            }
        }
        column += length;
        start = end + 1;
    }
    out.push_str(&words[begin..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paragraphs_keep_their_lines_and_control_nothing() {
        let text = paragraphs(" one <b>\r\n\r\ntwo & \u{7}three\rfour ");
        assert_eq!(text, "one <b>\n\ntwo & three\nfour");
    }

    #[test]
    fn lay_out_wraps_and_closes_gaps() {
        let long = "word ".repeat(30);
        let laid_out = wrap_text(&format!("\n\n\nHi,  \n\n\n\n    {long}\nend\n\n"));
        assert!(laid_out.starts_with("Hi,\n\n    word word"), "{laid_out}");
        assert!(laid_out.ends_with("word\nend\n"), "{laid_out}");
        assert!(laid_out.lines().skip(2).take(2).all(|line| line.starts_with("    word")));
        let address = format!("https://example.org/{}", "x".repeat(100));
        assert_eq!(wrap_text(&address), format!("{address}\n"));
    }

    proptest! {
        #[test]
        fn wrapping_loses_no_word_and_is_narrow(text: String) {
            let laid_out = wrap_text(&text);
            prop_assert!(laid_out.split_whitespace().eq(text.split_whitespace()));
            for line in laid_out.lines() {
                prop_assert!(line.chars().count() <= WIDTH || !line.trim_start_matches(' ').contains(' '));
            }
        }
    }
}

//! Content lines of iCalendar: escaped, quoted and folded (RFC 5545 section 3.1). Which lines there are is left to the writers.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use crate::text::clean::char_boundary;

/// Longest line, in bytes without its end (RFC 5545 section 3.1).
const LINE_MAX: usize = 75;

/// Content lines, each with `\n` at its end. What a channel makes of the line ends is up to it.
#[derive(Debug, Default)]
pub(crate) struct ContentLines {
    text: String,
}

impl ContentLines {
    /// A line that consists of these pieces, which have no control characters.
    pub fn line(&mut self, pieces: &[&str]) {
        let start = self.text.len();
        for piece in pieces {
            self.text.push_str(piece);
        }
        self.fold_from(start);
    }

    /// A property whose value is text: `SUMMARY:Drinks\, food`. Its control characters are left out, except for line breaks.
    pub fn text(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        self.text.push(':');
        for c in value.chars() {
            match c {
                '\n' => self.text.push_str("\\n"),
                '\\' | ';' | ',' => self.text.extend(['\\', c]),
                c if c.is_control() => {}
                c => self.text.push(c),
            }
        }
        self.fold_from(start);
    }

    /// All of them.
    pub fn finish(self) -> String {
        self.text
    }

    /// Folds what was written from `start` on, and ends the line. A character of several bytes stays whole: many readers decode each
    /// line by itself.
    fn fold_from(&mut self, start: usize) {
        if self.text.len() - start > LINE_MAX {
            let line = self.text.split_off(start);
            let (mut rest, mut room) = (line.as_str(), LINE_MAX);
            while rest.len() > room {
                let (piece, more) = rest.split_at(char_boundary(rest, room));
                self.text.push_str(piece);
                self.text.push_str("\n ");
                (rest, room) = (more, LINE_MAX - 1);
            }
            self.text.push_str(rest);
        }
        self.text.push('\n');
    }
}

/// `text` as the value of a parameter, with its quotes: `"Ann ^'Bob^' Lee"`. A quote and a caret are written as RFC 6868 has it. A
/// backslash, with which some readers escape the next character, and would lose the closing quote, becomes a slash.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 8);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '^' => quoted.push_str("^^"),
            '"' => quoted.push_str("^'"),
            '\\' => quoted.push('/'),
            c if c.is_control() => {}
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `20261224`
pub(crate) fn date(date: NaiveDate) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// `20261224T180000`
pub(crate) fn date_time(time: NaiveDateTime) -> String {
    let mut text = date(time.date());
    // Writing into memory cannot fail.
    if write!(text, "T{:02}{:02}{:02}", time.hour(), time.minute(), time.second()).is_err() {
        text.clear();
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines as they were before they were folded (RFC 5545 section 3.1).
    pub(crate) fn unfolded(lines: &str) -> String {
        lines.replace("\n ", "")
    }

    fn of_text(value: &str) -> String {
        let mut lines = ContentLines::default();
        lines.text("SUMMARY", value);
        lines.finish()
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(of_text("a, b; c\\d: \"e\"\nf\u{0}\r\u{7f}g"), "SUMMARY:a\\, b\\; c\\\\d: \"e\"\\nfg\n");
    }

    #[test]
    fn lines_have_75_bytes_and_whole_characters() {
        let x = |count| "x".repeat(count);
        assert_eq!(of_text(&x(67)), format!("SUMMARY:{}\n", x(67)));
        assert_eq!(of_text(&x(68)), format!("SUMMARY:{}\n x\n", x(67)));
        assert_eq!(of_text(&x(67 + 74 + 1)), format!("SUMMARY:{}\n {}\n x\n", x(67), x(74)));
        assert_eq!(of_text(&format!("{}ü", x(66))), format!("SUMMARY:{}\n ü\n", x(66)));
        assert_eq!(of_text(&format!("{}🎉", x(64))), format!("SUMMARY:{}\n 🎉\n", x(64)));
    }

    #[test]
    fn a_parameter_is_quoted() {
        assert_eq!(quoted("Lee, Ann; \"Bob\": ^\u{7}\\"), "\"Lee, Ann; ^'Bob^': ^^/\"");
    }

    #[test]
    fn times_have_their_digits() {
        let day = NaiveDate::from_ymd_opt(987, 1, 2).unwrap();
        assert_eq!(date_time(day.and_hms_opt(3, 4, 5).unwrap()), "09870102T030405");
    }

    proptest! {
        #[test]
        fn any_text_is_one_line_that_is_read_back(value in "(?s:.)*|[,;:\\\\\n ü🎉]{0,200}") {
            let lines = of_text(&value);
            prop_assert!(lines.split('\n').all(|line| line.len() <= LINE_MAX), "{lines}");
            let line = unfolded(&lines);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let mut read = String::new();
            let mut characters = line["SUMMARY:".len()..line.len() - 1].chars();
            while let Some(c) = characters.next() {
                match c {
                    '\\' => read.push(match characters.next() { Some('n') => '\n', other => other.unwrap() }),
                    c => read.push(c),
                }
            }
            let expected: String = value.chars().filter(|&c| c == '\n' || !c.is_control()).collect();
            prop_assert_eq!(read, expected);
        }
    }
}

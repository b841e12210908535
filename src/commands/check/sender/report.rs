//! What is known after all lookups, and how it is told: foreign text made safe to show, and records to publish.

use crate::commands::check::finding::Finding;
use crate::text::clean::{cut, one_line};

/// Longest text of DNS that is shown, in characters.
const SHOWN_MAX: usize = 120;

/// Most bytes of one string of a TXT record (RFC 1035 section 3.3).
const STRING_MAX: usize = 255;

/// What is known after all lookups.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What is there, for one line.
    pub facts: Vec<String>,
    /// What makes receivers refuse mails, and what to do.
    pub problems: Vec<String>,
    /// What is worth knowing, or should be published.
    pub notes: Vec<String>,
}

impl Report {
    pub fn into_finding(self) -> Finding {
        let finding = if self.problems.is_empty() {
            Finding::works(if self.facts.is_empty() { "looked up".to_owned() } else { self.facts.join("; ") })
        } else {
            Finding::fails(self.problems.join("\n"))
        };
        finding.with_notes(self.notes)
    }
}

/// A text from DNS, in quotes, without what controls a terminal, and cut.
pub(super) fn shown(text: &str) -> String {
    format!("\"{}\"", cut(one_line(text), SHOWN_MAX))
}

/// A TXT record as a zone file has it, on one line. A text that is too long for one string is several, which readers put together.
pub(super) fn publish(name: &str, text: &str) -> String {
    let strings: Vec<String> = text
        .as_bytes()
        .chunks(STRING_MAX)
        .map(|string| format!("\"{}\"", String::from_utf8_lossy(string)))
        .collect();
    format!("{name}. TXT {}", strings.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_split_into_strings_of_255_bytes() {
        assert_eq!(publish("x.org", "v=spf1 -all"), "x.org. TXT \"v=spf1 -all\"");
        let text = "a".repeat(255) + "b";
        assert_eq!(publish("x.org", &text), format!("x.org. TXT \"{}\" \"b\"", "a".repeat(255)));
    }

    #[test]
    fn foreign_text_is_on_one_line_cut_and_controls_nothing() {
        assert_eq!(shown("a\u{1b}[2J\r\nb\u{202e}"), "\"a [2J b\"");
        assert_eq!(shown(&"x".repeat(5000)).chars().count(), SHOWN_MAX + 2);
    }
}

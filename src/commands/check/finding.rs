//! What one check has found, and how `fanmail check` prints it.

use std::error::Error;
use std::io::{self, Write};

use crate::text::clean::printable;

/// The result of one check, with notes about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    result: CheckResult,
    /// What was found. If it does not work: what is wrong, and what to do.
    sentence: String,
    /// What is worth knowing besides.
    notes: Vec<String>,
}

/// What a check says of its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckResult {
    Works,
    Fails,
    /// Not needed, or not to be known.
    Skipped,
}

impl Finding {
    /// It works.
    pub fn works(sentence: impl Into<String>) -> Self {
        Self { result: CheckResult::Works, sentence: sentence.into(), notes: Vec::new() }
    }

    /// It does not work.
    pub fn fails(sentence: impl Into<String>) -> Self {
        Self { result: CheckResult::Fails, ..Self::works(sentence) }
    }

    /// It is not needed, or another part has to work first.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self { result: CheckResult::Skipped, ..Self::works(why) }
    }

    /// The same with notes.
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Whether something has to be changed.
    pub fn is_failure(&self) -> bool {
        self.result == CheckResult::Fails
    }

    /// Prints a line, and one for each note.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        let word = match self.result {
            CheckResult::Works => "ok",
            CheckResult::Fails => "FAILED",
            CheckResult::Skipped => "skipped",
        };
        writeln!(out, "{name:<14} {word:<8} {}", on_own_lines(&self.sentence))?;
        for note in &self.notes {
            writeln!(out, "{:<14} {:<8} {}", "", "note", on_own_lines(note))?;
        }
        out.flush()
    }
}

/// A text may quote a server, whose words must control no terminal and look like no line of the list.
fn on_own_lines(text: &str) -> String {
    printable(text).replace('\n', "\n    ")
}

/// An error and its causes, on one line.
pub fn with_causes(error: impl Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_server_stay_on_their_lines_and_control_nothing() {
        let odd = "Rabbit\u{1b}]0;owned\u{7} is away\r\nsecond         ok       start \u{9b}31mit\u{202e}";
        let finding = Finding::fails(odd).with_notes([odd.to_owned(), "but".to_owned()]);
        let mut out = Vec::new();
        finding.print("first", &mut out).unwrap();
        let safe = "Rabbit]0;owned is away\n    second         ok       start 31mit";
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!(
                "first          FAILED   {safe}\n\x20              note     {safe}\n\x20              note     but\n"
            )
        );
    }
}

//! What one check has found, and how `fanmail check` prints it.

use std::error::Error;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::text::clean::printable;
use crate::text::screen::{Screen, Tone, wrap};

/// How far texts are from the left: behind the name and the result.
const INDENT: usize = 24;

/// Narrower texts would be one word a line.
const NARROWEST: usize = 40;

/// The result of one check, with notes about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    result: CheckResult,
    /// What was found. If it does not work: what is wrong, and what to do, a line for each problem.
    sentence: String,
    /// What works, and will not for long.
    warnings: Vec<String>,
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
        let (warnings, notes) = (Vec::new(), Vec::new());
        Self { result: CheckResult::Works, sentence: sentence.into(), warnings, notes }
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

    /// The same with what should be changed soon.
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Whether something has to be changed.
    pub fn is_failure(&self) -> bool {
        self.result == CheckResult::Fails
    }

    /// Prints a line, and one for each warning and note.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, name: &str, screen: Screen, out: &mut dyn Write) -> io::Result<()> {
        let (word, tone) = match self.result {
            CheckResult::Works => ("ok", Tone::Good),
            CheckResult::Fails => ("FAILED", Tone::Bad),
            CheckResult::Skipped => ("skipped", Tone::Faint),
        };
        let mut line = |name: &str, word: &str, tone: Tone, text: &str| {
            let word = screen.paint(&format!("{word:<8}"), tone);
            writeln!(out, "{name:<14} {word} {}", on_own_lines(text, screen))
        };
        line(name, word, tone, &self.sentence)?;
        self.warnings.iter().try_for_each(|warning| line("", "warning", Tone::Caution, warning))?;
        self.notes.iter().try_for_each(|note| line("", "note", Tone::Faint, note))?;
        out.flush()
    }

    /// For programs, which rely on these keys.
    pub fn to_json(&self, name: &str) -> Value {
        let result = match self.result {
            CheckResult::Works if !self.warnings.is_empty() => "warning",
            CheckResult::Works => "ok",
            CheckResult::Fails => "failed",
            CheckResult::Skipped => "skipped",
        };
        let problems: Vec<Value> = self.sentence.lines().filter(|_| self.is_failure()).map(problem).collect();
        json!({
            "name": name,
            "result": result,
            "found": (!self.is_failure()).then(|| printable(&self.sentence)),
            "problems": problems,
            "warnings": self.warnings.iter().map(|warning| problem(warning)).collect::<Vec<_>>(),
            "notes": self.notes.iter().map(|note| printable(note)).collect::<Vec<_>>(),
        })
    }
}

/// Cause and cure. Every sentence about what is wrong has them in this order, with a semicolon between them.
fn problem(sentence: &str) -> Value {
    let sentence = printable(sentence);
    let (cause, cure) = match sentence.rsplit_once("; ") {
        Some((cause, cure)) => (cause, Some(cure)),
        None => (sentence.as_str(), None),
    };
    json!({ "cause": cause, "cure": cure })
}

/// A text may quote a server, whose words must control no terminal and look like no line of the list.
fn on_own_lines(text: &str, screen: Screen) -> String {
    let text = printable(text);
    let room = screen.width.map(|width| width.saturating_sub(INDENT)).filter(|room| *room >= NARROWEST);
    let Some(room) = room else { return text.replace('\n', "\n    ") };
    // A record for DNS is copied as a whole.
    let lines_of =
        |line: &str| if line.contains(". TXT \"") { vec![line.to_owned()] } else { wrap(line, room) };
    let lines: Vec<String> = text.lines().flat_map(lines_of).collect();
    lines.join(&format!("\n{:INDENT$}", ""))
}

/// An error and its causes, on one line.
pub fn with_causes(error: impl Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(finding: &Finding, screen: Screen) -> String {
        let mut out = Vec::new();
        finding.print("first", screen, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn words_of_a_server_stay_on_their_lines_and_control_nothing() {
        let odd = "Rabbit\u{1b}]0;owned\u{7} is away\r\nsecond         ok       start \u{9b}31mit\u{202e}";
        let finding = Finding::fails(odd).with_notes([odd.to_owned(), "but".to_owned()]);
        let safe = "Rabbit]0;owned is away\n    second         ok       start 31mit";
        assert_eq!(
            printed(&finding, Screen::PLAIN),
            format!(
                "first          FAILED   {safe}\n\x20              note     {safe}\n\x20              note     but\n"
            )
        );
        assert!(!finding.to_json("first").to_string().contains("\\u00"));
    }

    #[test]
    fn a_terminal_gets_lines_that_fit_and_colours_beside_the_words() {
        let screen = Screen { width: Some(80), has_colors: true };
        let finding =
            Finding::works("the queue event_notifications has 12 message(s) waiting and 1 consumer(s)")
                .with_warnings(["its certificate ends soon; renew it".to_owned()]);
        assert_eq!(
            printed(&finding, screen),
            "first          \u{1b}[32mok      \u{1b}[0m the queue event_notifications has 12 message(s) waiting\n\
             \x20                       and 1 consumer(s)\n\
             \x20              \u{1b}[33mwarning \u{1b}[0m its certificate ends soon; renew it\n"
        );
    }

    #[test]
    fn json_has_cause_and_cure_of_each_problem() {
        let failed = Finding::fails("a is away; start a\nb is odd").to_json("broker");
        assert_eq!((&failed["name"], &failed["result"]), (&"broker".into(), &"failed".into()));
        assert_eq!(
            failed["problems"],
            json!([{"cause": "a is away", "cure": "start a"}, {"cause": "b is odd", "cure": null}])
        );
        let warning = Finding::works("fine").with_warnings(["x; y".to_owned()]).to_json("disk");
        assert_eq!((&warning["result"], &warning["found"]), (&"warning".into(), &"fine".into()));
        assert_eq!(warning["warnings"], json!([{"cause": "x", "cure": "y"}]));
        assert_eq!(Finding::skipped("not set").to_json("x")["result"], "skipped");
    }
}

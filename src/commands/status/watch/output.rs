//! Where `status --watch` shows what it finds: a terminal, which is drawn over, or lines.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _, Write as _};

use chrono::Utc;
use terminal_size::{Height, Width, terminal_size_of};

use crate::commands::output::screen;
use crate::report::live::LiveView;
use crate::store::error::StoreError;
use crate::text::clean::one_line;
use crate::text::screen::{fit, shown_width};
use crate::text::timestamp::to_the_second;

/// Lines of a terminal that does not say how many it has.
const USUAL_HEIGHT: usize = 24;

/// Clears to the end of the line.
const CLEAR_LINE: &str = "\x1b[K";
/// Clears what is below.
const CLEAR_BELOW: &str = "\x1b[J";
const TO_THE_TOP: &str = "\x1b[H";
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// Where it is shown.
pub(super) enum Output {
    /// What was drawn last.
    Terminal(String),
    /// The lines that held last, and whether the database was away.
    Lines {
        /// They are printed again only after they have changed.
        seen: HashSet<String>,
        /// It is told once.
        is_away: bool,
    },
}

impl Output {
    /// Standard output.
    pub fn new() -> Self {
        if io::stdout().is_terminal() {
            Self::Terminal(String::new())
        } else {
            Self::Lines { seen: HashSet::new(), is_away: false }
        }
    }

    /// # Errors
    /// When nothing reads it.
    pub fn show(&mut self, view: &LiveView, queues: &str) -> io::Result<()> {
        let now = Utc::now();
        match self {
            Self::Terminal(last) => {
                *last = view.to_text(queues, now.naive_utc());
                draw(last, "Ctrl-C ends it")
            }
            Self::Lines { seen, is_away } => {
                let (mut out, time) = (io::stdout().lock(), to_the_second(now));
                if std::mem::take(is_away) {
                    writeln!(out, "{time} the database answers again")?;
                }
                let lines = view.to_lines(queues);
                for line in lines.iter().filter(|line| !seen.contains(*line)) {
                    writeln!(out, "{time} {line}")?;
                }
                *seen = lines.into_iter().collect();
                out.flush()
            }
        }
    }

    /// What was drawn last stays.
    ///
    /// # Errors
    /// When nothing reads it.
    pub fn say_away(&mut self, error: &StoreError) -> io::Result<()> {
        let problem = format!("the database is away, trying again: {}", one_line(&error.to_string()));
        match self {
            Self::Terminal(last) => draw(last, &problem),
            Self::Lines { is_away: true, .. } => Ok(()),
            Self::Lines { is_away, .. } => {
                *is_away = true;
                let mut out = io::stdout().lock();
                writeln!(out, "{} {problem}", to_the_second(Utc::now()))?;
                out.flush()
            }
        }
    }

    /// Leaves the last view as it is.
    pub fn end(&self) {
        if matches!(self, Self::Terminal(_)) {
            let mut out = io::stdout().lock();
            // A terminal that is gone needs no cursor.
            write!(out, "{SHOW_CURSOR}").and_then(|()| out.flush()).unwrap_or_default();
        }
    }
}

/// Draws over what was drawn before. What does not fit is left out, so that nothing scrolls.
fn draw(view: &str, note: &str) -> io::Result<()> {
    let width = screen().width.unwrap_or(usize::MAX);
    let size = terminal_size_of(io::stdout());
    let height = size.map_or(USUAL_HEIGHT, |(Width(_), Height(height))| height.into());
    let title = format!("fanmail status, {} ({note})\n\n", to_the_second(Utc::now()));
    let mut text = format!("{HIDE_CURSOR}{TO_THE_TOP}");
    let lines = title.lines().chain(view.lines()).flat_map(|line| wrapped(line, width));
    for line in lines.take(height.saturating_sub(1)) {
        text.push_str(&line);
        text.push_str(CLEAR_LINE);
        text.push('\n');
    }
    text.push_str(CLEAR_BELOW);
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The line in pieces that fit, broken at blanks. A word that does not fit is cut.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match pieces.last_mut() {
            Some(last) if shown_width(last) + 1 + shown_width(word) <= width => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) => pieces.push(format!("    {word}")),
            None => pieces.push(word.to_owned()),
        }
    }
    pieces.iter().map(|piece| fit(piece, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_at_blanks_and_a_long_word_is_cut() {
        assert_eq!(wrapped("    relay: down since 09:00", 18), ["    relay: down", "    since 09:00"]);
        assert_eq!(wrapped("short", 18), ["short"]);
        assert_eq!(wrapped("a notification-with-a-name", 12), ["a", "    notific…"]);
        assert_eq!(wrapped("", 12), [""]);
    }
}

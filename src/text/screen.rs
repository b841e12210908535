//! What an output can show: how wide it is, and whether it has colours. Measures and cuts text as terminals show it. Finding out what
//! standard output is belongs to `commands::output`.

use anstyle::{AnsiColor, Style};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Stands at the end of a text that was cut.
const ELLIPSIS: char = '…';

/// Paragraphs are no narrower.
const NARROWEST: usize = 30;

/// What stands before a command that the reader is to type.
const BEFORE_COMMAND: &str = ": fanmail ";

/// Where text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Characters that fit a line; `None`: no terminal, and nothing is cut.
    pub width: Option<usize>,
    /// Whether it shows colours.
    pub has_colors: bool,
}

/// How good or bad something is. Its colour is never the only sign: the words say the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// Neither.
    #[default]
    Plain,
    /// As it should be: green.
    Good,
    /// Worth a look: yellow.
    Caution,
    /// Something has to be done: red.
    Bad,
    /// Beside the point: dim.
    Faint,
    /// A title: bold.
    Strong,
}

impl Screen {
    /// A file or a pipe.
    pub const PLAIN: Self = Self { width: None, has_colors: false };

    /// The text in the colour of `tone`, if there are colours.
    #[must_use]
    pub fn paint(self, text: &str, tone: Tone) -> String {
        let style = tone.style();
        if !self.has_colors || text.is_empty() || style.is_plain() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }

    /// One line, which a terminal shows cut.
    #[must_use]
    pub fn line(self, text: &str) -> String {
        self.width.map_or_else(|| text.to_owned(), |width| fit(text, width))
    }

    /// A paragraph with a line break at its end. A terminal gets lines that fit it, broken at blanks, with `indent` before each but the
    /// first. A command at its end stays whole, so that it can be copied.
    #[must_use]
    pub fn paragraph(self, text: &str, indent: &str) -> String {
        let Some(width) = self.width else { return format!("{text}\n") };
        let body = text.trim_start_matches(' ');
        let first_indent = &text[..text.len() - body.len()];
        let (prose, command) = match body.rfind(BEFORE_COMMAND) {
            Some(at) => (&body[..=at], Some(&body[at + 2..])),
            None => (body, None),
        };
        let behind = |indent: &str| width.saturating_sub(indent.len()).max(NARROWEST);
        let words = prose.split(' ').chain(command);
        let lines = fill(words, behind(first_indent), behind(indent));
        format!("{first_indent}{}\n", lines.join(&format!("\n{indent}")))
    }

    /// The same, with the `words` at its begin in the colour of `tone`. They have to be short, so that they stay on one line.
    #[must_use]
    pub fn paragraph_about(self, words: &str, tone: Tone, text: &str, indent: &str) -> String {
        self.paragraph(text, indent).replacen(words, &self.paint(words, tone), 1)
    }
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Caution => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }
}

/// How many cells of a terminal a text takes: most letters take one, those of Chinese and Japanese and most emoji two, accents none.
#[must_use]
pub fn shown_width(text: &str) -> usize {
    text.width()
}

/// The text in at most `max` cells of a terminal, with an ellipsis at its end if it was cut. What a reader sees as one character is kept
/// or left out as a whole.
#[must_use]
pub fn fit(text: &str, max: usize) -> String {
    if shown_width(text) <= max {
        return text.to_owned();
    }
    let mut fitting = String::new();
    let mut left = max.saturating_sub(1);
    for cluster in text.graphemes(true) {
        let width = shown_width(cluster);
        if width > left {
            break;
        }
        left -= width;
        fitting.push_str(cluster);
    }
    fitting.truncate(fitting.trim_end().len());
    fitting.push(ELLIPSIS);
    fitting
}

/// The text in lines of at most `width` cells, broken at blanks. A word that is longer has a line of its own.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    fill(text.split(' '), width, width)
}

/// The words in lines, of which the first one is `first` cells wide and the others `width`.
fn fill<'a>(words: impl Iterator<Item = &'a str>, first: usize, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words {
        let needed = shown_width(word);
        let begins = lines.last().is_none_or(String::is_empty);
        let width = if lines.len() == 1 { first } else { width };
        if !begins && used + 1 + needed > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += needed;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_blanks() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensibilities a b", 5), ["incomprehensibilities", "a b"]);
        assert_eq!(wrap("日本 語", 5), ["日本", "語"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn a_paragraph_fits_a_terminal_and_keeps_its_command_whole() {
        let text = "    correct the address, then send with: fanmail retry --notification 72 --permanent-too";
        assert_eq!(Screen::PLAIN.paragraph(text, "    "), format!("{text}\n"));
        let narrow = Screen { width: Some(60), ..Screen::PLAIN };
        assert_eq!(
            narrow.paragraph(text, "    "),
            "    correct the address, then send with:\n    fanmail retry --notification 72 --permanent-too\n"
        );
        let hanging = "what to do  put it back into the database, then replay. If it is gone for good, purge";
        assert_eq!(
            narrow.paragraph(hanging, &" ".repeat(12)),
            "what to do  put it back into the database, then replay. If\n            it is gone for good, purge\n",
            "the first line is as wide as the others with their indent"
        );
        assert_eq!(Screen { width: Some(1), ..narrow }.paragraph("a b", ""), "a b\n");
        assert_eq!((narrow.line(&"x".repeat(61)).len(), narrow.line("x")), (62, "x".to_owned()));
    }

    #[test]
    fn wide_characters_take_two_cells_and_accents_none() {
        let widths = ["Ada", "日本語", "e\u{301}", "🎉", ""].map(shown_width);
        assert_eq!(widths, [3, 6, 1, 2, 0]);
    }

    #[test]
    fn what_does_not_fit_ends_with_an_ellipsis() {
        for (text, max, fitting) in [
            ("Ada", 3, "Ada"),
            ("Ada L", 4, "Ada…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("Zoe\u{301}s", 3, "Zo…"),
            ("Ada", 1, "…"),
        ] {
            assert_eq!(fit(text, max), fitting);
            assert!(shown_width(fitting) <= max);
        }
    }

    #[test]
    fn colours_are_only_where_they_are_shown() {
        let colored = Screen { has_colors: true, ..Screen::PLAIN };
        assert_eq!(colored.paint("ok", Tone::Good), "\u{1b}[32mok\u{1b}[0m");
        assert_eq!(colored.paint("ok", Tone::Plain), "ok");
        assert_eq!(colored.paint("", Tone::Bad), "");
        assert_eq!(Screen::PLAIN.paint("ok", Tone::Good), "ok");
    }
}

//! What a relay said when it took a mail. What became of the mail is left to `outcome`.

use crate::text::clean::cut;
use crate::text::mask::masked_line;

/// Longest text that is kept, in characters. Relays take a mail with fewer words than they refuse one.
const WORDS_MAX: usize = 200;

/// Mostly with the number under which the mail stands in the relay's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The reply code.
    pub code: u16,
    /// The words, on one line, with the code in front. Addresses are masked.
    pub words: String,
}

impl Acceptance {
    /// A reply with this code and this text.
    #[must_use]
    pub fn new(code: u16, text: &str) -> Self {
        Self { code, words: cut(masked_line(&format!("{code} {text}")), WORDS_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_one_line_without_addresses() {
        let said = Acceptance::new(250, "2.0.0 Ok\r\nqueued as 4cZ1 for <ada@example.org>\u{1b}[2J");
        assert_eq!(said.words, "250 2.0.0 Ok queued as 4cZ1 for <a***@example.org> [2J");
        assert_eq!(Acceptance::new(250, &"x".repeat(999)).words.chars().count(), WORDS_MAX);
    }
}

//! Texts without a format.

use crate::content::rich_text::RichText;
use crate::content::rich_text::builder::Builder;

impl RichText {
    /// A text that `layout::paragraphs` has cleaned: blank lines part paragraphs, and web addresses, mail addresses and phone
    /// numbers are links.
    pub fn plain(text: &str) -> Self {
        let mut builder = Builder::default();
        for line in text.lines() {
            builder.line(line);
        }
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::layout;

    proptest! {
        #[test]
        fn no_word_is_lost(text in "(?s:.){0,200}|[a-c \\n.:/@+0-9-]{0,200}") {
            let text = layout::paragraphs(&text);
            prop_assert!(RichText::plain(&text).to_text().split_whitespace().eq(text.split_whitespace()));
        }
    }
}

//! The beginning of a text, cut between words.

use crate::content::rich_text::to_text::address_beside;
use crate::content::rich_text::{Block, BlockKind, RichText, Run};
use crate::text::clean::cluster_boundary;

impl RichText {
    /// The text with at most `max` characters, and whether that is not all of it. Then it ends with an ellipsis, behind a word where
    /// it can.
    pub fn cut(&self, max: usize) -> (Self, bool) {
        let runs = self.blocks.iter().flat_map(|block| &block.runs);
        if runs.map(|run| run.text.chars().count()).sum::<usize>() <= max {
            return (self.clone(), false);
        }
        // One is the ellipsis.
        let mut left = max.saturating_sub(1);
        let mut short = Self::default();
        for block in &self.blocks {
            let mut runs = Vec::with_capacity(block.runs.len());
            for run in &block.runs {
                let length = run.text.chars().count();
                if length <= left {
                    left -= length;
                    runs.push(run.clone());
                    continue;
                }
                let is_first = short.is_empty() && runs.is_empty();
                runs.extend(begin_of(run, left, is_first));
                short.end_with(block.kind, runs);
                return (short, true);
            }
            short.blocks.push(Block { kind: block.kind, runs });
        }
        (short, false)
    }

    /// Adds the last block, and an ellipsis behind the last word. It is no part of a link: with it, an address would no longer be
    /// the words of its link, and would stand beside them once more.
    fn end_with(&mut self, kind: BlockKind, runs: Vec<Run>) {
        if runs.iter().any(|run| !run.text.trim().is_empty()) {
            self.blocks.push(Block { kind, runs });
        }
        let Some(runs) = self.blocks.last_mut().map(|block| &mut block.runs) else { return };
        if let Some(run) = runs.last_mut() {
            run.text.truncate(run.text.trim_end().len());
            if run.href.is_none() {
                run.text.push('…');
            } else {
                let look = run.look;
                runs.push(Run { text: "…".to_owned(), look, href: None });
            }
        }
    }
}

/// The first `max` characters of a run, up to its last space. The whole of them only if there is none, and nothing was before. A part of
/// an address is no link.
fn begin_of(run: &Run, max: usize, is_first: bool) -> Option<Run> {
    let end = run.text.char_indices().nth(max).map_or(run.text.len(), |(end, _)| end);
    let words = run.text[..end].rfind(char::is_whitespace).unwrap_or(0);
    let ends_here = run.text[end..].starts_with(char::is_whitespace);
    let end = match words {
        _ if ends_here => end,
        0 if is_first => cluster_boundary(&run.text, end),
        words => words,
    };
    let href = run.href.clone().filter(|href| address_beside(&run.text, href).is_some());
    (end > 0).then(|| Run { text: run.text[..end].to_owned(), look: run.look, href })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::content::layout;

    fn short(text: &str, max: usize) -> String {
        RichText::plain(text).cut(max).0.to_text()
    }

    #[test]
    fn a_text_is_cut_behind_a_word() {
        assert_eq!(short("one two three", 13), "one two three");
        assert_eq!(short("one two three", 12), "one two…");
        assert_eq!(short("one two three", 8), "one two…");
        assert_eq!(short("one two\n\nthree", 9), "one two…");
        assert_eq!(short("extraordinarily", 6), "extra…");
        assert_eq!(short("see https://example.org/long", 20), "see…");
        assert_eq!(short("", 6), "");
        assert_eq!(short("\u{e9}@a.aa+", 2), "\u{e9}…");
        assert_eq!(short("ann@a.aa bb", 9), "ann@a.aa…");
    }

    proptest! {
        #[test]
        fn a_cut_text_is_short_and_is_the_beginning(text in "[a-c \n+@.é]{0,200}", max in 2_usize..60) {
            let whole = RichText::plain(&layout::paragraphs(&text));
            let (short, is_cut) = whole.cut(max);
            let [whole, short] = [whole, short].map(|text| text.to_text().split_whitespace().collect::<String>());
            prop_assert_eq!(is_cut, whole != short);
            prop_assert!(whole.starts_with(short.trim_end_matches('…')), "{} {}", whole, short);
            prop_assert!(short.chars().count() <= max);
        }
    }
}

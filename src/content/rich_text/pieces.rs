//! Bounds how many pieces a text has. Each costs bytes in HTML, also one of few words.

use crate::content::rich_text::{RichText, Run};

/// Most pieces in one text: paragraphs, items, lines, and words that look different. Each adds up to fifty bytes to every mail.
const PIECES_MAX: usize = 800;

/// Makes plain words of what follows behind so many pieces, at the end of the last one.
pub(super) fn bound_pieces(text: &mut RichText) {
    let mut places = text.blocks.iter().enumerate().flat_map(|(block, of)| {
        of.runs.iter().enumerate().flat_map(move |(run, of)| {
            of.text.split_inclusive('\n').scan(0, move |end, line| {
                *end += line.len();
                Some((block, run, *end))
            })
        })
    });
    let Some((block, run, end)) = places.nth(PIECES_MAX - 1) else { return };
    let others = text.blocks.split_off(block + 1);
    let last = &mut text.blocks[block].runs;
    let runs = last.split_off(run + 1);
    let mut rest = last[run].text.split_off(end);
    rest.extend(runs.into_iter().map(|run| run.text));
    for block in others {
        rest.push(' ');
        rest.extend(block.runs.into_iter().map(|run| run.text));
    }
    if !rest.is_empty() {
        last.push(Run { text: rest.replace('\n', " "), ..Run::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::description::html;

    #[test]
    fn what_follows_the_last_piece_is_words() {
        for (source, kept) in [
            ("<p>a</p>", "<p dir="),
            ("<ul><li>a</li></ul>", "<li "),
            ("a<br>", "<br>"),
            ("<b>a</b> <i>b</i> ", "<em>"),
            ("<p>a<br><b>b</b>", "<strong>"),
        ] {
            let text = html::read(&source.repeat(25_000));
            let html = text.to_html();
            let number = html.matches(kept).count();
            assert!((PIECES_MAX / 4..=PIECES_MAX).contains(&number), "{source}: {number}");
            assert!(html.len() < 150_000, "{source}: {}", html.len());
            let letters = |letter| text.to_text().matches(letter).count();
            assert_eq!(letters('a'), 25_000, "{source}");
        }
    }

    #[test]
    fn a_text_of_few_pieces_stays_as_it_is() {
        let source = "one\ntwo\n\nthree\n".repeat(PIECES_MAX / 3);
        let text = RichText::plain(&source);
        assert_eq!(text.to_text(), source.trim_end());
        let longer = RichText::plain(&(source + "\n1\n2\n\n3\n4"));
        assert!(longer.to_text().ends_with("three\n\n1\n2 3 4"), "{}", longer.to_text());
    }
}

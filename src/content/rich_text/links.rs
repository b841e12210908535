//! Makes links of the web addresses, mail addresses and phone numbers in words.

use std::ops::Range;
use std::sync::Arc;

use linkify::{LinkFinder, LinkKind};

use crate::content::rich_text::{Block, Found, RichText, Run, phone, target};

/// Most links that are made of words in one text: each adds a hundred bytes to every mail.
const LINKS_MAX: usize = 100;

/// The addresses and phone numbers in `text`, in order: with `http://`, `https://` or `www.`; domains alone are none. An address
/// that could mislead is none either: one with a user name before its domain.
pub(crate) fn find(text: &str) -> Vec<Found> {
    let mut finder = LinkFinder::new();
    finder.url_must_have_scheme(false);
    let mut found = Vec::new();
    let mut end = 0;
    for link in finder.links(text) {
        let range = link.start()..link.end();
        phone::find(text, end..range.start, &mut found);
        end = range.end;
        let follows_at = text[range.end..].starts_with('@') || text[..range.start].ends_with('@');
        let href = match link.kind() {
            LinkKind::Email => target::mail(link.as_str()),
            _ if follows_at || !begins_as_address(link.as_str()) => None,
            _ => target::web(link.as_str()),
        };
        found.extend(href.map(|href| Found { range, href }));
    }
    phone::find(text, end..text.len(), &mut found);
    found
}

fn begins_as_address(text: &str) -> bool {
    let begins = |with: &str| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    ["http://", "https://", "www."].into_iter().any(begins)
}

/// Makes links in all blocks, of what is no link yet.
pub(crate) fn link_words(text: &mut RichText) {
    let mut left = LINKS_MAX;
    for block in &mut text.blocks {
        // Most texts have nothing to find.
        if block.runs.iter().any(|run| {
            memchr::memchr3(b'.', b'@', b'+', run.text.as_bytes()).is_some() || run.text.contains("00")
        }) {
            link_words_in(block, &mut left);
        }
    }
}

fn link_words_in(block: &mut Block, left: &mut usize) {
    let runs = std::mem::take(&mut block.runs);
    for (number, run) in runs.iter().enumerate() {
        if run.href.is_some() {
            block.runs.push(run.clone());
            continue;
        }
        let ends_word = |text: Option<char>| text.is_none_or(char::is_whitespace);
        let before = number.checked_sub(1).and_then(|before| runs[before].text.chars().next_back());
        let after = runs.get(number + 1).and_then(|run| run.text.chars().next());
        let mut end = 0;
        for Found { range, href } in find(&run.text) {
            // Half of an address, if its other half looks otherwise.
            let is_whole =
                (range.start > 0 || ends_word(before)) && (range.end < run.text.len() || ends_word(after));
            if !is_whole || *left == 0 {
                continue;
            }
            *left -= 1;
            block.runs.extend(piece(run, end..range.start, None));
            end = range.end;
            block.runs.extend(piece(run, range, Some(href.into())));
        }
        block.runs.extend(piece(run, end..run.text.len(), None));
    }
}

fn piece(run: &Run, range: Range<usize>, href: Option<Arc<str>>) -> Option<Run> {
    (!range.is_empty()).then(|| Run { text: run.text[range].to_owned(), look: run.look, href })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::rich_text::{BlockKind, Look};

    fn found(text: &str) -> Vec<(&str, String)> {
        find(text).into_iter().map(|found| (&text[found.range], found.href)).collect()
    }

    #[test]
    fn addresses_and_numbers_in_a_sentence_are_links() {
        let text = "Join (https://zoom.us/j/1?pwd=a&b=c), see www.example.org/x. Ask ann@example.org or call +49 30 1234567!";
        let expected = [
            ("https://zoom.us/j/1?pwd=a&b=c", "https://zoom.us/j/1?pwd=a&b=c"),
            ("www.example.org/x", "http://www.example.org/x"),
            ("ann@example.org", "mailto:ann@example.org"),
            ("+49 30 1234567", "tel:+49301234567"),
        ];
        assert_eq!(found(text), expected.map(|(text, href)| (text, href.to_owned())));
        assert_eq!(found("https://例え.jp/あ")[0].0, "https://例え.jp/あ");
    }

    #[test]
    fn nothing_else_is_a_link() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "javascript:alert(1)",
            "javascript://example.org",
            "https://bank.example@evil.example/",
            "https://bank.example:password@evil.example",
            "https://",
            "www.",
            "a@b",
            "@ann",
            "Dr.Smith",
            "18:00-20:00",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn half_of_an_address_is_no_link() {
        let run = |text: &str, strong| Run {
            text: text.to_owned(),
            look: Look { strong, emphasis: false },
            href: None,
        };
        let runs =
            vec![run("see https://exam", false), run("ple.org", true), run(" https://a.example", false)];
        let mut text = RichText { blocks: vec![Block { kind: BlockKind::default(), runs }] };
        link_words(&mut text);
        let hrefs: Vec<_> = text.blocks[0].runs.iter().filter_map(|run| run.href.as_deref()).collect();
        assert_eq!(hrefs, ["https://a.example/"]);
    }

    #[test]
    fn the_number_of_links_is_bounded() {
        let text = RichText::plain(&"a@b.example ".repeat(4000));
        assert_eq!(text.blocks[0].runs.iter().filter(|run| run.href.is_some()).count(), LINKS_MAX);
    }
}

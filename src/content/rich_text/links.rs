//! Makes links of the web addresses, mail addresses and phone numbers in words.

use std::ops::Range;
use std::sync::Arc;

use linkify::{LinkFinder, LinkKind};

use crate::content::rich_text::{Block, Found, RichText, Run, phone, target};

/// Most links in one text: each adds a hundred bytes to every mail.
const LINKS_MAX: usize = 100;

/// The length of their addresses together, in bytes.
const ADDRESSES_MAX: usize = 20_000;

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

/// How many links may still follow.
struct Left {
    links: usize,
    bytes: usize,
}

impl Left {
    /// Whether one to `href` may follow. Then it counts.
    fn take(&mut self, href: &str) -> bool {
        let (Some(links), Some(bytes)) = (self.links.checked_sub(1), self.bytes.checked_sub(href.len()))
        else {
            return false;
        };
        *self = Self { links, bytes };
        true
    }
}

/// Makes links in all blocks, of what is no link yet. Those beyond what a text may have are words, wherever they come from.
pub(crate) fn link_words(text: &mut RichText) {
    let mut left = Left { links: LINKS_MAX, bytes: ADDRESSES_MAX };
    for block in &mut text.blocks {
        // Most texts have nothing to find.
        if block.runs.iter().any(|run| {
            run.href.is_some()
                || memchr::memchr3(b'.', b'@', b'+', run.text.as_bytes()).is_some()
                || run.text.contains("00")
        }) {
            link_words_in(block, &mut left);
        }
    }
}

fn link_words_in(block: &mut Block, left: &mut Left) {
    let runs = std::mem::take(&mut block.runs);
    for (number, run) in runs.iter().enumerate() {
        if let Some(href) = &run.href {
            let goes_on = block.runs.last().is_some_and(|last| last.href.as_ref() == Some(href));
            let href = Some(href).filter(|href| goes_on || left.take(href)).cloned();
            block.runs.push(Run { href, ..run.clone() });
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
            if !is_whole || !left.take(&href) {
                continue;
            }
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::content::description::html;
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
        let in_html = |length: usize| {
            let path = "x".repeat(length);
            let links = (0..600).map(|n| format!("<a href='https://example.org/{n}/{path}'><b>a</b>b</a> "));
            html::read(&links.collect::<String>())
        };
        for (length, most) in [(1, LINKS_MAX), (400, ADDRESSES_MAX / 400)] {
            let text = in_html(length);
            let hrefs: BTreeSet<_> =
                text.blocks[0].runs.iter().filter_map(|run| run.href.as_deref()).collect();
            assert!(hrefs.len() <= most && hrefs.len() > most / 2, "{}", hrefs.len());
            assert!(text.to_text().starts_with("ab (https://example.org/0/x"));
            assert!(text.to_text().ends_with(" ab"), "the words stay");
        }
    }
}

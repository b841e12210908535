//! Writes a text for the text part: paragraphs, lists with `-` and numbers, and the address behind each link.

use crate::content::rich_text::links::find;
use crate::content::rich_text::{Block, BlockKind, RichText};

impl RichText {
    /// The text in plain words.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut before = None;
        for block in &self.blocks {
            if let Some(before) = before {
                out.push_str(if is_item(before) && is_item(block.kind) { "\n" } else { "\n\n" });
            }
            write_block(block, &mut out);
            before = Some(block.kind);
        }
        out
    }
}

fn is_item(kind: BlockKind) -> bool {
    matches!(kind, BlockKind::Item { .. })
}

fn write_block(block: &Block, out: &mut String) {
    let mut text = String::new();
    for runs in block.runs.chunk_by(|one, next| one.href == next.href) {
        let words: String = runs.iter().map(|run| run.text.as_str()).collect();
        text.push_str(&words);
        if let Some(address) = runs[0].href.as_deref().and_then(|href| address_beside(&words, href)) {
            text.extend([" (", address, ")"]);
        }
    }
    let BlockKind::Item { depth, number } = block.kind else {
        out.push_str(&text);
        return;
    };
    let marker = number.map_or_else(|| "- ".to_owned(), |number| format!("{number}. "));
    let indentation = " ".repeat(2 * (depth - 1));
    let below = format!("\n{indentation}{}", " ".repeat(marker.len()));
    out.extend([&indentation, &marker, &text.replace('\n', &below)].map(String::as_str));
}

/// The address that a link leads to, unless its words are that address.
pub(super) fn address_beside<'a>(words: &str, href: &'a str) -> Option<&'a str> {
    let words = words.trim();
    let is_found = || matches!(&find(words)[..], [one] if one.range.len() == words.len() && one.href == href);
    let address = ["mailto:", "tel:"].iter().find_map(|scheme| href.strip_prefix(scheme)).unwrap_or(href);
    let is_address = || bare(words).eq_ignore_ascii_case(bare(address));
    (!words.is_empty() && !is_found() && !is_address()).then_some(address)
}

/// An address without what people leave out.
fn bare(address: &str) -> &str {
    let address =
        ["https://", "http://"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    address.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use crate::content::description::{html, markdown};

    #[test]
    fn links_have_their_address_beside_them() {
        let html = "<a href='https://example.org/a'><b>Read</b> on</a>, <a href='https://Example.org'>example.org</a>, \
                    <a href='mailto:ann@example.org'>Ann</a>, <a href='tel:+49301234567'>+49 30 1234567</a>, https://例え.jp/あ";
        assert_eq!(
            html::read(html).to_text(),
            "Read on (https://example.org/a), example.org, Ann (ann@example.org), +49 30 1234567, https://例え.jp/あ"
        );
    }

    #[test]
    fn lists_have_their_marks_and_paragraphs_a_blank_line() {
        let text = markdown::read(
            "# Programme\n\nTwo parts:\n\n1. Britten\n   and a pause\n   - choir\n2. Carols\n\nBring *friends*.",
        );
        assert_eq!(
            text.to_text(),
            "Programme\n\nTwo parts:\n\n1. Britten\n   and a pause\n  - choir\n2. Carols\n\nBring friends."
        );
    }
}

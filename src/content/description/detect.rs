//! Tells HTML and Markdown from text without a format. Conservative: what is taken for text is shown as it is, and what is taken for a
//! format loses the signs of that format. So one sign that may be meant as itself, such as `<3`, `a*b*c` or `# of seats`, is
//! not enough.

use memchr::memchr_iter;

use crate::config::content::description_format::DescriptionFormat;
use crate::content::rich_text::target::target;
use crate::text::clean::char_boundary;

/// How far the ends of a link may be from its middle, in bytes.
const NEAR: usize = 2000;

/// Tags that stand alone, or whose end may be left out.
const ALONE: [&str; 4] = ["br", "p", "li", "hr"];

/// Tags that count if their end is there as well.
const PAIRS: [&str; 26] = [
    "a",
    "b",
    "blockquote",
    "center",
    "code",
    "div",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "i",
    "ol",
    "pre",
    "section",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "u",
    "ul",
];

/// The format that `text` seems to have: never `Auto`.
pub(crate) fn detect(text: &str) -> DescriptionFormat {
    if is_html(text) {
        DescriptionFormat::Html
    } else if text.lines().any(is_markdown) {
        DescriptionFormat::Markdown
    } else {
        DescriptionFormat::Text
    }
}

fn is_html(text: &str) -> bool {
    let mut opened = [false; PAIRS.len()];
    for at in memchr_iter(b'<', text.as_bytes()) {
        let rest = &text[at + 1..];
        let (is_end, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let tag = &rest[..length];
        let is_tag =
            rest[length..].starts_with(['>', '/', ' ', '\t', '\r', '\n']) && is_closed(&rest[length..]);
        if !is_tag {
            continue;
        }
        if !is_end && ALONE.iter().any(|name| name.eq_ignore_ascii_case(tag)) {
            return true;
        }
        if let Some(pair) = PAIRS.iter().position(|name| name.eq_ignore_ascii_case(tag)) {
            if is_end && opened[pair] {
                return true;
            }
            opened[pair] |= !is_end;
        }
    }
    false
}

/// Whether a `>` comes before the next `<`.
fn is_closed(rest: &str) -> bool {
    memchr::memchr2(b'<', b'>', rest.as_bytes()).is_some_and(|at| rest.as_bytes()[at] == b'>')
}

/// Whether a line has a heading of the second level or below, bold words between `**`, or a link with its address in brackets.
fn is_markdown(line: &str) -> bool {
    let marks = line.bytes().take_while(|&byte| byte == b'#').count();
    let is_heading =
        (2..=6).contains(&marks) && line[marks..].starts_with(' ') && !line[marks..].trim().is_empty();
    is_heading || has_bold(line) || has_link(line)
}

fn has_bold(line: &str) -> bool {
    let mut parts = line.split("**").peekable();
    let mut before = parts.next().unwrap_or_default();
    while let Some(inner) = parts.next() {
        let Some(after) = parts.peek() else { return false };
        let ends_word = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '*');
        let is_bold = inner.trim() == inner && inner.chars().any(char::is_alphabetic);
        if is_bold && ends_word(before.chars().next_back()) && ends_word(after.chars().next()) {
            return true;
        }
        before = inner;
    }
    false
}

fn has_link(line: &str) -> bool {
    line.match_indices("](").any(|(at, _)| {
        // Only what is near: else a line of nothing but brackets would be read again and again.
        let before = &line[char_boundary(line, at.saturating_sub(NEAR))..at];
        let after = &line[at + 2..];
        let after = &after[..char_boundary(after, NEAR)];
        let is_open = before.rfind('[').is_some_and(|open| !before[open..].contains(']'));
        let address = after.split_once(')').and_then(|(address, _)| address.split_whitespace().next());
        is_open && address.and_then(target).is_some()
    })
}

//! What holds for the HTML of texts from outside. Strict: it knows the few tags in their one form, so it finds whatever else came in,
//! however a parser would take it.

/// Tags that have an end, each with the attributes that it may have.
const TAGS: [(&str, &[&str]); 7] = [
    ("p", &["dir", "style"]),
    ("ul", &["dir", "style"]),
    ("ol", &["start", "dir", "style"]),
    ("li", &["style"]),
    ("strong", &[]),
    ("em", &[]),
    ("a", &["href", "rel", "style"]),
];

/// How texts are escaped.
const ESCAPES: [&str; 5] = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];

/// Where links may lead to.
const TARGETS: [&str; 4] = ["https://", "http://", "mailto:", "tel:+"];

/// Any text is written as HTML that is well-formed, has only paragraphs, lists, bold and italic text and links, and runs nothing.
pub fn html(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '>', '&']) {
        rest = &rest[at..];
        if let Some(escape) = ESCAPES.iter().find(|escape| rest.starts_with(**escape)) {
            rest = &rest[escape.len()..];
            continue;
        }
        let (tag, behind) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).expect(html);
        rest = behind;
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{html}"),
            None if tag == "br" => {}
            None => open.push(check_tag(tag, html)),
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed: {html}");
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(!html.contains(is_control), "{html:?}");
}

/// The name of a tag with its attributes, each of which is allowed and in quotes.
fn check_tag<'a>(tag: &'a str, html: &str) -> &'a str {
    let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
    let mut rest = attributes.trim_start_matches(' ');
    let (_, allowed) =
        TAGS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("<{tag}>: {html}"));
    while !rest.is_empty() {
        let (attribute, behind) = rest.split_once("=\"").unwrap_or_else(|| panic!("<{tag}>: {html}"));
        assert!(allowed.contains(&attribute), "<{tag}>: {html}");
        let (value, behind) = behind.split_once('"').unwrap_or_else(|| panic!("<{tag}>: {html}"));
        if attribute == "href" {
            assert!(TARGETS.iter().any(|target| value.starts_with(target)), "<{tag}>: {html}");
            assert!(!value.contains(char::is_whitespace), "<{tag}>: {html}");
        }
        rest = behind.trim_start_matches([' ', '\n']);
    }
    name
}

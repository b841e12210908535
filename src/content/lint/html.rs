//! What hurts in HTML: images, links, and text that cannot be read on its background.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use url::Url;

use crate::content::lint::contrast::Stack;
use crate::content::lint::finding::{Findings, Severity};
use crate::text::clean::cut;

/// How much of a text a sentence shows, in characters.
const SHOWN_MAX: usize = 60;

/// Adds the findings of a page that this template has made.
pub(super) fn look_at_html(html: &str, template: &str, findings: &mut Findings) {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut stack = Stack::default();
    let mut has_lang = false;
    for token in Tokenizer::new_with_emitter(html, emitter) {
        // Reading from memory cannot fail.
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                has_lang |=
                    name == "html" && attribute(&tag, "lang").is_some_and(|lang| !lang.trim().is_empty());
                for (severity, problem) in problems_of(&name, &tag) {
                    findings.add(severity, template, problem);
                }
                stack.open(&name, tag.self_closing, |attribute_name| attribute(&tag, attribute_name));
            }
            Token::EndTag(tag) => stack.close(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) => {
                let text = String::from_utf8_lossy(&text.value);
                if let Some(problem) = stack.problem_of(&text) {
                    let text = cut(text.split_whitespace().collect::<Vec<_>>().join(" "), SHOWN_MAX);
                    findings.add(Severity::Warning, template, format!("\"{text}\" {problem}"));
                }
            }
            _ => {}
        }
    }
    if !has_lang {
        let problem = "<html> has no lang; screen readers then read it in the language of the program";
        findings.add(Severity::Error, template, problem.to_owned());
    }
}

fn problems_of(name: &str, tag: &StartTag<()>) -> Vec<(Severity, String)> {
    match name {
        "img" => problems_of_image(tag).map(|problem| (Severity::Error, problem)).collect(),
        "a" => attribute(tag, "href").and_then(|href| problem_of_link(&href)).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn problems_of_image(tag: &StartTag<()>) -> impl Iterator<Item = String> {
    let src = attribute(tag, "src").unwrap_or_default();
    let shown = cut(src.as_str(), SHOWN_MAX);
    let without_alt = attribute(tag, "alt").is_none().then(|| {
        format!(
            "the image {shown} has no alt; say what it shows, or alt=\"\" if it says nothing: many mail programs show no images"
        )
    });
    // `cid:` is an attachment of the mail.
    let is_shown = src.starts_with("cid:") || Url::parse(&src).is_ok_and(|url| url.scheme() == "https");
    let not_shown =
        (!is_shown).then(|| format!("the image {shown} is not from https; not all mail programs show it"));
    without_alt.into_iter().chain(not_shown)
}

fn problem_of_link(href: &str) -> Option<(Severity, String)> {
    let shown = cut(href, SHOWN_MAX);
    match Url::parse(href).ok()?.scheme().to_owned().as_str() {
        "https" | "mailto" | "tel" => None,
        "http" => Some((
            Severity::Warning,
            format!("the link {shown} is not https; people and filters trust it less"),
        )),
        _ => Some((Severity::Error, format!("the link {shown} does not open in mail programs"))),
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(&value.value).into_owned())
}

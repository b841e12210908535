//! Reads a text that came as HTML. html5gum finds the tags as browsers do; only those that shape a text are used, and of their
//! attributes only `href`, `alt` and `start`.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};

use crate::content::rich_text::RichText;
use crate::content::rich_text::builder::Builder;

/// Tags whose content is no text.
const WITHOUT_TEXT: [&str; 8] =
    ["script", "style", "title", "template", "iframe", "xmp", "noembed", "noscript"];

/// Reads a whole text.
pub(crate) fn read(html: &str) -> RichText {
    let mut builder = Builder::default();
    read_into(html, &mut builder);
    builder.finish()
}

/// Reads a piece of a text.
pub(crate) fn read_into(html: &str, builder: &mut Builder) {
    let mut emitter = DefaultEmitter::default();
    // Else the code of a script would be text.
    emitter.naively_switch_states(true);
    let mut reader = Reader { builder, skipped: None, verbatim: false };
    for token in Tokenizer::new_with_emitter(html, emitter) {
        // Reading from memory cannot fail.
        let Ok(token) = token;
        reader.token(&token);
    }
}

struct Reader<'a> {
    builder: &'a mut Builder,
    /// The tag whose end is waited for.
    skipped: Option<String>,
    /// Whether spaces and line breaks count (`pre`).
    verbatim: bool,
}

impl Reader<'_> {
    fn token(&mut self, token: &Token<()>) {
        match token {
            Token::EndTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name);
                if self.skipped.as_deref() == Some(&*name) {
                    self.skipped = None;
                } else if self.skipped.is_none() {
                    self.end(&name);
                }
            }
            _ if self.skipped.is_some() => {}
            Token::StartTag(tag) => self.start(tag),
            Token::String(text) => self.text(&String::from_utf8_lossy(&text.value)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.verbatim {
            text.split_inclusive('\n').for_each(|line| self.builder.line_of_code(line));
            return;
        }
        // Editors write it wherever two spaces meet.
        self.builder.words(&text.replace('\u{a0}', " "));
    }

    fn start(&mut self, tag: &StartTag<()>) {
        let name = String::from_utf8_lossy(&tag.name);
        match &*name {
            name if WITHOUT_TEXT.contains(&name) => self.skipped = Some(name.to_owned()),
            "br" | "tr" => self.builder.line_break(),
            "strong" | "b" => self.builder.strong(true),
            "em" | "i" | "cite" | "dfn" | "var" => self.builder.emphasis(true),
            "a" => self.builder.start_link(&attribute(tag, "href").unwrap_or_default()),
            "img" => self.builder.words(&attribute(tag, "alt").unwrap_or_default()),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.builder.heading(true),
            "ul" | "menu" => self.builder.start_list(None),
            "ol" => {
                let start = attribute(tag, "start").and_then(|start| start.trim().parse().ok());
                self.builder.start_list(Some(start.unwrap_or(1)));
            }
            "li" => self.builder.start_item(),
            "td" | "th" => self.builder.cell(),
            "pre" => {
                self.builder.end_block();
                self.verbatim = true;
            }
            name if is_block(name) => self.builder.end_block(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "br" => self.builder.line_break(),
            "strong" | "b" => self.builder.strong(false),
            "em" | "i" | "cite" | "dfn" | "var" => self.builder.emphasis(false),
            "a" => self.builder.end_link(),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.builder.heading(false),
            "ul" | "ol" | "menu" => self.builder.end_list(),
            "li" => self.builder.end_item(),
            "pre" => {
                self.verbatim = false;
                self.builder.end_block();
            }
            name if is_block(name) => self.builder.end_block(),
            _ => {}
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(&value.value).into_owned())
}

/// Whether browsers begin a new line for this tag.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "aside"
            | "header"
            | "footer"
            | "main"
            | "nav"
            | "address"
            | "blockquote"
            | "center"
            | "details"
            | "summary"
            | "dl"
            | "dt"
            | "dd"
            | "fieldset"
            | "figure"
            | "figcaption"
            | "form"
            | "hr"
            | "table"
            | "caption"
            | "body"
            | "option"
    )
}

//! The description of an event, in whatever format the application stores it. Made once for all mails of a notification.
//! What a text is made of and how it is written is left to `rich_text`.

mod detect;
pub(crate) mod html;
pub(crate) mod markdown;

use crate::config::content::description_format::DescriptionFormat;
use crate::content::layout;
use crate::content::rich_text::RichText;
use crate::text::clean::char_boundary;

/// How much of a source is read, in bytes. HTML of editors is several times as long as its text.
const SOURCE_MAX: usize = 300_000;

/// Longest text, in characters. Relays rarely accept more than 10 MB.
const DESCRIPTION_MAX: usize = 50_000;

/// Longest beginning, in characters.
const EXCERPT_MAX: usize = 600;

/// A description, whole and its beginning.
#[derive(Debug)]
pub struct Description {
    /// All of it, at most 50,000 characters.
    pub(crate) whole: RichText,
    /// Its beginning, at most 600 characters.
    pub(crate) excerpt: RichText,
    /// Whether `excerpt` is not all of it.
    pub has_more: bool,
}

impl Description {
    /// Reads `source`.
    #[must_use]
    pub fn read(source: &str, format: DescriptionFormat) -> Self {
        let source = &source[..char_boundary(source, SOURCE_MAX)];
        let text = match format {
            DescriptionFormat::Auto => rich_text(source, detect::detect(source)),
            format => rich_text(source, format),
        };
        let (whole, _) = text.cut(DESCRIPTION_MAX);
        let (excerpt, has_more) = whole.cut(EXCERPT_MAX);
        Self { whole, excerpt, has_more }
    }

    /// All that mails may show of it as HTML: as blocks, as lines, and its beginning.
    #[must_use]
    pub fn html(&self) -> [String; 3] {
        [self.whole.to_html(), self.whole.to_inline_html(), self.excerpt.to_html()]
    }
}

fn rich_text(source: &str, format: DescriptionFormat) -> RichText {
    match format {
        DescriptionFormat::Html => html::read(source),
        DescriptionFormat::Markdown => markdown::read(source),
        DescriptionFormat::Auto | DescriptionFormat::Text => RichText::plain(&layout::paragraphs(source)),
    }
}

#[cfg(test)]
mod tests;

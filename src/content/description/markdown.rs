//! Reads a text that came as Markdown (`CommonMark`). A line break in the source is one in the mail: people write descriptions into
//! fields of forms, where the lines are what they see.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::content::description::html;
use crate::content::rich_text::RichText;
use crate::content::rich_text::builder::Builder;

/// Reads a whole text.
pub(crate) fn read(markdown: &str) -> RichText {
    let mut builder = Builder::default();
    let mut is_code = false;
    // A block of HTML comes line by line.
    let mut html_block = String::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Html(html) => html_block.push_str(&html),
            Event::End(TagEnd::HtmlBlock) => {
                html::read_into(&std::mem::take(&mut html_block), &mut builder);
                builder.end_block();
            }
            Event::InlineHtml(html) => html::read_into(&html, &mut builder),
            Event::Text(text) if is_code => {
                text.split_inclusive('\n').for_each(|line| builder.line_of_code(line));
            }
            Event::Text(text) | Event::Code(text) => builder.words(&text),
            Event::SoftBreak | Event::HardBreak => builder.line_break(),
            Event::Rule => builder.end_block(),
            Event::Start(tag) => {
                is_code |= matches!(tag, Tag::CodeBlock(_));
                start(&tag, &mut builder);
            }
            Event::End(tag) => {
                is_code &= tag != TagEnd::CodeBlock;
                end(tag, &mut builder);
            }
            // Of extensions that are off.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                builder.words(&text);
            }
            Event::TaskListMarker(_) => {}
        }
    }
    builder.finish()
}

fn start(tag: &Tag<'_>, builder: &mut Builder) {
    match tag {
        Tag::Heading { .. } => builder.heading(true),
        Tag::List(first) => builder.start_list(*first),
        Tag::Item => builder.start_item(),
        Tag::Emphasis => builder.emphasis(true),
        Tag::Strong => builder.strong(true),
        Tag::Link { link_type: LinkType::Email, dest_url, .. } => {
            builder.start_link(&format!("mailto:{dest_url}"));
        }
        Tag::Link { dest_url, .. } => builder.start_link(dest_url),
        Tag::Paragraph | Tag::BlockQuote(_) | Tag::CodeBlock(_) | Tag::HtmlBlock => builder.end_block(),
        _ => {}
    }
}

fn end(tag: TagEnd, builder: &mut Builder) {
    match tag {
        TagEnd::Heading(_) => builder.heading(false),
        TagEnd::List(_) => builder.end_list(),
        TagEnd::Item => builder.end_item(),
        TagEnd::Emphasis => builder.emphasis(false),
        TagEnd::Strong => builder.strong(false),
        TagEnd::Link => builder.end_link(),
        TagEnd::Paragraph | TagEnd::BlockQuote(_) | TagEnd::CodeBlock => builder.end_block(),
        _ => {}
    }
}

//! Text with paragraphs, lists, emphasis and links, whatever format it came in. All that a mail shows of a text from outside goes
//! through this type: `to_html` and `to_text` write it, and can write nothing else than what it has. Reading formats is left to
//! `description`, finding links in words to `links`.

pub(crate) mod builder;
mod cut;
pub(crate) mod links;
pub(crate) mod phone;
mod pieces;
mod plain;
pub(crate) mod target;
mod to_html;
mod to_text;

use std::ops::Range;
use std::sync::Arc;

/// Paragraphs, headings and items of lists, in order. No block is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RichText {
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// What stands by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its text, in pieces of one look.
    pub runs: Vec<Run>,
}

/// What a block is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// A paragraph.
    #[default]
    Paragraph,
    /// A heading of any level: a bold paragraph. The mail has headings of its own.
    Heading,
    /// An item of a list.
    Item {
        /// 1 for a list that is in no other, at most [`DEPTH_MAX`], and at most one more than that of the item before.
        depth: usize,
        /// Its number in a numbered list.
        number: Option<u64>,
    },
}

/// Deeper lists are shown at this depth.
pub(crate) const DEPTH_MAX: usize = 5;

/// A piece of text with one look. It may have line breaks (`\n`), and has no other control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Run {
    /// The text.
    pub text: String,
    /// How it looks.
    pub look: Look,
    /// Where it leads to: what `target` has accepted. The pieces of one link share it.
    pub href: Option<Arc<str>>,
}

/// How text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Bold.
    pub strong: bool,
    /// Italic.
    pub emphasis: bool,
}

/// A place in words that is a link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// Where it leads to.
    pub href: String,
}

impl RichText {
    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

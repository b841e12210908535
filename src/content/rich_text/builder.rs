//! Puts a text together from what a reader of a format finds, in any order and number: nothing that is missing or too much in
//! the source makes a wrong text.

use std::sync::Arc;

use crate::content::rich_text::links::link_words;
use crate::content::rich_text::pieces::bound_pieces;
use crate::content::rich_text::target::{misleads, target};
use crate::content::rich_text::{Block, BlockKind, DEPTH_MAX, Look, RichText, Run};
use crate::text::clean::turns_direction;

/// How many blocks one link may hold. Each repeats its address, and one without an end would hold all of the text.
const LINK_BLOCKS_MAX: usize = 10;

/// A text in the making.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    blocks: Vec<Block>,
    /// The block in the making.
    kind: BlockKind,
    runs: Vec<Run>,
    /// What comes before the next word.
    gap: Gap,
    /// How many of them are open.
    strong: usize,
    emphasis: usize,
    heading: bool,
    lists: Vec<List>,
    link: Option<Link>,
}

/// White space that is not written yet, and that is left out at the beginning and at the end of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
}

#[derive(Debug)]
struct List {
    /// The number of the next item.
    next: Option<u64>,
}

/// A link in the making.
#[derive(Debug)]
struct Link {
    href: Arc<str>,
    /// Its first run in the block in the making.
    first: usize,
    /// How many blocks it may still hold.
    blocks_left: usize,
}

impl Builder {
    /// Adds words. White space of any length is one space.
    pub fn words(&mut self, text: &str) {
        for (number, word) in text.split(is_space).enumerate() {
            if number > 0 {
                self.gap = self.gap.max(Gap::Space);
            }
            self.push(word);
        }
    }

    /// Adds a line with its spaces, and a line break. A blank one ends the paragraph.
    pub fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            self.end_block();
        } else {
            self.push(line);
            self.gap = Gap::Line;
        }
    }

    /// Adds a line of code, with its spaces, and a line break if it has one.
    pub fn line_of_code(&mut self, line: &str) {
        self.push(line.trim_end());
        if line.ends_with('\n') {
            self.gap = Gap::Line;
        }
    }

    /// A cell of a table begins.
    pub fn cell(&mut self) {
        if !self.runs.is_empty() && self.gap != Gap::Line {
            self.words(" | ");
        }
    }

    /// Adds a line break. Two of them end the paragraph.
    pub fn line_break(&mut self) {
        if self.gap == Gap::Line && !matches!(self.kind, BlockKind::Item { .. }) {
            self.end_block();
        } else {
            self.gap = Gap::Line;
        }
    }

    /// Ends the paragraph. Inside an item, the next one begins on a new line.
    pub fn end_block(&mut self) {
        if matches!(self.kind, BlockKind::Item { .. }) && !self.lists.is_empty() {
            self.gap = Gap::Line;
        } else {
            self.flush();
        }
    }

    /// A heading begins or ends. Inside a list it is bold text.
    pub fn heading(&mut self, begins: bool) {
        self.end_block();
        if !self.lists.is_empty() {
            self.strong(begins);
            return;
        }
        self.heading = begins;
        self.kind = self.kind_outside_items();
    }

    /// Bold text begins or ends.
    pub fn strong(&mut self, begins: bool) {
        self.strong = counted(self.strong, begins);
    }

    /// Italic text begins or ends.
    pub fn emphasis(&mut self, begins: bool) {
        self.emphasis = counted(self.emphasis, begins);
    }

    /// A list begins, with its first number if it is numbered.
    pub fn start_list(&mut self, first: Option<u64>) {
        self.flush();
        self.lists.push(List { next: first });
    }

    /// A list ends.
    pub fn end_list(&mut self) {
        self.flush();
        self.lists.pop();
        self.kind = self.kind_outside_items();
    }

    /// An item begins, of the list that began last.
    pub fn start_item(&mut self) {
        self.flush();
        if self.lists.is_empty() {
            self.lists.push(List { next: None });
        }
        let number = self.lists.last_mut().and_then(|list| {
            let number = list.next?;
            list.next = Some(number.saturating_add(1));
            Some(number)
        });
        let before = match self.blocks.last().map(|block| block.kind) {
            Some(BlockKind::Item { depth, .. }) => depth,
            _ => 0,
        };
        let depth = self.lists.len().min(DEPTH_MAX).min(before + 1);
        self.kind = BlockKind::Item { depth, number };
    }

    /// An item ends.
    pub fn end_item(&mut self) {
        self.flush();
    }

    /// A link begins. One that was not ended ends here.
    pub fn start_link(&mut self, destination: &str) {
        self.end_link();
        if let Some(href) = target(destination) {
            let first = self.runs.len();
            self.link = Some(Link { href: href.into(), first, blocks_left: LINK_BLOCKS_MAX });
        }
    }

    /// A link ends. It is none if its text names another place.
    pub fn end_link(&mut self) {
        self.take_link();
    }

    fn take_link(&mut self) -> Option<Link> {
        let link = self.link.take()?;
        let runs = self.runs.get_mut(link.first..).unwrap_or_default();
        let text: String = runs.iter().map(|run| run.text.as_str()).collect();
        if misleads(&text, &link.href) {
            for run in runs {
                run.href = None;
            }
        }
        Some(link)
    }

    /// The text.
    pub fn finish(mut self) -> RichText {
        self.flush();
        let mut text = RichText { blocks: self.blocks };
        bound_pieces(&mut text);
        link_words(&mut text);
        text
    }

    fn kind_outside_items(&self) -> BlockKind {
        if self.heading { BlockKind::Heading } else { BlockKind::Paragraph }
    }

    /// Ends the block in the making.
    fn flush(&mut self) {
        let link = self.take_link();
        self.gap = Gap::None;
        let runs = std::mem::take(&mut self.runs);
        let has_text = runs.iter().any(|run| !run.text.trim().is_empty());
        if has_text {
            self.blocks.push(Block { kind: self.kind, runs });
        }
        if self.lists.is_empty() {
            self.kind = self.kind_outside_items();
        }
        // A link may hold several blocks.
        self.link = link.and_then(|Link { href, blocks_left, .. }| {
            let blocks_left = blocks_left - usize::from(has_text);
            (blocks_left > 0).then_some(Link { href, first: 0, blocks_left })
        });
    }

    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match std::mem::take(&mut self.gap) {
            Gap::None => {}
            _ if self.runs.is_empty() => {}
            Gap::Space => self.space(),
            Gap::Line => self.write("\n"),
        }
        self.write(text);
    }

    /// The space between two words that look different belongs to the plainer one, and to no link but that of both: links are
    /// underlined.
    fn space(&mut self) {
        let href = self.link.as_ref().map(|link| &link.href);
        match self.runs.last_mut() {
            Some(run) if run.href.is_none() && (run.look == Look::default() || href.is_some()) => {
                run.text.push(' ');
            }
            Some(run) if run.href.is_some() && href.is_some() && run.href.as_ref() != href => {
                self.runs.push(Run { text: " ".to_owned(), look: Look::default(), href: None });
            }
            _ => self.write(" "),
        }
    }

    fn write(&mut self, text: &str) {
        let look = Look { strong: self.strong > 0, emphasis: self.emphasis > 0 };
        let href = self.link.as_ref().map(|link| &link.href);
        let clean = text.chars().filter(|&c| c == '\n' || !(c.is_control() || turns_direction(c)));
        match self.runs.last_mut() {
            Some(run) if run.look == look && run.href.as_ref() == href => run.text.extend(clean),
            _ => self.runs.push(Run { text: clean.collect(), look, href: href.cloned() }),
        }
    }
}

fn counted(open: usize, begins: bool) -> usize {
    if begins { open.saturating_add(1) } else { open.saturating_sub(1) }
}

/// Not the space that keeps two words on a line.
fn is_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}')
}

#[cfg(test)]
mod tests;
